#include "config/words.h"

#include <algorithm>
#include <initializer_list>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "base/amount.h"
#include "base/text.h"

namespace postern::app {

namespace {

std::string in_quotes(std::string_view text) { return fmt::format("`{}`", printable(text, 64)); }

std::string amount(const Key& key, std::uint64_t value) {
  if (key.kind == Kind::duration) return duration_text(Milliseconds(value));
  if (key.kind == Kind::size) return size_text(value);
  return std::to_string(value);
}

std::optional<Complaint> out_of_range(const Key& key, const std::string& value) {
  return Complaint{
      "C016",
      fmt::format("{} is outside {} to {}", value, amount(key, key.least), amount(key, key.most)),
      fmt::format("from {} to {}", amount(key, key.least), amount(key, key.most)), ""};
}

std::optional<Complaint> fill_amount(const Key& key, const Slot& slot, std::uint64_t value,
                                     const std::string& written) {
  if (value < key.least || value > key.most) return out_of_range(key, written);
  if (auto* const* duration = std::get_if<Milliseconds*>(&slot)) {
    **duration = Milliseconds(value);
  } else {
    *std::get<std::uint64_t*>(slot) = value;
  }
  return std::nullopt;
}

bool is_one_of(std::string_view text, std::initializer_list<std::string_view> words) {
  return std::any_of(words.begin(), words.end(),
                     [&](std::string_view word) { return iequals(text, word); });
}

/// Words for "off", for which no similar word is suggested.
bool means_off(std::string_view text) {
  return is_one_of(text, {"off", "no", "false", "disabled", "0"});
}
bool means_on(std::string_view text) {
  return is_one_of(text, {"on", "yes", "true", "enabled", "1"});
}

/// The choice that a word for on or off means: for "on" the default, or else the only choice that
/// is not "off".
std::optional<std::string_view> as_switch(const Key& key, std::string_view text) {
  std::vector<std::string_view> on;
  for (const std::string_view word : key.choices) {
    const bool is_off = is_one_of(word, {"none", "off", "never", "no"});
    if (is_off && means_off(text)) return word;
    if (!is_off) on.push_back(word);
  }
  if (!means_on(text)) return std::nullopt;
  for (const std::string_view word : on) {
    if (key.preset == fmt::format("\"{}\"", word)) return word;
  }
  return on.size() == 1 ? std::optional(on.front()) : std::nullopt;
}

std::string choices_of(const Key& key) {
  const auto but_last = key.choices.first(key.choices.size() - 1);
  return fmt::format("write \"{}\" or \"{}\"", fmt::join(but_last, "\", \""), key.choices.back());
}

std::optional<Complaint> fill_choice(const Key& key, const Slot& slot, std::string_view text) {
  const std::vector<std::string_view> words(key.choices.begin(), key.choices.end());
  for (std::size_t i = 0; i < words.size(); ++i) {
    if (words[i] != text) continue;
    std::visit(
        [&]<class T>(T* member) {
          if constexpr (std::is_enum_v<T>) *member = static_cast<T>(i);
          if constexpr (std::is_same_v<T, std::optional<relay::TlsLevel>>) {
            member->reset();
            if (i + 1 < words.size()) *member = static_cast<relay::TlsLevel>(i);
          }
        },
        slot);
    return std::nullopt;
  }
  const auto fits = as_switch(key, text);
  const bool switches = means_on(text) || means_off(text);
  const auto near = switches ? std::nullopt : nearest(text, words);
  return Complaint{"C017", fmt::format("{} is not one of the allowed values", in_quotes(text)),
                   fits   ? fmt::format("`{}` fits best", *fits)
                   : near ? fmt::format("did you mean `{}`?", *near)
                          : "",
                   choices_of(key)};
}

bool is_name(std::string_view text) {
  if (text.empty() || text.size() > 64) return false;
  return std::all_of(text.begin(), text.end(),
                     [](char c) { return is_alnum(c) || c == '-' || c == '_' || c == '.'; });
}

Complaint not_a_name(std::string_view text) {
  return {"C020", fmt::format("{} is not a name", in_quotes(text)),
          "1 to 64 letters, digits, `-`, `_`, `.`", ""};
}

std::optional<Complaint> fill_name(const Key& key, const Slot& slot, std::string_view text) {
  const bool none = text.empty() && key.preset == R"("")";
  if (!none && !is_name(text)) return not_a_name(text);
  *std::get<std::string*>(slot) = text;
  return std::nullopt;
}

Complaint not_a_domain(std::string_view text) {
  return {
      "C020", fmt::format("{} is not a domain name", in_quotes(text)),
      is_ascii(text) ? "labels of letters, digits and hyphens" : "write it in ASCII, as xn--...",
      ""};
}

std::optional<Complaint> fill_domain(const Key& key, const Slot& slot, std::string_view text) {
  const bool none = text.empty() && key.preset == R"("")";
  if (!none && !is_domain_name(text)) return not_a_domain(text);
  *std::get<std::string*>(slot) = lower(text);
  return std::nullopt;
}

std::optional<Complaint> fill_file(const Slot& slot, std::string_view text) {
  if (text.find('\0') != std::string_view::npos) {
    return Complaint{"C020", fmt::format("{} is not a file name", in_quotes(text)), "", ""};
  }
  if (auto* const* path = std::get_if<std::filesystem::path*>(&slot)) {
    if (text.empty()) {
      return Complaint{"C020", "an empty file name", "", ""};
    }
    **path = text;
    return std::nullopt;
  }
  *std::get<std::string*>(slot) = text;
  return std::nullopt;
}

std::optional<Complaint> fill_address(const Key& key, const Slot& slot, std::string_view text) {
  constexpr std::string_view passed = "systemd:";
  if ((key.section == "listener" || key.section == "api") && text.starts_with(passed)) {
    const std::string_view name = text.substr(passed.size());
    if (!is_name(name)) return not_a_name(name);
    *std::get<Endpoint*>(slot) = {IpAddress::v6({}), 0, std::string(name)};
    return std::nullopt;
  }
  const Result<Endpoint> endpoint = Endpoint::parse(text);
  if (!endpoint) return Complaint{"C019", endpoint.error().message, "", ""};
  *std::get<Endpoint*>(slot) = *endpoint;
  return std::nullopt;
}

std::optional<Complaint> fill_host(const Slot& slot, std::string_view text) {
  std::optional<IpAddress>& into = *std::get<std::optional<IpAddress>*>(slot);
  if (text.empty()) {
    into.reset();
    return std::nullopt;
  }
  const Result<IpAddress> address = IpAddress::parse(text);
  if (!address) return Complaint{"C019", address.error().message, "", ""};
  into = *address;
  return std::nullopt;
}

std::optional<Complaint> fill_line(const Slot& slot, std::string_view text) {
  if (!std::all_of(text.begin(), text.end(),
                   [](char c) { return static_cast<unsigned char>(c) >= 0x20 && c != 0x7f; })) {
    return Complaint{"C020", fmt::format("{} holds control characters", in_quotes(text)), "", ""};
  }
  *std::get<std::string*>(slot) = text;
  return std::nullopt;
}

std::optional<Complaint> fill_url(const Slot& slot, std::string_view text) {
  std::string_view rest = text;
  if (rest.ends_with('/')) rest.remove_suffix(1);
  const std::string_view kept = rest;
  const bool http = rest.starts_with("http://");
  if (http) rest.remove_prefix(7);
  const bool https = !http && rest.starts_with("https://");
  if (https) rest.remove_prefix(8);
  const bool plain = !rest.empty() && std::all_of(rest.begin(), rest.end(), [](char c) {
    return is_alnum(c) || c == '-' || c == '.' || c == ':' || c == '[' || c == ']';
  });
  if (!text.empty() && !((http || https) && plain)) {
    return Complaint{"C021", fmt::format("{} is not the address of a server", in_quotes(text)),
                     "scheme, host and port only",
                     "write for example `public_url = \"https://mail.example.com\"`"};
  }
  *std::get<std::string*>(slot) = kept;
  return std::nullopt;
}

}  // namespace

bool is_domain_name(std::string_view text) {
  if (text.empty() || text.size() > 253) return false;
  for (const std::string_view label : split(text, '.')) {
    if (label.empty() || label.size() > 63 || label.front() == '-' || label.back() == '-') {
      return false;
    }
    if (!std::all_of(label.begin(), label.end(), [](char c) { return is_alnum(c) || c == '-'; })) {
      return false;
    }
  }
  return true;
}

std::optional<Complaint> fill_text(const Key& key, const Slot& slot, std::string_view text) {
  switch (key.kind) {
    case Kind::duration: {
      const Result<Milliseconds> duration = parse_duration(text);
      if (!duration) return Complaint{"C014", duration.error().message, "", ""};
      return fill_amount(key, slot, static_cast<std::uint64_t>(duration->count()), in_quotes(text));
    }
    case Kind::size: {
      const Result<std::uint64_t> size = parse_size(text);
      if (!size) return Complaint{"C015", size.error().message, "", ""};
      return fill_amount(key, slot, *size, in_quotes(text));
    }
    case Kind::choice:
      return fill_choice(key, slot, text);
    case Kind::name:
      return fill_name(key, slot, text);
    case Kind::domain:
      return fill_domain(key, slot, text);
    case Kind::file:
    case Kind::secret:
    case Kind::folder:
      return fill_file(slot, text);
    case Kind::address:
      return fill_address(key, slot, text);
    case Kind::text:
      return fill_line(slot, text);
    case Kind::host:
      return fill_host(slot, text);
    case Kind::url:
      return fill_url(slot, text);
    default:
      return std::nullopt;  // flags, counts and lists are not written as text
  }
}

std::optional<Complaint> fill_number(const Key& key, const Slot& slot, std::int64_t number) {
  if (number < 0) return out_of_range(key, std::to_string(number));
  return fill_amount(key, slot, static_cast<std::uint64_t>(number), std::to_string(number));
}

std::optional<Complaint> ListFiller::add(std::string_view text) {
  if (key_.kind == Kind::servers || key_.kind == Kind::smtp_hosts) {
    const Result<Endpoint> server = Endpoint::parse(text, key_.kind == Kind::servers ? 53 : 25);
    if (!server) return Complaint{"C019", server.error().message, "", ""};
    servers_.push_back(*server);
    return std::nullopt;
  }
  if (key_.kind == Kind::names) {
    if (!is_name(text)) return not_a_name(text);
    names_.emplace_back(text);
    return std::nullopt;
  }
  if (key_.kind == Kind::durations) {
    const Result<Milliseconds> duration = parse_duration(text);
    if (!duration) return Complaint{"C014", duration.error().message, "", ""};
    if (duration->count() < static_cast<std::int64_t>(key_.least) ||
        duration->count() > static_cast<std::int64_t>(key_.most)) {
      return out_of_range(key_, in_quotes(text));
    }
    durations_.push_back(*duration);
    return std::nullopt;
  }
  if (key_.kind == Kind::domains) {
    if (!is_domain_name(text)) return not_a_domain(text);
    names_.push_back(lower(text));
    return std::nullopt;
  }
  if (key_.kind == Kind::texts) {
    names_.emplace_back(text);
    return std::nullopt;
  }
  const Result<Cidr> network = Cidr::parse(text);
  if (!network) {
    return Complaint{"C018", network.error().message, "", ""};
  }
  networks_.push_back(*network);
  return std::nullopt;
}

std::optional<Complaint> ListFiller::add(std::int64_t number) {
  if (number < 1 || number > 65535) {
    return Complaint{"C016", fmt::format("{} is not a port number", number), "from 1 to 65535", ""};
  }
  ports_.push_back(static_cast<std::uint16_t>(number));
  return std::nullopt;
}

void ListFiller::finish() {
  if (auto* const* set = std::get_if<CidrSet*>(&slot_)) **set = CidrSet(std::move(networks_));
  if (auto* const* list = std::get_if<std::vector<Endpoint>*>(&slot_)) **list = std::move(servers_);
  if (auto* const* list = std::get_if<std::vector<std::uint16_t>*>(&slot_)) {
    **list = std::move(ports_);
  }
  if (auto* const* list = std::get_if<std::vector<Milliseconds>*>(&slot_))
    **list = std::move(durations_);
  if (auto* const* list = std::get_if<std::vector<std::string>*>(&slot_))
    **list = std::move(names_);
}

std::string_view tls_text(gateway::ListenerTls mode) {
  using gateway::ListenerTls;
  switch (mode) {
    case ListenerTls::starttls:
      return "STARTTLS";
    case ListenerTls::implicit:
      return "implicit TLS";
    case ListenerTls::none:
      return "no TLS";
    case ListenerTls::required:
      return "STARTTLS required";
  }
  return "";
}

std::string example_value(const Key& key) {
  switch (key.kind) {
    case Kind::networks:
      return R"(["192.0.2.0/24", "2001:db8::/32"])";
    case Kind::servers:
      return R"(["192.0.2.53"])";
    case Kind::ports:
      return "[8080]";
    case Kind::names:
      return R"(["acc_01HX0000000000000000000000"])";
    case Kind::durations:
      return R"(["5s", "5m", "30m"])";
    case Kind::domains:
      return R"(["mx.example.com"])";
    case Kind::texts:
      if (key.name == "tlsa") return R"(["3 1 1 <64 hex digits>"])";
      return key.name == "match" ? R"(["example.org"])" : R"(["mx.example.com"])";
    case Kind::text:
      return R"("gateway")";
    case Kind::host:
      return key.name == "v6" ? R"("2001:db8::1")" : R"("192.0.2.1")";
    case Kind::smtp_hosts:
      return R"(["192.0.2.1"])";
    case Kind::url:
      return R"("https://mail.example.com")";
    case Kind::domain:
      return R"("mail.example.com")";
    case Kind::name:
      return key.name == "node" ? R"("mx1")" : std::string(key.preset);
    case Kind::folder:
      if (key.preset == R"("")") return fmt::format("\"/etc/postern/{}\"", key.name);
      return std::string(key.preset);
    case Kind::file:
    case Kind::secret:
      if (key.preset == R"("")") return fmt::format("\"/etc/postern/{}.pem\"", key.name);
      return std::string(key.preset);
    default:
      return std::string(key.preset);
  }
}

}  // namespace postern::app
