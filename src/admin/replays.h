// Replays of recorded traffic with drafts. The traffic is of all accounts: for operators only.
#pragma once

#include "admin/core.h"
#include "admin/ports.h"
#include "admin/router.h"

namespace postern::admin {

/// Endpoints of replays.
class Replays {
 public:
  /// `core` must outlive this.
  explicit Replays(Core& core) : core_(core) {}
  /// Adds the routes. This must outlive `router`.
  void add_routes(Router& router);

 private:
  net::HttpResponse start(const Call& call) const;
  net::HttpResponse list(const Call& call) const;
  net::HttpResponse show(const Call& call) const;
  net::HttpResponse stop(const Call& call) const;

  Replayer& replayer() const;
  /// The state of the replay of the path; throws 404.
  ReplayState state_of(const Call& call) const;
  ReplayRequest read(const Call& call) const;

  Core& core_;
};

}  // namespace postern::admin
