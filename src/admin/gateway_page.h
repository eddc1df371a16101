// The state of the gateway for the pages, and the API's description.
#pragma once

#include <memory>
#include <mutex>

#include <boost/json/object.hpp>

#include "admin/authenticator.h"
#include "admin/core.h"
#include "admin/router.h"
#include "admin/running_lists.h"

namespace postern::admin {

/// Endpoints of the gateway's state and of openapi.yaml.
class GatewayPage {
 public:
  /// All must outlive this.
  GatewayPage(Core& core, Authenticator& authenticator)
      : core_(core), authenticator_(authenticator) {}
  /// Adds the routes. This must outlive `router`.
  void add_routes(Router& router);

 private:
  Task<net::HttpResponse> show(Call& call);
  Task<net::HttpResponse> description(Call& call);

  /// The open-relay verdict on the running lists, described once per revision.
  boost::json::object relay();
  /// Recipients by state; null if the caller does not operate the gateway or the queue does not
  /// answer.
  Task<boost::json::value> queue();

  Core& core_;
  Authenticator& authenticator_;
  std::mutex mutex_;
  std::shared_ptr<const Lists> judged_;  ///< the lists described by `relay_`
  boost::json::object relay_;
};

/// openapi.yaml with the address of this server.
std::string openapi_for(std::string_view yaml, std::string_view public_url);

}  // namespace postern::admin
