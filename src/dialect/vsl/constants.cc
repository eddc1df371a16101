#include "dialect/vsl/constants.h"

#include <algorithm>

#include "base/ip.h"
#include "base/text.h"
#include "dialect/vsl/functions.h"
#include "dialect/vsl/object.h"
#include "mail/address.h"
#include "mail/header_fields.h"
#include "mail/hostname.h"
#include "mailauth/dkim/canonical.h"
#include "mailauth/names.h"
#include "script/bind.h"

namespace postern::dialect::vsl {

namespace {

std::string marked(std::string_view text) { return "`" + printable(text, 100) + "`"; }

/// "192.0.2.1", "192.0.2.1:25", "2001:db8::1", "[2001:db8::1]:25", "mx.example", "mx.example:25".
bool is_target(std::string_view text) {
  const auto split = split_port(text);
  if (!split || (split->port && parse_port(*split->port).value_or(0) == 0)) return false;
  const auto address = IpAddress::from_text(split->host);
  if (split->bracketed) return address && !address->is_v4();
  return address || mail::is_hostname(split->host);
}

constexpr std::string_view scheme = "smtp://";

constexpr Demanded constant_table[] = {
    {"lookup", 0, refused_host},
    {"rlookup", 0, refused_ip},
    {"get_root_domain", 0, refused_domain},
    {"forward", 1, refused_target},
    {"forward_all", 0, refused_target},
    {"append_header", 0, refused_field},
    {"append_header", 1, refused_field_value},
    {"prepend_header", 0, refused_field},
    {"prepend_header", 1, refused_field_value},
    {"set_header", 0, refused_field},
    {"set_header", 1, refused_field_value},
    {"rename_header", 1, refused_field},
    {"quarantine", 0, refused_queue},
    {"check_mail_relay", 0, refused_hosts},
    {"check_rcpt_relay", 0, refused_hosts},
    {"sign_dkim", Demanded::last_of_three, refused_forms},
    {"dkim_sign", Demanded::last_of_three, refused_forms},
};

}  // namespace

std::span<const Demanded> demanded() { return constant_table; }

void demand_text(std::string (*refused)(std::string_view), std::string_view text) {
  const std::string why = refused(text);
  script::demand(why.empty(), why);
}

std::string refused_host(std::string_view text) {
  if (IpAddress::from_text(text) || mailauth::normalize_domain(text)) return {};
  return marked(text) + " is no domain name";
}

std::string refused_ip(std::string_view text) {
  if (IpAddress::from_text(text)) return {};
  return "invalid type conversion expected: `ip address`, but got: " + marked(text);
}

std::string refused_domain(std::string_view text) {
  const std::size_t at = text.rfind('@');
  if (mailauth::normalize_domain(at == std::string_view::npos ? text : text.substr(at + 1))) {
    return {};
  }
  return marked(text) + " is no domain name";
}

std::string refused_hosts(std::string_view text) {
  const bool v6 = text.find(':') != std::string_view::npos;
  const auto type = v6 ? Object::Type::rg6 : Object::Type::rg4;
  if (Object::make(type, std::string(text)) || mail::Domain::parse(text)) return {};
  return marked(text) + " is no address, range or name of hosts";
}

std::string host_of_target(std::string_view text) {
  if (!text.starts_with(scheme)) return std::string(text);
  text.remove_prefix(scheme.size());
  if (text.ends_with('/')) text.remove_suffix(1);
  return std::string(text);
}

std::string refused_target(std::string_view text) {
  if (text.find("://") != std::string_view::npos &&
      (!text.starts_with(scheme) || text.find_first_of("@?") != std::string_view::npos)) {
    return "a target is `smtp://HOST:PORT` at most: a login, TLS and other options of a next hop "
           "are those of a [[route]]";
  }
  const std::string host = host_of_target(text);
  if (is_target(host)) return {};
  return marked(host) + " is no target: an address or a host name, with or without a port";
}

std::string refused_field(std::string_view name) {
  const auto field = mail::header_field(name, {});
  return field ? std::string() : field.error().message;
}

std::string refused_field_value(std::string_view value) {
  const auto field = mail::header_field("Subject", value);
  return field ? std::string() : field.error().message;
}

std::string refused_queue(std::string_view text) {
  const auto fit = [](char c) {
    return is_alnum(c) || c == '.' || c == '-' || c == '_' || c == '/';
  };
  const std::vector<std::string_view> parts = split(text, '/');
  const bool is_name = !text.empty() && text.size() <= 200 && std::ranges::all_of(text, fit) &&
                       std::ranges::none_of(parts, [](std::string_view part) {
                         return part.empty() || part == "." || part == "..";
                       });
  if (is_name) return {};
  return marked(text) + " is no name of a queue: letters, digits and .-_ with / between them";
}

std::string refused_forms(std::string_view text) {
  if (mailauth::dkim::parse_forms(text)) return {};
  return marked(text) + " is no canonicalization such as simple/relaxed";
}

}  // namespace postern::dialect::vsl
