#include "dialect/webhook/target_url.h"

#include <algorithm>

#include <fmt/core.h>
#include <boost/url.hpp>

#include "base/address_guard.h"
#include "base/text.h"
#include "mail/address.h"

namespace postern::dialect::webhook {

namespace {

constexpr std::size_t max_url = 2048;
constexpr std::size_t max_host = 253;
constexpr std::size_t max_label = 63;

using Refusal = std::optional<std::string>;

/// Refuses characters that other parsers may strip, fold or read as another delimiter.
Refusal refuse_characters(std::string_view url) {
  if (url.empty()) return "must not be empty: an https URL, or \"inbox\"";
  if (url.size() > max_url) return fmt::format("is longer than {} octets", max_url);
  for (const char c : url) {
    if (c == '\\') return "must not hold a backslash";
    if (c == ' ') return "must not hold a blank; write %20";
    if (static_cast<unsigned char>(c) >= 0x80) {
      return "must be ASCII after the host name: percent-encode other characters";
    }
    if (!is_printable_ascii(c)) return "must not hold control characters";
  }
  return std::nullopt;
}

Refusal refuse_address(const IpAddress& address, const TargetRules& rules) {
  if (!refused(address, rules.allow_networks)) return std::nullopt;
  return fmt::format(
      "points to {} ({}); only public addresses can be posted to, unless the "
      "operator lists the network in allow_networks",
      address.to_string(), special_purpose(address));
}

/// Whether the last label may be read as a number by resolvers: 127.1, 0x7f.1, 2130706433.
bool ends_in_number(std::string_view host) {
  const std::string_view last = host.substr(host.rfind('.') + 1);
  if (std::all_of(last.begin(), last.end(), is_digit)) return true;
  return istarts_with(last, "0x");
}

Refusal refuse_name(std::string_view given) {
  if (given.find('%') != std::string_view::npos) {
    return "must not percent-encode the host name";
  }
  std::string host = lower(given);
  if (host.ends_with('.')) host.pop_back();
  if (host.empty()) return "has no host name";
  if (host.size() > max_host) return fmt::format("has a host name over {} octets", max_host);
  for (const std::string_view label : split(host, '.')) {
    const auto ldh = [](char c) { return is_alnum(c) || c == '-' || c == '_'; };
    if (label.empty() || label.size() > max_label || label.front() == '-' || label.back() == '-' ||
        !std::all_of(label.begin(), label.end(), ldh)) {
      return fmt::format("has an invalid host name, `{}`", printable(given, 64));
    }
  }
  if (ends_in_number(host)) {
    return fmt::format(
        "has `{}` as its host, a number that could be read as an address; write the "
        "address as four decimal numbers or use a name",
        printable(given, 64));
  }
  // RFC 6761 §6.3: these names always resolve to loopback.
  if (host == "localhost" || host.ends_with(".localhost")) {
    return "points to this machine (localhost)";
  }
  return std::nullopt;
}

Refusal refuse_host(std::string_view host, const TargetRules& rules) {
  if (host.starts_with('[')) {
    const Result<IpAddress> address = IpAddress::parse(host.substr(1, host.size() - 2));
    if (!address) return "has an address with a zone or of an unknown kind";
    return refuse_address(*address, rules);
  }
  const Result<IpAddress> address = IpAddress::parse(host);
  return address ? refuse_address(*address, rules) : refuse_name(host);
}

Refusal refuse_port(std::string_view text, const TargetRules& rules) {
  const std::uint16_t port = parse_port(text).value_or(0);
  if (port == 0) return "has a port outside 1 to 65535";
  const auto& allowed = rules.allow_ports;
  if (port == 80 || port == 443) return std::nullopt;
  if (std::find(allowed.begin(), allowed.end(), port) != allowed.end()) return std::nullopt;
  if (port >= 1024) return std::nullopt;
  return fmt::format(
      "has port {}; 80, 443 and 1024 to 65535 are allowed, others only when the "
      "operator lists them in allow_ports",
      port);
}

/// The text between `//` and the path or query (RFC 3986 §3.2). Not read by Boost.URL, because 1.81
/// ends the host of `https://1.2.3.4.5/` after the first four numbers.
std::string_view authority_of(std::string_view url) {
  const std::size_t colon = url.find(':');
  if (colon == std::string_view::npos) return {};
  if (url.substr(colon + 1, 2) != "//") return {};
  const std::string_view rest = url.substr(colon + 3);
  return rest.substr(0, rest.find_first_of("/?#"));
}

Refusal refuse_authority(std::string_view authority, const TargetRules& rules) {
  if (authority.empty()) return "has no host name";
  if (authority.find('@') != std::string_view::npos) {
    return "must not hold a user name or password";
  }
  const std::size_t bracket = authority.rfind(']');
  const std::size_t colon = authority.find(':', bracket == std::string_view::npos ? 0 : bracket);
  if (Refusal refusal = refuse_host(authority.substr(0, colon), rules)) return refusal;
  if (colon == std::string_view::npos) return std::nullopt;
  return refuse_port(authority.substr(colon + 1), rules);
}

}  // namespace

std::string with_ascii_host(std::string url) {
  const std::string_view authority = authority_of(url);
  const std::string_view host = authority.substr(0, authority.rfind(':'));
  if (std::ranges::all_of(host, [](char c) { return static_cast<unsigned char>(c) < 0x80; })) {
    return url;
  }
  const Result<mail::Domain> domain = mail::Domain::parse(host);
  if (!domain) return url;
  const auto at = static_cast<std::size_t>(host.data() - url.data());
  return url.replace(at, host.size(), domain->text());
}

Refusal refuse_target(std::string_view text, const TargetRules& rules) {
  if (text == inbox_target) return std::nullopt;
  if (Refusal refusal = refuse_characters(text)) return refusal;
  const auto parsed = boost::urls::parse_uri({text.data(), text.size()});
  if (parsed.has_error()) {
    return "is not a URL; write for example https://hooks.example.com/mail, or \"inbox\"";
  }
  const boost::urls::url_view& url = *parsed;
  const bool http = url.scheme_id() == boost::urls::scheme::http;
  if (!http && url.scheme_id() != boost::urls::scheme::https) return "must begin with https://";
  if (http && !rules.allow_http) {
    return "must be https; http is possible only when the operator sets allow_http";
  }
  if (url.has_fragment()) return "must not hold a fragment (`#`)";
  return refuse_authority(authority_of(text), rules);
}

}  // namespace postern::dialect::webhook
