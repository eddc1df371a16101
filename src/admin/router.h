// Which endpoint a request means. Templates name the routes in metrics too: a closed set.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "admin/call.h"

namespace postern::admin {

/// Who may call. Authenticator::admit() is the one place that judges it.
enum class Access {
  open,     ///< anybody
  read,     ///< any role; a session, or an API token with the scope "read"
  write,    ///< an operator or an owner; a session, or an API token with the scope "write"
  own,      ///< what concerns the caller alone: as write, but any role
  session,  ///< as own, but a session: a stolen API token could take the account over with it
  owner,    ///< a session of an owner: who else may, and what makes the whole team's mail forgeable
};

/// What an endpoint wants of the body.
enum class Body { none, optional_json, json };

/// Whether the token of the running gateway's control file is taken instead of an account's.
/// `required`: no account has one that would do.
enum class ControlToken { refused, taken, required };

/// Whether a call may stay until something happens. Then it has one of few places of its account,
/// and ends when the client leaves or loses the access it was let in with.
enum class Stays { no, by_wait, always };  ///< by_wait: with ?wait= other than 0

struct Route {
  std::string_view method;
  std::string_view path;  ///< "/api/v1/webhooks/{id}"; "{*}" as the last piece takes any rest
  Access access = Access::read;
  Body body = Body::none;
  std::function<Task<net::HttpResponse>(Call&)> handler;
  /// What is the gateway's, not an account's: Options::operators alone.
  bool operators_only = false;
  ControlToken control_token = ControlToken::refused;
  Stays stays = Stays::no;
};

class Router {
 public:
  void add(Route route);
  /// A member function of `endpoints`, which outlives the router, for operators alone.
  template <class Endpoints>
  void add_for_operators(Endpoints& endpoints, std::string_view method, std::string_view path,
                         Access access, Body body,
                         Task<net::HttpResponse> (Endpoints::*member)(Call&),
                         ControlToken control_token = ControlToken::refused) {
    add({.method = method,
         .path = path,
         .access = access,
         .body = body,
         .handler = [&endpoints, member](Call& call) { return (endpoints.*member)(call); },
         .operators_only = true,
         .control_token = control_token});
  }

  struct Match {
    const Route* route = nullptr;
    std::vector<std::string> ids;  ///< what stood for {…}, in order
    std::string allow;      ///< without a route: methods that the path has, "" for no such path
    std::string_view path;  ///< the template that the path matched, also for another method
  };
  /// Method and template of every route, for the labels of metrics.
  std::vector<std::pair<std::string, std::string>> templates() const;
  Match find(const std::string& method, const std::vector<std::string>& segments) const;

 private:
  struct Entry {
    Route route;
    std::vector<std::string_view> pieces;
  };
  std::vector<Entry> entries_;
};

}  // namespace postern::admin
