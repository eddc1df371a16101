// Finds the endpoint of a request. The templates are also the labels of metrics: a closed set.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "admin/call.h"

namespace postern::admin {

class Core;

/// Who may call a route; checked by Authenticator::admit() alone.
enum class Access {
  open,     ///< anybody
  read,     ///< any role; a session, or an API token with the scope "read"
  write,    ///< an operator or an owner; a session, or an API token with the scope "write"
  own,      ///< for the caller's own affairs: as write, but with any role
  session,  ///< as own, but with a session: with a stolen API token the account could be taken over
  owner,  ///< a session of an owner: for people's rights, and for what could forge the team's mail
};

/// Whether the route reads a body.
enum class Body { none, optional_json, json };

/// Whether the control file's token is accepted instead of an account's. `required`: no account's
/// token is.
enum class ControlToken { refused, taken, required };

/// Whether a call may wait for something to happen. Such calls are limited per account
/// (AccountShares), and end when the client disconnects or loses its access.
enum class Stays { no, by_wait, always };  ///< by_wait: only with ?wait= other than 0

/// An endpoint.
struct Route {
  std::string_view method;       ///< "GET"
  std::string_view path;         ///< "/api/v1/webhooks/{id}"; a last piece "{*}" matches any rest
  Access access = Access::read;  ///< who may call
  Body body = Body::none;        ///< what it reads
  std::function<Task<net::HttpResponse>(Call&)> handler;  ///< answers, or throws a Refusal
  /// The route concerns the gateway and not an account: only for operators (Options::operators).
  bool operators_only = false;
  /// Whether the command line may call.
  ControlToken control_token = ControlToken::refused;
  /// Whether calls may wait.
  Stays stays = Stays::no;
  /// Of a route that is no GET: the parameters of the query that it knows. Others are refused, so
  /// that nothing is changed otherwise than was asked.
  std::vector<std::string_view> query = {};
};

/// Set up by one thread; find() is then safe from any thread.
class Router {
 public:
  /// `core` must outlive this.
  explicit Router(Core& core) : core_(core) {}

  /// Earlier routes take precedence. The texts of `route` must be static.
  void add(Route route);
  /// Adds a member function of `endpoints`, which must outlive the router: see handler().
  template <class Endpoints, class Member>
  void add(Endpoints& endpoints, std::string_view method, std::string_view path, Access access,
           Body body, Member member) {
    add({.method = method,
         .path = path,
         .access = access,
         .body = body,
         .handler = handler(endpoints, member)});
  }
  /// The same, for operators only.
  template <class Endpoints, class Member>
  void add_for_operators(Endpoints& endpoints, std::string_view method, std::string_view path,
                         Access access, Body body, Member member,
                         ControlToken control_token = ControlToken::refused) {
    add({.method = method,
         .path = path,
         .access = access,
         .body = body,
         .handler = handler(endpoints, member),
         .operators_only = true,
         .control_token = control_token});
  }

  /// The handler of a coroutine, which runs on the API's event loop and must not block it.
  template <class Endpoints>
  auto handler(Endpoints& endpoints, Task<net::HttpResponse> (Endpoints::*member)(Call&)) const {
    return [&endpoints, member](Call& call) { return (endpoints.*member)(call); };
  }
  /// The handler of an ordinary function. It runs whole on the disk pool, in the caller's turn and
  /// with a copy of the call, so it may block on the disk, but must not wait for anything else.
  /// Several threads may run it at a time.
  template <class Endpoints>
  auto handler(const Endpoints& endpoints,
               net::HttpResponse (Endpoints::*member)(const Call&) const) const {
    return on_disk([&endpoints, member](const Call& call) { return (endpoints.*member)(call); });
  }

  /// The result of find().
  struct Match {
    const Route* route = nullptr;  ///< null: none
    std::vector<std::string> ids;  ///< values of the {…}, in order
    std::string allow;             ///< without a route: the methods of this path; "": no such path
    std::string_view path;         ///< the matching template, also with another method
  };
  /// Method and template of each route, for the labels of metrics.
  std::vector<std::pair<std::string, std::string>> templates() const;
  /// `segments`: the decoded path, split at "/".
  Match find(const std::string& method, const std::vector<std::string>& segments) const;

 private:
  struct Entry {
    Route route;
    std::vector<std::string_view> pieces;
  };

  std::function<Task<net::HttpResponse>(Call&)> on_disk(
      std::function<net::HttpResponse(const Call&)> endpoint) const;

  Core& core_;
  std::vector<Entry> entries_;
};

}  // namespace postern::admin
