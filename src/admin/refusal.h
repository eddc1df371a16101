// What the API answers when it does not do what was asked: status, code word, sentence, fields.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <boost/json/object.hpp>

#include "base/error.h"
#include "net/http_message.h"

namespace postern::admin {

/// Thrown by endpoints and caught at the API request, the one place that turns it into an answer.
struct Refusal {
  int status = 500;
  std::string code;                           ///< a word of docs/api.md
  std::string sentence;                       ///< for people; holds no secret
  std::map<std::string, std::string> fields;  ///< field -> sentence, on 400 and 422
  std::vector<std::pair<std::string, std::string>> headers;
  boost::json::object more = {};  ///< further members of the answer
};

net::HttpResponse to_response(const Refusal& refusal);

Refusal unauthorized(std::string sentence);
Refusal forbidden(std::string sentence);
/// The same answer for an id that does not exist and for another account's.
Refusal not_found();
Refusal conflict(std::string code, std::string sentence);
Refusal version_mismatch();
Refusal account_limit();                                   ///< 422: store::AccountLimits
Refusal invalid(std::string field, std::string sentence);  ///< 422 about one field
Refusal missing(std::string field);                        ///< 400 missing_field
/// 429: so many seconds until the next one is taken. `what` were too many.
Refusal rate_limited(std::uint64_t retry_after_seconds, std::string_view what = "requests");
/// A database in trouble: 507 when the disk is full, else 503. The error's own sentence goes to the
/// log, never to the client.
Refusal storage_trouble(const Error& error);

}  // namespace postern::admin
