// One request on its way through the API: who calls, from where, with what.
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

struct Caller {
  enum class Kind { nobody, session, cookie, api_token, control };
  Kind kind = Kind::nobody;
  /// The team: whose webhooks, policies and mail this is about. Empty for nobody, and for the
  /// command line (Kind::control).
  std::string account_id;
  std::string person_id;  ///< the own account; of an API token: its maker's
  store::Role role = store::Role::none;
  std::string actor;       ///< the person's id or the API token's: who stands in the audit log
  std::string session_id;  ///< of Kind::session and Kind::cookie
  std::optional<store::Time> until{};  ///< of the session or the API token: when it ends by itself
};

struct Call {
  net::HttpRequest request;
  IpAddress client;  ///< the peer, or whom a trusted proxy names
  store::Time now;
  Caller caller;
  std::vector<std::string> ids;  ///< of the path
  boost::json::object body;
  std::shared_ptr<void> place;  ///< of AccountShares, until the answer has gone out
};

}  // namespace postern::admin
