#include "net/http_target.h"

#include <algorithm>
#include <memory>

#include <curl/curl.h>
#include <fmt/format.h>

#include "base/address_guard.h"
#include "base/owned.h"
#include "base/text.h"

namespace postern::net {
namespace {

/// The part as text; nullopt: the URL does not have it.
std::optional<std::string> part(CURLU* url, CURLUPart which, unsigned flags = 0) {
  char* text = nullptr;
  if (curl_url_get(url, which, &text, flags) != CURLUE_OK) return std::nullopt;
  std::string copy = text;
  curl_free(text);
  return copy;
}

/// libcurl normalizes `127.1`, `0x7f.1` and `2130706433` to dotted quads. A host that still ends in
/// a number without being an address (`4294967297`, `1.2.3.4.5`) is invalid (WHATWG URL §3.5).
bool ends_in_number(std::string_view host) {
  const std::string_view last = split(host, '.').back();
  return !last.empty() &&
         (std::all_of(last.begin(), last.end(), is_digit) || istarts_with(last, "0x"));
}

Result<std::uint16_t> checked_port(CURLU* url, bool tls, const EgressRules& rules) {
  const std::optional<std::string> text = part(url, CURLUPART_PORT);
  const std::uint64_t port = text ? parse_number(*text).value_or(0) : (tls ? 443 : 80);
  if (port == 0 || port > 65535) return fail(Fault::denied, "the port must be 1 to 65535");
  const auto number = static_cast<std::uint16_t>(port);
  const auto& extra = rules.allow_ports;
  const bool allowed = rules.trusted || port == 80 || port == 443 || port > 1023 ||
                       std::find(extra.begin(), extra.end(), number) != extra.end();
  if (!allowed) return fail(Fault::denied, fmt::format("port {} is not allowed", port));
  return number;
}

Result<void> check_host(HttpTarget& target, const EgressRules& rules) {
  if (const Result<IpAddress> literal = IpAddress::parse(target.host)) {
    if (rules.refuses(*literal))
      return fail(Fault::denied, fmt::format("address {} is not allowed", literal->to_string()));
    target.address = *literal;
    return {};
  }
  const bool plain = std::all_of(target.host.begin(), target.host.end(), [](char c) {
    return is_alnum(c) || c == '-' || c == '.' || c == '_';
  });
  if (target.host.empty() || !plain || ends_in_number(target.host))
    return fail(Fault::denied, "the host is neither a name nor an address");
  if (is_localhost_name(target.host) && !rules.trusted)
    return fail(Fault::denied, "the host is this machine");
  return {};
}

}  // namespace

bool EgressRules::refuses(const IpAddress& address) const {
  return !trusted && refused(address, allow_networks);
}

bool is_localhost_name(std::string_view name) {
  if (!name.empty() && name.back() == '.') name.remove_suffix(1);
  constexpr std::string_view suffix = ".localhost";
  return iequals(name, "localhost") ||
         (name.size() > suffix.size() && iequals(name.substr(name.size() - suffix.size()), suffix));
}

Result<HttpTarget> parse_target(const std::string& text, const EgressRules& rules) {
  // Parsers disagree about control characters, blanks and octets above 127.
  if (!std::all_of(text.begin(), text.end(),
                   [](char c) { return c > 0x20 && c < 0x7f && c != '\\'; }))
    return fail(Fault::malformed, "the URL has characters that must be percent-encoded");
  const std::size_t colon = text.find("://");
  if (colon == std::string::npos || text.substr(colon + 3, 1) == "/")
    return fail(Fault::malformed, "not a URL: https://host/path is expected");
  const Owned<CURLU, curl_url_cleanup> url(curl_url());
  if (!url) throw std::bad_alloc();
  if (const CURLUcode error = curl_url_set(url.get(), CURLUPART_URL, text.c_str(),
                                           CURLU_NON_SUPPORT_SCHEME | CURLU_PATH_AS_IS);
      error != CURLUE_OK)
    return fail(Fault::malformed, fmt::format("not a URL: {}", curl_url_strerror(error)));

  HttpTarget target;
  const std::string scheme = part(url.get(), CURLUPART_SCHEME).value_or("");
  target.tls = scheme == "https";
  if (!target.tls && scheme != "http") return fail(Fault::denied, "the scheme must be https");
  if (!target.tls && !rules.allow_http) return fail(Fault::denied, "plain http is not allowed");
  if (part(url.get(), CURLUPART_USER) || part(url.get(), CURLUPART_PASSWORD))
    return fail(Fault::denied, "a URL with user information is not allowed");
  if (part(url.get(), CURLUPART_ZONEID)) return fail(Fault::denied, "a zone id is not allowed");
  const Result<std::uint16_t> port = checked_port(url.get(), target.tls, rules);
  if (!port) return tl::unexpected<Error>(port.error());
  target.port = *port;

  target.host = lower(part(url.get(), CURLUPART_HOST).value_or(""));
  const bool brackets = target.host.size() > 2 && target.host.front() == '[';
  if (brackets) target.host = target.host.substr(1, target.host.size() - 2);
  while (!target.host.empty() && target.host.back() == '.') target.host.pop_back();
  if (Result<void> allowed = check_host(target, rules); !allowed)
    return tl::unexpected<Error>(std::move(allowed.error()));
  if (!brackets) curl_url_set(url.get(), CURLUPART_HOST, target.host.c_str(), 0);
  curl_url_set(url.get(), CURLUPART_FRAGMENT, nullptr, 0);
  const std::optional<std::string> whole = part(url.get(), CURLUPART_URL);
  if (!whole) return fail(Fault::malformed, "not a URL");
  target.url = *whole;
  return target;
}

}  // namespace postern::net
