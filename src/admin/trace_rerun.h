// POST /traces/{id}/run-again: what would be decided today.
#pragma once

#include <mutex>
#include <set>

#include "admin/authenticator.h"
#include "admin/core.h"
#include "admin/router.h"

namespace postern::admin {

class TraceReruns {
 public:
  TraceReruns(Core& core, Authenticator& authenticator)
      : core_(core), authenticator_(authenticator) {}
  void add_routes(Router& router);

 private:
  Task<net::HttpResponse> run_again(Call& call);

  Core& core_;
  Authenticator& authenticator_;
  std::mutex mutex_;
  std::set<std::string> running_;  ///< accounts: each has one at a time
};

}  // namespace postern::admin
