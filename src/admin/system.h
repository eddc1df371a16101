// Liveness, readiness and metrics.
#pragma once

#include "admin/core.h"
#include "admin/router.h"

namespace postern::admin {

/// Endpoints for monitoring.
class System {
 public:
  /// `core` must outlive this.
  explicit System(Core& core) : core_(core) {}
  /// Adds the routes. This must outlive `router`.
  void add_routes(Router& router);

 private:
  Task<net::HttpResponse> ping(Call& call);
  Task<net::HttpResponse> health(Call& call);
  Task<net::HttpResponse> ready(Call& call);
  Task<net::HttpResponse> metrics(Call& call);

  Core& core_;
};

}  // namespace postern::admin
