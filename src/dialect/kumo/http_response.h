// The response of an HTTP server, for scripts.
#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "script/bind.h"

namespace postern::dialect::kumo {

/// A complete response.
struct HttpResponse {
  int status = 0;                                           ///< the status code (RFC 9110 §15)
  std::vector<std::pair<std::string, std::string>> fields;  ///< in the order of the response
  std::string body;                                         ///< octets, as received

  /// The value of the first field with that name, which is not case-sensitive. Null: there is none.
  const std::string* field(std::string_view name) const;
  /// The body as UTF-8, without a byte order mark; U+FFFD replaces each octet that is not UTF-8.
  /// Throws if Content-Type names another charset.
  std::string text() const;
};

/// How scripts hold a response.
using AResponse = std::shared_ptr<HttpResponse>;

/// The methods of HttpResponse.
script::HostTable http_response_functions();

}  // namespace postern::dialect::kumo

/// Registers `HttpResponse` as a class of scripts.
template <>
struct postern::script::ClassName<postern::dialect::kumo::HttpResponse> {
  static constexpr std::string_view value = "HttpResponse";  ///< its name there
};

/// How a record stores a response.
template <>
struct postern::script::Kept<postern::dialect::kumo::AResponse> {
  /// Fields and body. The status is recorded when the script reads it.
  static json::value data(const dialect::kumo::AResponse& response) {
    json::object fields;
    for (const auto& [name, value] : response->fields) fields.emplace(name, value);
    return {std::move(fields), response->body};
  }
  /// The response of data(), with status 0. Throws what Boost.JSON throws for other data.
  static dialect::kumo::AResponse again(const json::value& kept) {
    auto response = std::make_shared<dialect::kumo::HttpResponse>();
    for (const auto& [name, value] : kept.at(0).as_object()) {
      response->fields.emplace_back(name, value.as_string());
    }
    response->body = kept.at(1).as_string();
    return response;
  }
};
