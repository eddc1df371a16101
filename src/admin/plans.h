// What an edit would change, proved before it is made (docs/plan.md). Nothing is changed.
#pragma once

#include <mutex>
#include <set>

#include "admin/authenticator.h"
#include "admin/core.h"
#include "admin/ports.h"
#include "admin/router.h"

namespace postern::admin {

/// Endpoints of plans: one a time of each account, two in all.
class Plans {
 public:
  /// All must outlive this.
  Plans(Core& core, Authenticator& authenticator) : core_(core), authenticator_(authenticator) {}
  /// Adds the routes. This must outlive `router`.
  void add_routes(Router& router);

 private:
  Task<net::HttpResponse> any(Call& call);
  Task<net::HttpResponse> of_policy(Call& call);
  /// Plans what `read` reads on a disk thread.
  Task<net::HttpResponse> answer(Call& call, PlanRequest (Plans::*read)(const Call&, bool) const);
  PlanRequest read_any(const Call& call, bool operates) const;
  PlanRequest read_policy(const Call& call, bool operates) const;
  PlanSide read_side(const Call& call, const boost::json::value& given, std::string_view field,
                     bool operates) const;

  Core& core_;
  Authenticator& authenticator_;
  std::mutex mutex_;
  std::set<std::string> running_;  ///< accounts with a running plan
};

}  // namespace postern::admin
