// What every page shows of the gateway, and the API's own description.
#pragma once

#include <memory>
#include <mutex>

#include <boost/json/object.hpp>

#include "admin/authenticator.h"
#include "admin/core.h"
#include "admin/router.h"
#include "admin/running_lists.h"

namespace postern::admin {

class GatewayPage {
 public:
  GatewayPage(Core& core, Authenticator& authenticator)
      : core_(core), authenticator_(authenticator) {}
  void add_routes(Router& router);

 private:
  Task<net::HttpResponse> show(Call& call);
  Task<net::HttpResponse> description(Call& call);

  /// The verdict that was proved when the lists began to run; put into words once a revision.
  boost::json::object relay();
  /// Recipients by state, null for who is no operator or when nobody counts.
  Task<boost::json::value> queue();

  Core& core_;
  Authenticator& authenticator_;
  std::mutex mutex_;
  std::shared_ptr<const Lists> judged_;  ///< the lists that `relay_` is about
  boost::json::object relay_;
};

/// openapi.yaml with this server's address in it.
std::string openapi_for(std::string_view yaml, std::string_view public_url);

}  // namespace postern::admin
