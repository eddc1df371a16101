#include "smtp/xclient.h"

#include <algorithm>

#include "base/text.h"
#include "smtp/xtext.h"

namespace postern::smtp {
namespace {

constexpr std::size_t max_login = 256;

bool take_address(std::string_view value, Xclient& xclient) {
  if (istarts_with(value, "IPV6:")) value.remove_prefix(5);
  const Result<IpAddress> address = IpAddress::parse(value);
  if (address) xclient.address = *address;
  return address.has_value();
}

bool take_name(std::string_view value, Xclient& xclient) {
  const Result<mail::Domain> domain = mail::Domain::parse(value);
  if (domain) xclient.name = domain->text();
  return domain.has_value();
}

bool take_login(const std::string& value, Xclient& xclient) {
  const bool fit = !value.empty() && value.size() <= max_login && is_utf8(value) &&
                   std::none_of(value.begin(), value.end(), [](char c) {
                     return static_cast<unsigned char>(c) < 0x20 || c == 0x7f;
                   });
  if (fit) xclient.login = value;
  return fit;
}

bool take_attribute(std::string_view text, Xclient& xclient) {
  const std::size_t equals = text.find('=');
  if (equals == std::string_view::npos) return false;
  const std::string_view name = text.substr(0, equals);
  const std::optional<std::string> value = decode_xtext(text.substr(equals + 1));
  if (!value) return false;
  const bool unset = iequals(*value, "[UNAVAILABLE]") || iequals(*value, "[TEMPUNAVAIL]");
  if (iequals(name, "ADDR")) {
    if (unset) xclient.address = IpAddress::unknown();
    return unset || take_address(*value, xclient);
  }
  if (iequals(name, "NAME")) return unset || take_name(*value, xclient);
  if (iequals(name, "LOGIN")) return unset || take_login(*value, xclient);
  if (iequals(name, "HELO")) {
    if (!unset) xclient.helo = *value;
    return unset || fit_helo_name(*value);
  }
  if (iequals(name, "PROTO")) return iequals(*value, "SMTP") || iequals(*value, "ESMTP");
  return false;
}

}  // namespace

Parsed<Xclient> parse_xclient(std::string_view argument) {
  Xclient xclient;
  if (argument.empty())
    return tl::unexpected(Reply{501, {5, 5, 4}, "syntax: XCLIENT NAME=value ..."});
  for (const std::string_view attribute : split(argument, ' ')) {
    if (attribute.empty() || take_attribute(attribute, xclient)) continue;
    return tl::unexpected(Reply{501, {5, 5, 4}, "bad XCLIENT attribute: " + echo(attribute)});
  }
  return xclient;
}

}  // namespace postern::smtp
