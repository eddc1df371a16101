// Replays of recorded traffic with drafts. The traffic is of all accounts: for operators only.
#pragma once

#include "admin/core.h"
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
  Task<net::HttpResponse> start(Call& call);
  Task<net::HttpResponse> list(Call& call);
  Task<net::HttpResponse> show(Call& call);
  Task<net::HttpResponse> stop(Call& call);

  Replayer& replayer() const;
  Task<ReplayRequest> read(Call& call);
  Task<std::shared_ptr<const policy::WebhookPolicy>> draft_policy(const Call& call, std::string id,
                                                                  boost::json::object body);

  Core& core_;
};

}  // namespace postern::admin
