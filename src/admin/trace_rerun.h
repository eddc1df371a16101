// The endpoint POST /traces/{id}/run-again: decides recorded mail with the current settings.
#pragma once

#include <mutex>
#include <set>

#include "admin/authenticator.h"
#include "admin/core.h"
#include "admin/router.h"

namespace postern::admin {

/// Runs one decision at a time per account.
class TraceReruns {
 public:
  /// All must outlive this.
  TraceReruns(Core& core, Authenticator& authenticator)
      : core_(core), authenticator_(authenticator) {}
  /// Adds the routes. This must outlive `router`.
  void add_routes(Router& router);

 private:
  Task<net::HttpResponse> run_again(Call& call);

  Core& core_;
  Authenticator& authenticator_;
  std::mutex mutex_;
  std::set<std::string> running_;  ///< accounts with a running decision
};

}  // namespace postern::admin
