// The meaning in Postern of each key of vSMTP 1.3.
#include <algorithm>
#include <array>

#include <fmt/format.h>

#include "base/amount.h"
#include "base/ip.h"
#include "base/text.h"
#include "dialect/toml_text.h"
#include "dialect/vsl/import_parts.h"

namespace postern::dialect::vsl::vsmtp {

namespace {

using std::chrono::milliseconds;
using namespace std::chrono_literals;

Verdict carried(std::string note = "") { return {Fate::carried, std::move(note)}; }
Verdict changed(std::string note) { return {Fate::changed, std::move(note)}; }
Verdict lost(std::string note) { return {Fate::not_supported, std::move(note)}; }
Verdict meaningless(std::string note) { return {Fate::meaningless, std::move(note)}; }

/// Sets a number, at most the highest that Postern takes.
Verdict set_number(Draft& draft, const Setting& setting, std::string_view section,
                   std::string_view key, std::int64_t high) {
  const std::string name = fmt::format("{}.{}", section, key);
  if (setting.number < 1) {
    return lost(fmt::format("{}: there is no \"unlimited\"; its default stays", name));
  }
  draft.set(section, key, std::to_string(std::min(setting.number, high)), setting);
  if (setting.number > high) return changed(fmt::format("{}: {} at most", name, high));
  return carried(name);
}

Verdict set_duration(Draft& draft, const Setting& setting, std::string_view section,
                     std::string_view key, milliseconds low, milliseconds high) {
  const milliseconds taken = std::clamp(setting.duration, low, high);
  draft.set(section, key, toml_quoted(duration_text(taken)), setting);
  const std::string name = fmt::format("{}.{}", section, key);
  if (taken == setting.duration) return carried(name);
  return changed(fmt::format("{}: {} to {}", name, duration_text(low), duration_text(high)));
}

Result<Verdict> domain(Draft& draft, const Setting& setting) {
  if (setting.text.empty()) return fail(Fault::malformed, "a domain name");
  draft.domain = {setting.text, setting.line};
  draft.set("server", "hostname", toml_quoted(setting.text), setting);
  return changed(
      "vsl.domain, and server.hostname: Postern greets with its host's name, which should be that "
      "of "
      "its PTR record");
}

/// Whether the text is "192.0.2.1:25" or "[2001:db8::1]:25", as both servers write it.
bool is_address_and_port(std::string_view text) {
  const auto parsed = parse_address_and_port(text);
  return parsed && parsed->port != 0 && parsed->address.is_v4() != parsed->bracketed;
}

template <Interface::Kind kind>
Result<Verdict> interface(Draft& draft, const Setting& setting) {
  for (const std::string& address : setting.texts) {
    if (!is_address_and_port(address)) {
      return fail(Fault::malformed, "addresses with ports: \"192.0.2.1:25\", \"[2001:db8::1]:25\"");
    }
  }
  for (const std::string& address : setting.texts) {
    draft.interfaces.push_back({kind, address, setting.line});
  }
  if (kind == Interface::Kind::plain) return carried("[[listener]]");
  if (kind == Interface::Kind::submissions) return carried("[[listener]] with tls = \"implicit\"");
  return changed(
      "[[listener]] with tls = \"required\"; vsl.must_be_authenticated or the rules, not the "
      "port, determine who must sign in");
}

Result<Verdict> security_level(Draft& draft, const Setting& setting) {
  if (setting.text != "None" && setting.text != "May" && setting.text != "Encrypt") {
    return fail(Fault::malformed, "\"None\", \"May\" or \"Encrypt\"");
  }
  draft.security_level = {setting.text, setting.line};
  return carried("listener.tls");
}

Result<Verdict> certificate(Draft& draft, const Setting& setting) {
  draft.certificate = {setting.text, setting.line};
  return carried("listener.certificate");
}

Result<Verdict> private_key(Draft& draft, const Setting& setting) {
  draft.key = {setting.text, setting.line};
  return carried("listener.key");
}

Result<Verdict> protocol_version(Draft&, const Setting& setting) {
  const auto& versions = setting.texts;
  if (std::find(versions.begin(), versions.end(), "TLSv1.2") == versions.end()) {
    return lost("TLS 1.2 is accepted too; there is no key for it");
  }
  return carried("TLS 1.2 and 1.3, always");
}

VirtualDomain& virtual_domain(Draft& draft, const Setting& setting) {
  return draft.virtual_domains[setting.parts[2]];
}

template <std::optional<Given> VirtualDomain::* member>
Result<Verdict> of_virtual(Draft& draft, const Setting& setting) {
  if (setting.texts.empty()) return fail(Fault::malformed, "the path of a file");
  virtual_domain(draft, setting).*member = {setting.texts.front(), setting.line};
  if (setting.texts.size() > 1) return changed("vsl.virtual: only the first file");
  return carried("vsl.virtual");
}

Result<Verdict> dkim_key(Draft& draft, const Setting& setting) {
  if (setting.texts.empty()) return fail(Fault::malformed, "the path of a file");
  draft.set("vsl", "dkim_key", toml_quoted(setting.texts.front()), setting);
  if (setting.texts.size() > 1) return changed("vsl.dkim_key: only the first file");
  return carried("vsl.dkim_key");
}

Result<Verdict> must_be_authenticated(Draft& draft, const Setting& setting) {
  draft.wants_authentication = draft.wants_authentication || setting.flag;
  draft.set("vsl", "must_be_authenticated", setting.flag ? "true" : "false", setting);
  return carried("vsl.must_be_authenticated");
}

Result<Verdict> auth_in_clear(Draft& draft, const Setting& setting) {
  draft.auth_in_clear = {setting.flag ? "true" : "", setting.line};
  if (!setting.flag) return carried("no AUTH outside TLS");
  return carried("listener.auth_without_tls: passwords cross the network in the clear");
}

Result<Verdict> mechanisms(Draft& draft, const Setting& setting) {
  draft.wants_authentication = true;
  std::string missing;
  for (const std::string& word : setting.texts) {
    if (iequals(word, "PLAIN") || iequals(word, "LOGIN")) continue;
    missing += (missing.empty() ? "" : ", ") + printable(word, 40);
  }
  if (missing.empty()) return carried("what is offered follows from the accounts: docs/auth.md");
  return lost(missing + ": rules see only PLAIN and LOGIN; accounts may have SCRAM (docs/auth.md)");
}

Result<Verdict> attempts(Draft& draft, const Setting& setting) {
  return set_number(draft, setting, "limits", "auth_failures", 1000);
}

Result<Verdict> client_time_limit(Draft& draft, const Setting& setting) {
  draft.longest_command = std::max(draft.longest_command, setting.duration);
  return changed("timeouts.command: one limit for all commands, the longest of these");
}

Result<Verdict> retries(Draft& draft, const Setting& setting) {
  if (setting.number < 1) return lost("queue.expire keeps its default");
  draft.retries = {std::to_string(std::min<std::int64_t>(setting.number, 100'000)), setting.line};
  return changed("queue.expire: the duration of these attempts");
}

Result<Verdict> retry_period(Draft& draft, const Setting& setting) {
  draft.retry_delay = {"", setting.line};
  draft.retry_period = std::clamp<milliseconds>(setting.duration, 1s, 24h);
  return carried("queue.first_retry and queue.longest_retry: every delay is this one");
}

Result<Verdict> dns_type(Draft& draft, const Setting& setting) {
  const std::string word = lower(setting.text);
  if (word == "system") return carried("the servers of /etc/resolv.conf");
  if (word == "custom") return lost("write the servers into dns.servers");
  if (word != "google" && word != "cloudflare") {
    return fail(Fault::malformed, R"("system", "google", "cloudflare" or "custom")");
  }
  draft.set("dns", "servers",
            word == "google" ? R"(["8.8.8.8", "8.8.4.4"])" : R"(["1.1.1.1", "1.0.0.1"])", setting);
  return carried("dns.servers");
}

Result<Verdict> policy(Draft& draft, const Setting& setting) {
  draft.policy = {setting.text, setting.line};
  draft.set("vsl", "policy", toml_quoted(setting.text), setting);
  return carried("vsl.policy");
}

Result<Verdict> log_level(Draft& draft, const Setting& setting) {
  // The first level that is not for a part of the program: "info", ["warn", "vsmtp_rule=debug"].
  const auto general =
      std::find_if(setting.texts.begin(), setting.texts.end(),
                   [](const auto& one) { return one.find('=') == std::string::npos; });
  std::string word = general == setting.texts.end() ? "info" : lower(*general);
  if (word == "trace") word = "debug";
  if (word == "warn") word = "warning";
  static constexpr std::array words{"debug", "info", "warning", "error"};
  if (std::find(words.begin(), words.end(), word) == words.end()) {
    return fail(Fault::malformed, R"("error", "warn", "info", "debug" or "trace")");
  }
  // Refusals and deliveries are of level info.
  const bool hides = word == "warning" || word == "error";
  draft.set("log", "level", toml_quoted(hides ? "info" : word), setting);
  if (hides) {
    return changed(
        fmt::format("log.level: with \"{}\" no refusal and no delivery would be in the log", word));
  }
  if (setting.texts.size() > 1) return changed("log.level: one level for everything");
  return carried("log.level");
}

Result<Verdict> threads(Draft& draft, const Setting& setting) {
  (void)set_number(draft, setting, "server", "threads", 1024);
  return changed("server.threads: the loops that serve sessions; the rest is sized by itself");
}

template <std::size_t length>
struct FixedText {
  constexpr FixedText(const char (&text)[length]) { std::copy_n(text, length, data); }
  char data[length] = {};
};

/// For keys that mean nothing in Postern; `reason` says why.
template <FixedText reason>
Result<Verdict> nothing(Draft&, const Setting&) {
  return meaningless(reason.data);
}

/// For keys that Postern does not support; `what` says what it has instead.
template <FixedText what>
Result<Verdict> gone(Draft&, const Setting&) {
  return lost(what.data);
}

template <FixedText section, FixedText key, std::int64_t high>
Result<Verdict> set_number_key(Draft& draft, const Setting& setting) {
  return set_number(draft, setting, section.data, key.data, high);
}

template <FixedText section, FixedText key, std::int64_t low, std::int64_t high>
Result<Verdict> set_time_key(Draft& draft, const Setting& setting) {
  return set_duration(draft, setting, section.data, key.data, milliseconds(low),
                      milliseconds(high));
}

Result<Verdict> app_directory(Draft& draft, const Setting& setting) {
  draft.set("vsl", "app_dir", toml_quoted(setting.text), setting);
  return changed("vsl.app_dir: of write() and dump(); quarantined mail is in the queue");
}

Result<Verdict> disable_ehlo(Draft&, const Setting& setting) {
  if (!setting.flag) return carried();
  return lost("EHLO is always accepted");
}

constexpr KnownKey keys[] = {
    {"version_requirement", Shape::text, nothing<"it is about vSMTP's version">},
    {"server.domain", Shape::text, domain},
    {"server.client_count_max", Shape::number, set_number_key<"limits", "sessions", 1'000'000>},
    {"server.message_size_limit", Shape::number,
     set_number_key<"limits", "message_size", 1LL << 32>},
    {"server.system.user", Shape::text, nothing<"the service manager sets Postern's user">},
    {"server.system.group", Shape::text, nothing<"the service manager sets Postern's user">},
    {"server.system.group_local", Shape::text, nothing<"local folders belong to Postern's user">},
    {"server.system.thread_pool.receiver", Shape::number, threads},
    {"server.system.thread_pool.processing", Shape::number, nothing<"see server.threads">},
    {"server.system.thread_pool.delivery", Shape::number, nothing<"see queue.concurrency">},
    {"server.interfaces.addr", Shape::texts, interface<Interface::Kind::plain>},
    {"server.interfaces.addr_submission", Shape::texts, interface<Interface::Kind::submission>},
    {"server.interfaces.addr_submissions", Shape::texts, interface<Interface::Kind::submissions>},
    {"server.logs.filename", Shape::text, gone<"the log goes to standard error (docs/logs.md)">},
    {"server.logs.filepath", Shape::text, gone<"the log goes to standard error (docs/logs.md)">},
    {"server.logs.format", Shape::any, nothing<"log.format is \"json\", \"text\" or \"journald\"">},
    {"server.logs.level", Shape::texts, log_level},
    {"server.logs.system.*", Shape::any, nothing<"under systemd the log goes to the journal">},
    {"server.queues.dirpath", Shape::text,
     gone<"the queue is below server.data_dir; let vSMTP deliver the mail in its own queue">},
    {"server.queues.working.channel_size", Shape::number, nothing<"there is no such channel">},
    {"server.queues.delivery.channel_size", Shape::number, nothing<"there is no such channel">},
    {"server.queues.delivery.deferred_retry_max", Shape::number, retries},
    {"server.queues.delivery.deferred_retry_period", Shape::duration, retry_period},
    {"server.tls.security_level", Shape::text, security_level},
    {"server.tls.certificate", Shape::text, certificate},
    {"server.tls.private_key", Shape::text, private_key},
    {"server.tls.protocol_version", Shape::texts, protocol_version},
    {"server.tls.handshake_timeout", Shape::duration,
     set_time_key<"timeouts", "tls_handshake", 10, 86'400'000>},
    {"server.tls.preempt_cipherlist", Shape::flag, nothing<"all ciphers on offer are good ones">},
    {"server.tls.cipher_suite", Shape::any, gone<"the ciphers are those of OpenSSL's defaults">},
    {"server.smtp.rcpt_count_max", Shape::number,
     set_number_key<"limits", "recipients", 1'000'000>},
    {"server.smtp.disable_ehlo", Shape::flag, disable_ehlo},
    {"server.smtp.required_extension", Shape::any, nothing<"extensions are always offered">},
    {"server.smtp.error.soft_count", Shape::number,
     set_number_key<"limits", "soft_errors", 1'000'000>},
    {"server.smtp.error.hard_count", Shape::number, set_number_key<"limits", "errors", 1'000'000>},
    {"server.smtp.error.delay", Shape::duration, set_time_key<"limits", "error_delay", 0, 60'000>},
    {"server.smtp.timeout_client.connect", Shape::duration, client_time_limit},
    {"server.smtp.timeout_client.helo", Shape::duration, client_time_limit},
    {"server.smtp.timeout_client.mail_from", Shape::duration, client_time_limit},
    {"server.smtp.timeout_client.rcpt_to", Shape::duration, client_time_limit},
    {"server.smtp.timeout_client.data", Shape::duration,
     set_time_key<"timeouts", "data_block", 10, 86'400'000>},
    {"server.smtp.auth.must_be_authenticated", Shape::flag, must_be_authenticated},
    {"server.smtp.auth.enable_dangerous_mechanism_in_clair", Shape::flag, auth_in_clear},
    {"server.smtp.auth.mechanism", Shape::texts, mechanisms},
    {"server.smtp.auth.mechanisms", Shape::texts, mechanisms},
    {"server.smtp.auth.attempt_count_max", Shape::number, attempts},
    {"server.smtp.codes.*", Shape::any,
     gone<"Postern's own replies have fixed texts; a rule's `code` object may have any">},
    {"server.dns.type", Shape::text, dns_type},
    {"server.dns.config.*", Shape::any, gone<"[dns] has servers and timeout">},
    {"server.dns.options.*", Shape::any, gone<"[dns] has servers and timeout">},
    {"server.dkim.private_key", Shape::texts, dkim_key},
    {"server.virtual.*.tls.certificate", Shape::texts, of_virtual<&VirtualDomain::certificate>},
    {"server.virtual.*.tls.private_key", Shape::texts, of_virtual<&VirtualDomain::key>},
    {"server.virtual.*.tls.protocol_version", Shape::texts, protocol_version},
    {"server.virtual.*.tls.sender_security_level", Shape::text,
     gone<"[relay] and [[route]] say how mail is sent">},
    {"server.virtual.*.dkim.private_key", Shape::texts, of_virtual<&VirtualDomain::dkim_key>},
    {"server.virtual.*.dns.type", Shape::text, gone<"one [dns] serves all domains">},
    {"server.virtual.*.dns.config.*", Shape::any, gone<"one [dns] serves all domains">},
    {"server.virtual.*.dns.options.*", Shape::any, gone<"one [dns] serves all domains">},
    {"app.dirpath", Shape::text, app_directory},
    {"app.vsl.filepath", Shape::text, policy},
    {"app.logs.filename", Shape::text, gone<"what scripts log is in the log: event script.log">},
    {"app.logs.filepath", Shape::text, gone<"what scripts log is in the log: event script.log">},
    {"app.logs.level", Shape::any, gone<"log.level is that of scripts too">},
    {"app.logs.format", Shape::any, nothing<"log.format is \"json\", \"text\" or \"journald\"">},
};

}  // namespace

std::span<const KnownKey> known_keys() { return keys; }

Result<milliseconds> parse_human_duration(std::string_view text) {
  struct Unit {
    std::string_view letters;
    std::int64_t length;
  };
  static constexpr Unit units[] = {{"ms msec millis", 1},
                                   {"s sec secs second seconds", 1'000},
                                   {"m min mins minute minutes", 60'000},
                                   {"h hr hrs hour hours", 3'600'000},
                                   {"d day days", 86'400'000},
                                   {"w week weeks", 604'800'000}};
  constexpr std::int64_t most = 3'650LL * 86'400'000;
  std::int64_t sum = 0;
  std::string_view rest = trim(text);
  if (rest.empty()) return fail(Fault::malformed, "no time");
  while (!rest.empty()) {
    const auto digits = std::min(rest.find_first_not_of("0123456789"), rest.size());
    std::int64_t number = 0;
    if (digits == 0 || digits > 12) return fail(Fault::malformed, "not a time");
    for (const char c : rest.substr(0, digits)) number = number * 10 + (c - '0');
    rest = trim(rest.substr(digits));
    const auto end = std::min(rest.find_first_of("0123456789 \t"), rest.size());
    const std::string_view word = rest.substr(0, end);
    const auto* const unit = std::find_if(std::begin(units), std::end(units), [&](const Unit& one) {
      const auto names = split(one.letters, ' ');
      return std::find(names.begin(), names.end(), word) != names.end();
    });
    if (word.empty() || unit == std::end(units)) return fail(Fault::malformed, "not a time");
    if (number > most / unit->length) return fail(Fault::malformed, "more than ten years");
    sum += number * unit->length;
    if (sum > most) return fail(Fault::malformed, "more than ten years");
    rest = trim(rest.substr(end));
  }
  return milliseconds(sum);
}

}  // namespace postern::dialect::vsl::vsmtp
