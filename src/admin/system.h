// Liveness, readiness and metrics.
#pragma once

#include <chrono>
#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <vector>

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

  /// Logs that the gateway is not ready any more, and that it is again.
  void note(const std::vector<std::pair<std::string, std::string>>& problems);

  Core& core_;
  std::mutex mutex_;  ///< guards `unready_since_`
  std::optional<std::chrono::steady_clock::time_point> unready_since_;
};

}  // namespace postern::admin
