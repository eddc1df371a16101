// What a policy gets of an HTTP server.
#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "script/bind.h"

namespace postern::dialect::kumo {

struct HttpResponse {
  int status = 0;
  std::vector<std::pair<std::string, std::string>> fields;  ///< as received
  std::string body;

  /// The value of the first field of that name, in any letters; null without one.
  const std::string* field(std::string_view name) const;
  /// The body as UTF-8, without a byte order mark; U+FFFD for each octet that is none. Throws where
  /// Content-Type says another charset.
  std::string text() const;
};

using AResponse = std::shared_ptr<HttpResponse>;

/// The methods of HttpResponse.
script::HostTable http_response_functions();

}  // namespace postern::dialect::kumo

template <>
struct postern::script::ClassName<postern::dialect::kumo::HttpResponse> {
  static constexpr std::string_view value = "HttpResponse";
};

template <>
struct postern::script::Kept<postern::dialect::kumo::AResponse> {
  /// Without the status, which is told when the script asks for it.
  static json::value data(const dialect::kumo::AResponse& response) {
    json::object fields;
    for (const auto& [name, value] : response->fields) fields.emplace(name, value);
    return {std::move(fields), response->body};
  }
  static dialect::kumo::AResponse again(const json::value& kept) {
    auto response = std::make_shared<dialect::kumo::HttpResponse>();
    for (const auto& [name, value] : kept.at(0).as_object()) {
      response->fields.emplace_back(name, value.as_string());
    }
    response->body = kept.at(1).as_string();
    return response;
  }
};
