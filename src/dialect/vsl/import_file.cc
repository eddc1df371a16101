// Writes the postern.toml of an import and lists what the operator must decide.
#include <algorithm>
#include <array>
#include <tuple>

#include <fmt/format.h>

#include "base/amount.h"
#include "dialect/toml_text.h"
#include "dialect/vsl/import_parts.h"

namespace postern::dialect::vsl::vsmtp {

namespace {

using std::chrono::milliseconds;
using namespace std::chrono_literals;

/// The interfaces of vSMTP if the file names none.
const std::vector<Interface>& default_interfaces() {
  static const std::vector<Interface> all{{Interface::Kind::plain, "127.0.0.1:25"},
                                          {Interface::Kind::submission, "127.0.0.1:587"},
                                          {Interface::Kind::submissions, "127.0.0.1:465"}};
  return all;
}

class Writer {
 public:
  Writer(const Draft& draft, std::string_view file_name) : draft_(draft), file_name_(file_name) {}

  std::string write() {
    out_ = fmt::format("# Made from {} by `postern import vsmtp`.\n", file_name_);
    section("server");
    listeners();
    section("limits", patience());
    section("timeouts", command_time());
    section("queue", retries());
    section("dns");
    section("log");
    // Written even if it is empty: the operator adds `domain` and `policy` here.
    header("[vsl]");
    if (draft_.domain) line({"domain", toml_quoted(draft_.domain->value), draft_.domain->line});
    lines(draft_.sections.find("vsl"));
    virtual_domains();
    return std::move(out_);
  }

 private:
  void header(std::string_view words) { out_ += fmt::format("\n{}\n", words); }

  void line(const Line& one) {
    out_ += fmt::format("{} = {}", one.key, one.value);
    if (one.origin != 0) out_ += fmt::format("  # {}:{}", file_name_, one.origin);
    out_ += '\n';
  }

  void given(std::string_view key, const std::optional<Given>& value) {
    if (value) line({std::string(key), toml_quoted(value->value), value->line});
  }

  template <class Found>
  void lines(const Found& found) {
    if (found == draft_.sections.end()) return;
    std::vector<Line> sorted = found->second;
    std::ranges::sort(sorted, {}, [](const Line& one) { return std::tie(one.origin, one.key); });
    for (const Line& one : sorted) line(one);
  }

  void section(std::string_view name, const std::vector<Line>& more = {}) {
    const auto found = draft_.sections.find(name);
    if (found == draft_.sections.end() && more.empty()) return;
    header(fmt::format("[{}]", name));
    lines(found);
    for (const Line& one : more) line(one);
  }

  std::string_view tls_of(Interface::Kind kind) const {
    if (!draft_.certificate || !draft_.key) return "none";
    if (kind == Interface::Kind::submissions) return "implicit";
    if (kind == Interface::Kind::submission) return "required";
    // vSMTP offers STARTTLS if there is a [server.tls], unless security_level is None.
    const std::string level = draft_.security_level ? draft_.security_level->value : "May";
    return level == "None" ? "none" : level == "Encrypt" ? "required" : "starttls";
  }

  void listeners() {
    const bool own = !draft_.interfaces.empty();
    std::array<int, 3> count{};
    for (const Interface& one : own ? draft_.interfaces : default_interfaces()) {
      static constexpr std::array names{"smtp", "submission", "submissions"};
      const auto kind = static_cast<std::size_t>(one.kind);
      const std::string_view tls = tls_of(one.kind);
      // Without a certificate, there is no submissions port, and a submission port only if users
      // may send their passwords in clear.
      const bool in_clear = draft_.auth_in_clear && !draft_.auth_in_clear->value.empty();
      if (tls == "none" && one.kind == Interface::Kind::submissions) continue;
      if (tls == "none" && one.kind == Interface::Kind::submission && !in_clear) continue;
      const int number = ++count[kind];
      header("[[listener]]");
      line({"name", toml_quoted(names[kind] + (number > 1 ? fmt::format("-{}", number) : ""))});
      line({"address", toml_quoted(one.address), one.line});
      line({"tls", toml_quoted(tls), draft_.security_level ? draft_.security_level->line : 0});
      if (tls != "none") {
        given("certificate", draft_.certificate);
        given("key", draft_.key);
      }
      if (in_clear && tls != "implicit" && tls != "required") {
        line({"auth_without_tls", "true", draft_.auth_in_clear->line});
      }
    }
  }

  /// vSMTP's defaults for keys that the file lacks, if Postern's defaults differ.
  std::vector<Line> patience() const {
    const auto found = draft_.sections.find("limits");
    const auto has = [&](std::string_view key) {
      return found != draft_.sections.end() &&
             std::any_of(found->second.begin(), found->second.end(),
                         [&](const Line& one) { return one.key == key; });
    };
    if (has("error_delay")) return {};
    return {{"error_delay", R"("5s")"}};
  }

  std::vector<Line> command_time() const {
    if (draft_.longest_command == 0ms) return {};
    const milliseconds taken = std::clamp<milliseconds>(draft_.longest_command, 10ms, 24h);
    return {{"command", toml_quoted(duration_text(taken))}};
  }

  std::vector<Line> retries() const {
    if (!draft_.retries && !draft_.retry_delay) return {};
    std::vector<Line> out;
    const milliseconds period = draft_.retry_delay ? draft_.retry_period : milliseconds(5min);
    const std::uint32_t from = draft_.retry_delay ? draft_.retry_delay->line : 0;
    const std::string text = toml_quoted(duration_text(period));
    out.push_back({"first_retry", text, from});
    out.push_back({"longest_retry", text, from});
    const std::int64_t times = draft_.retries ? std::stoll(draft_.retries->value) : 100;
    const milliseconds whole = std::clamp<milliseconds>(period * times, 1h, 24h * 30);
    out.push_back(
        {"expire", toml_quoted(duration_text(whole)), draft_.retries ? draft_.retries->line : 0});
    return out;
  }

  void virtual_domains() {
    for (const auto& [name, domain] : draft_.virtual_domains) {
      header("[[vsl.virtual]]");
      line({"domain", toml_quoted(name), domain.line});
      given("dkim_key", domain.dkim_key);
      if (!domain.certificate || !domain.key) continue;
      given("certificate", domain.certificate);
      given("key", domain.key);
    }
  }

  const Draft& draft_;
  const std::string_view file_name_;
  std::string out_;
};

}  // namespace

std::string postern_toml(const Draft& draft, std::string_view file_name) {
  return Writer(draft, file_name).write();
}

std::vector<std::string> open_questions(const Draft& draft) {
  std::vector<std::string> out;
  if (!draft.domain) {
    out.push_back("server.domain is missing: set vsl.domain to the domain of your mail");
  }
  if (!draft.policy) {
    out.push_back(
        "app.vsl.filepath is missing: set vsl.policy, without which every connection is denied");
  }
  if (draft.interfaces.empty()) {
    out.push_back(
        "server.interfaces is missing: vSMTP's default applies, ports 25, 587 and 465 of "
        "127.0.0.1");
  }
  if (!draft.certificate || !draft.key) {
    out.push_back(
        "server.tls has no certificate and key: there is no STARTTLS and no listener for "
        "submissions; "
        "with tls = \"starttls\" Postern makes a certificate of its own");
  }
  for (const auto& [name, domain] : draft.virtual_domains) {
    if (domain.certificate.has_value() == domain.key.has_value()) continue;
    out.push_back(
        fmt::format("virtual domain {}: a certificate needs a key; both are left out", name));
  }
  if (draft.wants_authentication) {
    out.push_back(
        "authenticate() used saslauthd; here it uses the [[auth.source]] of postern.toml: "
        "docs/auth.md");
  }
  out.push_back(
      "maildir() and mbox() deliver where vsl.maildir and vsl.mbox say, not into home directories");
  return out;
}

}  // namespace postern::dialect::vsl::vsmtp
