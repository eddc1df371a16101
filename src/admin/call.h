// A request in the API, with its caller.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <boost/json/object.hpp>

#include "base/ip.h"
#include "net/http_message.h"
#include "store/records.h"

namespace postern::admin {

/// Who calls.
struct Caller {
  /// How the caller authenticated; `control` is the command line.
  enum class Kind { nobody, session, cookie, api_token, control };
  Kind kind = Kind::nobody;  ///< how the caller authenticated
  /// The team whose webhooks, policies and mail the call concerns. Empty for Kind::nobody and
  /// Kind::control.
  std::string account_id;
  std::string person_id;                 ///< the person's account; of an API token: its maker's
  store::Role role = store::Role::none;  ///< of the person
  std::string actor;                     ///< id of the person or the API token, for the audit log
  std::string session_id;                ///< of Kind::session and Kind::cookie
  std::optional<store::Time> until{};    ///< when the session or API token expires; nullopt: never
};

/// A request on its way through the API.
struct Call {
  net::HttpRequest request;      ///< as received
  IpAddress client;              ///< the peer, or the address named by a trusted proxy
  store::Time now;               ///< time of the request
  Caller caller;                 ///< filled in by Authenticator::admit()
  std::vector<std::string> ids;  ///< values of the {…} in the path, in order
  boost::json::object body;      ///< the parsed body, if the route takes one
  std::shared_ptr<void> place;   ///< from AccountShares, held until the response was sent
};

}  // namespace postern::admin
