#include "dialect/webhook/custom_headers.h"

#include <algorithm>
#include <array>
#include <set>

#include <fmt/core.h>
#include <boost/json.hpp>

#include "base/text.h"

namespace postern::dialect::webhook {

namespace json = boost::json;

namespace {

constexpr std::string_view headers_field = "custom_headers";
constexpr std::size_t max_headers = 50;
constexpr std::size_t max_name = 128;
constexpr std::size_t max_value = 4096;

// The server itself sets the fields of framing and connection (RFC 9112 §6, RFC 9110 §7.6.1), and
// those by which a receiver recognizes its requests.
constexpr std::array<std::string_view, 13> reserved = {"host",
                                                       "content-length",
                                                       "transfer-encoding",
                                                       "connection",
                                                       "keep-alive",
                                                       "te",
                                                       "trailer",
                                                       "upgrade",
                                                       "expect",
                                                       "proxy-authorization",
                                                       "proxy-authenticate",
                                                       "proxy-connection",
                                                       "x-conduit-signature"};
constexpr std::array<std::string_view, 2> reserved_prefixes = {"webhook-", "x-postern-"};

bool is_token(std::string_view text) {
  // RFC 9110 §5.6.2 tchar.
  return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) {
    return is_alnum(c) || std::string_view("!#$%&'*+-.^_`|~").find(c) != std::string_view::npos;
  });
}

bool is_reserved(const std::string& lower_name) {
  return std::find(reserved.begin(), reserved.end(), lower_name) != reserved.end() ||
         std::any_of(reserved_prefixes.begin(), reserved_prefixes.end(),
                     [&](std::string_view prefix) { return lower_name.starts_with(prefix); });
}

/// What is wrong with a value (RFC 9110 §5.5); "" if it may be sent. Errors never quote the value,
/// which may be a secret.
std::string_view value_error(std::string_view value) {
  if (value.size() > max_value) return "has a value over 4096 octets";
  for (const char c : value) {
    const auto octet = static_cast<unsigned char>(c);
    if (c == '\r' || c == '\n') return "has a line break in its value";
    if ((octet < 0x20 && c != '\t') || octet == 0x7f) {
      return "has a control character in its value";
    }
  }
  return {};
}

}  // namespace

std::optional<std::map<std::string, std::string>> read_custom_headers(BodyReader& body) {
  const json::value* value = body.find(headers_field);
  if (value == nullptr) return std::nullopt;
  const auto wrong = [&](std::string sentence) {
    body.error(headers_field, std::move(sentence));
    return std::nullopt;
  };
  if (!value->is_object()) return wrong("must be an object of header names and strings");
  const json::object& object = value->get_object();
  if (object.size() > max_headers) {
    return wrong(fmt::format("has {} headers, {} are allowed", object.size(), max_headers));
  }
  std::map<std::string, std::string> headers;
  std::set<std::string> seen;
  for (const auto& member : object) {
    const std::string name(member.key());
    const std::string shown = printable(name, 64);
    if (name.size() > max_name || !is_token(name)) {
      return wrong(fmt::format("`{}` is not a header name", shown));
    }
    if (is_reserved(lower(name))) return wrong(fmt::format("`{}` is set by the server", shown));
    if (!seen.insert(lower(name)).second) return wrong(fmt::format("has `{}` twice", shown));
    if (!member.value().is_string()) return wrong(fmt::format("`{}` must be a string", shown));
    const std::string_view text = member.value().get_string();
    if (const std::string_view why = value_error(text); !why.empty()) {
      return wrong(fmt::format("`{}` {}", shown, why));
    }
    headers.emplace(name, text);
  }
  return headers;
}

bool names_content_type(const std::map<std::string, std::string>& headers) {
  return std::any_of(headers.begin(), headers.end(),
                     [](const auto& header) { return iequals(header.first, "content-type"); });
}

}  // namespace postern::dialect::webhook
