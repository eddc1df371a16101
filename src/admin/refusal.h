// An error response of the API: status, code, message, fields.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include <boost/json/object.hpp>

#include "base/error.h"
#include "net/http_message.h"

namespace postern::admin {

/// Thrown by endpoints, and turned into a response in one place (AdminApi).
struct Refusal {
  int status = 500;                           ///< of the response
  std::string code;                           ///< from docs/api.md
  std::string sentence;                       ///< for people; without secrets
  std::map<std::string, std::string> fields;  ///< field to message, with 400 and 422
  /// Further header fields of the response.
  std::vector<std::pair<std::string, std::string>> headers;
  boost::json::object more = {};  ///< further members of the response
};

/// The response to send.
net::HttpResponse to_response(const Refusal& refusal);

/// 401 unauthorized.
Refusal unauthorized(std::string sentence);
/// 403 forbidden.
Refusal forbidden(std::string sentence);
/// 404, the same for an unknown id and for another account's object.
Refusal not_found();
/// 409 with `code`.
Refusal conflict(std::string code, std::string sentence);
/// 412: If-Match names another version (RFC 9110 §13.1.1).
Refusal version_mismatch();
Refusal account_limit();                                   ///< 422: store::AccountLimits
Refusal invalid(std::string field, std::string sentence);  ///< 422 about one field
Refusal missing(std::string field);                        ///< 400 missing_field
/// 429 with the seconds until the next attempt. `what`: what there was too much of.
Refusal rate_limited(std::uint64_t retry_after_seconds, std::string_view what = "requests");
/// A failure of the database: 507 if the disk is full, else 503. The error's message is logged and
/// never sent to the client.
Refusal storage_trouble(const Error& error);

/// The value; throws an Error as storage_trouble().
template <class T>
T unwrap(Result<T> result) {
  if (!result) throw storage_trouble(result.error());
  if constexpr (!std::is_void_v<T>) return std::move(*result);
}
/// What unwrap() makes of a Result<T>: T. Other types stay.
template <class R>
struct Unwrapped {
  using type = R;
};
template <class T>
struct Unwrapped<Result<T>> {
  using type = T;
};
/// The object that was looked up; throws 404 if there is none, and an Error like unwrap().
template <class T>
T found(Result<std::optional<T>> result) {
  std::optional<T> object = unwrap(std::move(result));
  if (!object) throw not_found();
  return std::move(*object);
}

}  // namespace postern::admin
