// Recorded traffic under drafts, over the API. It is all accounts' traffic: for operators.
#pragma once

#include "admin/core.h"
#include "admin/router.h"

namespace postern::admin {

class Replays {
 public:
  explicit Replays(Core& core) : core_(core) {}
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
