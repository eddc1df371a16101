#include "dialect/kumo/http_response.h"

#include <algorithm>
#include <optional>

#include "base/text.h"
#include "script/state.h"

namespace postern::dialect::kumo {

namespace json = boost::json;
using script::bind;
using script::Built;
using script::Call;
using script::demand;
using script::HostFunction;

const std::string* HttpResponse::field(std::string_view name) const {
  for (const auto& [known, value] : fields) {
    if (iequals(known, name)) return &value;
  }
  return nullptr;
}

namespace {

/// Replaces each octet that is not UTF-8 by U+FFFD.
std::string repaired(std::string_view octets) {
  std::string text;
  while (!octets.empty()) {
    std::size_t size = 1;
    while (size <= std::min<std::size_t>(4, octets.size()) && !is_utf8(octets.substr(0, size)))
      ++size;
    const bool good = size <= std::min<std::size_t>(4, octets.size());
    text += good ? octets.substr(0, size) : std::string_view("\xef\xbf\xbd");
    octets.remove_prefix(good ? size : 1);
  }
  return text;
}

/// The charset parameter of Content-Type (RFC 9110 §8.3.2), in lower case; "" without one.
std::string charset_of(const HttpResponse& response) {
  const std::string* const type = response.field("Content-Type");
  if (type == nullptr) return {};
  for (std::string_view part : split(*type, ';')) {
    part = trim(part);
    if (!istarts_with(part, "charset=")) continue;
    part = trim(part.substr(8));
    if (part.size() >= 2 && part.front() == '"' && part.back() == '"')
      part = part.substr(1, part.size() - 2);
    return lower(part);
  }
  return {};
}

}  // namespace

std::string HttpResponse::text() const {
  std::string_view octets = body;
  const std::string charset = charset_of(*this);
  demand(charset.empty() || charset == "utf-8" || charset == "utf8" || charset == "us-ascii",
         "http: the answer is not UTF-8 but " + printable(charset, 40) + "; `bytes()` has it");
  if (octets.starts_with("\xef\xbb\xbf")) octets.remove_prefix(3);
  return is_utf8(octets) ? std::string(octets) : repaired(octets);
}

namespace {

/// Recorded separately: the other parts of the response may be withheld from a record, while the
/// status is no secret.
std::int64_t status_code(Call& call, AResponse response) {
  const auto ask = [&response]() -> json::value { return response->status; };
  return call.told_by("status_code", ask, script::Source::facts).to_number<std::int64_t>();
}

/// The reason phrases of RFC 9110 §15 and RFC 6585 §3 to §6.
std::optional<std::string_view> status_reason(Call& call, AResponse response) {
  static constexpr std::pair<int, std::string_view> reasons[] = {
      {200, "OK"},
      {201, "Created"},
      {202, "Accepted"},
      {203, "Non-Authoritative Information"},
      {204, "No Content"},
      {205, "Reset Content"},
      {206, "Partial Content"},
      {300, "Multiple Choices"},
      {301, "Moved Permanently"},
      {302, "Found"},
      {303, "See Other"},
      {304, "Not Modified"},
      {307, "Temporary Redirect"},
      {308, "Permanent Redirect"},
      {400, "Bad Request"},
      {401, "Unauthorized"},
      {402, "Payment Required"},
      {403, "Forbidden"},
      {404, "Not Found"},
      {405, "Method Not Allowed"},
      {406, "Not Acceptable"},
      {407, "Proxy Authentication Required"},
      {408, "Request Timeout"},
      {409, "Conflict"},
      {410, "Gone"},
      {411, "Length Required"},
      {412, "Precondition Failed"},
      {413, "Content Too Large"},
      {414, "URI Too Long"},
      {415, "Unsupported Media Type"},
      {417, "Expectation Failed"},
      {421, "Misdirected Request"},
      {422, "Unprocessable Content"},
      {426, "Upgrade Required"},
      {428, "Precondition Required"},
      {429, "Too Many Requests"},
      {431, "Request Header Fields Too Large"},
      {500, "Internal Server Error"},
      {501, "Not Implemented"},
      {502, "Bad Gateway"},
      {503, "Service Unavailable"},
      {504, "Gateway Timeout"},
      {505, "HTTP Version Not Supported"},
      {511, "Network Authentication Required"}};
  const auto found = std::ranges::find(reasons, status_code(call, std::move(response)),
                                       &std::pair<int, std::string_view>::first);
  return found != std::end(reasons) ? std::optional(found->second) : std::nullopt;
}

template <int hundreds>
bool status_is(Call& call, AResponse response) {
  return status_code(call, std::move(response)) / 100 == hundreds;
}

/// __index of the table below: looks names up regardless of case.
int field_by_name(lua_State* L) {
  return script::stack::guarded(L, [](lua_State* inner) {
    if (lua_type(inner, 2) != LUA_TSTRING) return 0;
    script::stack::push(inner, lower(script::stack::text_at(inner, 2)));
    lua_rawget(inner, 1);
    return 1;
  });
}

Built response_headers(AResponse response) {
  return {[response](lua_State* L) {
    lua_newtable(L);
    for (const auto& [name, value] : response->fields) {
      if (response->field(name) != &value) continue;
      script::stack::push(L, lower(name));
      script::stack::push(L, std::string_view(value));
      lua_rawset(L, -3);
    }
    lua_createtable(L, 0, 1);
    lua_pushcfunction(L, field_by_name);
    lua_setfield(L, -2, "__index");
    lua_setmetatable(L, -2);
  }};
}

std::optional<std::int64_t> content_length(AResponse response) {
  const std::string* const field = response->field("Content-Length");
  const auto length = field != nullptr ? parse_number(trim(*field)) : std::nullopt;
  if (!length) return std::nullopt;
  return static_cast<std::int64_t>(*length);
}

std::string bytes(AResponse response) { return response->body; }

std::string text(AResponse response) { return response->text(); }

constexpr HostFunction http_response_rows[] = {
    {"HttpResponse:status_code", "", "integer", "The status.", bind<&status_code>},
    {"HttpResponse:status_reason", "", "string|nil", "The name of the status.",
     bind<&status_reason>},
    {"HttpResponse:status_is_informational", "", "boolean", "Whether it is 100 to 199.",
     bind<&status_is<1>>},
    {"HttpResponse:status_is_success", "", "boolean", "Whether it is 200 to 299.",
     bind<&status_is<2>>},
    {"HttpResponse:status_is_redirection", "", "boolean", "Whether it is 300 to 399.",
     bind<&status_is<3>>},
    {"HttpResponse:status_is_client_error", "", "boolean", "Whether it is 400 to 499.",
     bind<&status_is<4>>},
    {"HttpResponse:status_is_server_error", "", "boolean", "Whether it is 500 to 599.",
     bind<&status_is<5>>},
    {"HttpResponse:headers", "", "table<string, string>",
     "The first header field of each name. Names are in lower case in `pairs`; a lookup ignores "
     "case.",
     bind<&response_headers>},
    {"HttpResponse:content_length", "", "integer|nil", "The value of Content-Length.",
     bind<&content_length>},
    {"HttpResponse:bytes", "", "string", "The body.", bind<&bytes>},
    {"HttpResponse:text", "", "string",
     "The body as UTF-8, without a byte order mark; other octets become U+FFFD. A body of another "
     "charset is an error.",
     bind<&text>},
};

}  // namespace

script::HostTable http_response_functions() { return http_response_rows; }

}  // namespace postern::dialect::kumo
