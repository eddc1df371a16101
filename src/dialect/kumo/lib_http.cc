// kumo.http: HTTP requests to other servers. They do not block the event loop.
#include <algorithm>
#include <map>

#include <fmt/format.h>
#include <boost/json.hpp>
#include <boost/url.hpp>

#include "base/text.h"
#include "dialect/kumo/elsewhere.h"
#include "dialect/kumo/http_response.h"
#include "dialect/kumo/library.h"
#include "script/duration.h"
#include "script/state.h"

namespace postern::dialect::kumo {

namespace json = boost::json;
using script::bind;
using script::Call;
using script::demand;
using script::HostFunction;

namespace {

using Milliseconds = std::chrono::milliseconds;

struct Client {
  std::string user_agent;
  Milliseconds timeout{std::chrono::seconds(60)};
};

struct Request {
  script::HttpQuestion question;
  Milliseconds timeout{0};
};

using AClient = std::shared_ptr<Client>;
using ARequest = std::shared_ptr<Request>;

}  // namespace

}  // namespace postern::dialect::kumo

template <>
struct postern::script::ClassName<postern::dialect::kumo::Client> {
  static constexpr std::string_view value = "HttpClient";
};
template <>
struct postern::script::ClassName<postern::dialect::kumo::Request> {
  static constexpr std::string_view value = "HttpRequest";
};
namespace postern::dialect::kumo {

namespace {

std::string form_text(const json::value& value) {
  if (value.is_string()) return std::string(value.get_string());
  demand(value.is_number(), "http: a value must be a text or a number");
  return json::serialize(value);
}

/// KumoMTA ignores options that it does not know, and policies in use name some.
void ignore(Call& call, std::string_view name) {
  static const std::vector<std::string_view> known{"user_agent", "timeout", "pool_idle_timeout",
                                                   "connection_verbose", "accept_invalid_certs"};
  std::string text = fmt::format(
      "kumo.http.build_client: the option `{}` has no effect, as in "
      "KumoMTA",
      printable(name, 64));
  if (const auto near = nearest(name, known)) {
    text += fmt::format("; did you mean `{}`?", *near);
  } else if (name == "headers") {
    text += ": set them with the request's `headers`";
  }
  if (call.context<void>() == nullptr) {
    report_elsewhere(call, text);
  } else {  // for each message
    call.world().log("debug", call.state().place(), text);
  }
}

AClient build_client(Call& call, json::value options) {
  const bool none = options.is_array() && options.get_array().empty();
  if (none) return std::make_shared<Client>();
  demand(options.is_object(), "http: a table of options is expected");
  auto client = std::make_shared<Client>();
  for (const auto& [name, value] : options.get_object()) {
    const auto is = [&name](std::string_view one) { return std::string_view(name) == one; };
    const auto flag = [&] {
      demand(value.is_bool(),
             fmt::format("http: {} must be true or false", std::string_view(name)));
      return value.get_bool();
    };
    if (is("user_agent")) {
      demand(value.is_string(), "http: user_agent must be a string");
      client->user_agent = value.get_string();
    } else if (is("timeout")) {
      client->timeout = script::duration_of(value);
    } else if (is("pool_idle_timeout")) {
      script::duration_of(value);  // connections are shared by all clients
    } else if (is("connection_verbose")) {
      flag();
    } else if (is("accept_invalid_certs")) {
      demand(!flag(),
             "http: certificates are always verified; name the roots of your own in `lua.ca`");
    } else {
      ignore(call, name);
    }
  }
  return client;
}

ARequest request(const AClient& client, std::string method, std::string url) {
  auto made = std::make_shared<Request>();
  made->question.method = std::move(method);
  made->question.url = std::move(url);
  made->timeout = client->timeout;
  if (!client->user_agent.empty())
    made->question.headers.emplace_back("User-Agent", client->user_agent);
  return made;
}
ARequest get_request(AClient client, std::string url) {
  return request(client, "GET", std::move(url));
}
ARequest post(AClient client, std::string url) { return request(client, "POST", std::move(url)); }
ARequest put_request(AClient client, std::string url) {
  return request(client, "PUT", std::move(url));
}
void close_client(AClient) {}

/// Replaces a field of the same name.
ARequest header(ARequest request, std::string name, std::string value) {
  demand(request->question.headers.size() < 200, "http: too many headers");
  std::erase_if(request->question.headers,
                [&name](const auto& known) { return iequals(known.first, name); });
  request->question.headers.emplace_back(std::move(name), std::move(value));
  return request;
}

/// Adds Authorization and keeps the credentials out of the log.
ARequest authorize(Call& call, ARequest request, std::string_view scheme, std::string secret) {
  call.keep_secret(secret);
  return header(std::move(request), "Authorization", fmt::format("{} {}", scheme, secret));
}
/// RFC 7617 §2.
ARequest basic_auth(Call& call, ARequest request, std::string user,
                    std::optional<std::string> password) {
  demand(user.find(':') == std::string::npos, "http: a user's name cannot have a colon");
  if (password) call.keep_secret(*password);
  return authorize(call, std::move(request), "Basic",
                   base64_encode(user + ":" + password.value_or("")));
}
/// RFC 6750 §2.1.
ARequest bearer_auth(Call& call, ARequest request, std::string token) {
  return authorize(call, std::move(request), "Bearer", std::move(token));
}

ARequest body(ARequest request, std::string octets) {
  demand(request->question.method != "GET", "http: GET has no body");
  demand(octets.size() <= largest_text, "http: the body is longer than 16 MiB");
  request->question.body = std::move(octets);
  return request;
}

/// The members of a table as text, sorted by name.
std::map<std::string, std::string> members(const json::value& table) {
  std::map<std::string, std::string> found;
  demand(table.is_object(), "http: a table of names and values is expected");
  for (const auto& [name, value] : table.get_object()) found.emplace(name, form_text(value));
  return found;
}

ARequest headers(ARequest request, json::value fields) {
  for (const auto& [name, value] : members(fields)) header(request, name, value);
  return request;
}

/// Encodes application/x-www-form-urlencoded as browsers do (WHATWG URL §5.2).
std::string form_of(const json::value& parameters) {
  boost::urls::encoding_opts as_form;
  as_form.space_as_plus = true;
  const auto encoded = [&as_form](const std::string& text) {
    return boost::urls::encode(text, boost::urls::unreserved_chars, as_form);
  };
  std::string form;
  for (const auto& [name, value] : members(parameters)) {
    if (!form.empty()) form += '&';
    form += encoded(name) + '=' + encoded(value);
  }
  return form;
}

ARequest form_url_encoded(ARequest request, json::value parameters) {
  header(request, "Content-Type", "application/x-www-form-urlencoded");
  return body(std::move(request), form_of(parameters));
}

/// Encodes multipart/form-data (RFC 7578 §4). Values that are not UTF-8 become octet streams.
ARequest form_multipart_data(Call& call, ARequest request, json::value parameters) {
  const std::string boundary = fmt::format("{:016x}{:016x}", call.random(), call.random());
  std::string text;
  for (const auto& [name, value] : members(parameters)) {
    demand(name.find_first_of(std::string_view("\"\r\n\0", 4)) == std::string::npos,
           "http: a name has a quotation mark or a line end");
    text += fmt::format("--{}\r\nContent-Disposition: form-data; name=\"{}\"\r\n", boundary, name);
    if (!is_utf8(value)) text += "Content-Type: application/octet-stream\r\n";
    text += "\r\n" + value + "\r\n";
  }
  text += "--" + boundary + "--\r\n";
  header(request, "Content-Type", "multipart/form-data; boundary=" + boundary);
  return body(std::move(request), std::move(text));
}

Task<AResponse> send(Call& call, ARequest request) {
  const auto deadline = std::min(call.deadline(), script::Clock::now() + request->timeout);
  script::HttpQuestion question = request->question;
  Result<script::HttpAnswer> answer = co_await call.world().http(std::move(question), deadline);
  if (!answer) throw std::runtime_error("http: " + answer.error().message);
  co_return std::make_shared<HttpResponse>(
      HttpResponse{answer->status, std::move(answer->headers), std::move(answer->body)});
}

std::string build_url(std::string base, json::value parameters) {
  auto parsed = boost::urls::parse_uri(base);
  demand(parsed.has_value(), "http: `" + printable(base, 100) + "` is no URL");
  boost::urls::url url(*parsed);
  std::string query(url.encoded_query());
  const std::string form = form_of(parameters);
  if (!query.empty() && !form.empty()) query += '&';
  if (!form.empty()) url.set_encoded_query(query + form);
  return std::string(url.buffer());
}

constexpr HostFunction http_rows[] = {
    {"kumo.http.build_client",
     "options: { user_agent?: string, timeout?: Duration, pool_idle_timeout?: Duration, "
     "connection_verbose?: boolean, accept_invalid_certs?: false }",
     "HttpClient",
     "A client of HTTP servers. A request may take `timeout` (60 seconds), and no longer than the "
     "hook. All clients share their connections. Other options have no effect. Certificates are "
     "always verified, against the "
     "system's roots or those of `lua.ca`, and redirects are not followed: they are the response.",
     bind<&build_client>},
    {"kumo.http.build_url", "base: string, parameters: table<string, string|number>", "string",
     "The URL with the parameters added after its own, encoded, in the order of their names. Use "
     "this, not `..`, for values that come from a client.",
     bind<&build_url>},
    {"HttpClient:get", "url: string", "HttpRequest", "A GET request that is not sent yet.",
     bind<&get_request>},
    {"HttpClient:post", "url: string", "HttpRequest", "The same with POST.", bind<&post>},
    {"HttpClient:put", "url: string", "HttpRequest", "The same with PUT.", bind<&put_request>},
    {"HttpClient:close", "", "", "Does nothing: there is nothing to close.", bind<&close_client>},
    {"HttpRequest:header", "name: string, value: string", "HttpRequest",
     "Sets a header field and replaces one of that name.", bind<&header>},
    {"HttpRequest:headers", "fields: table<string, string|number>", "HttpRequest",
     "Sets several header fields.", bind<&headers>},
    {"HttpRequest:basic_auth", "user: string, password?: string", "HttpRequest",
     "Basic authentication. Neither log nor trace shows the password.", bind<&basic_auth>},
    {"HttpRequest:bearer_auth", "token: string", "HttpRequest",
     "Authentication by a token, which neither log nor trace shows.", bind<&bearer_auth>},
    {"HttpRequest:body", "octets: string", "HttpRequest", "Sets the body; not with GET.",
     bind<&body>},
    {"HttpRequest:form_url_encoded", "parameters: table<string, string|number>", "HttpRequest",
     "Sends a form.", bind<&form_url_encoded>},
    {"HttpRequest:form_multipart_data", "parameters: table<string, string|number>", "HttpRequest",
     "Sends a form as multipart/form-data; values that are not UTF-8 are sent as "
     "application/octet-stream.",
     bind<&form_multipart_data>},
    {"HttpRequest:send", "", "HttpResponse",
     "Sends the request; other sessions are served meanwhile. A timeout, a certificate that does "
     "not verify and a body of more than 1 MiB are errors; no status is an error.",
     bind<&send>},
};

}  // namespace

script::HostTable http_functions() { return http_rows; }

}  // namespace postern::dialect::kumo
