// Is it up, is it ready, how is it doing.
#pragma once

#include "admin/core.h"
#include "admin/router.h"

namespace postern::admin {

class System {
 public:
  explicit System(Core& core) : core_(core) {}
  void add_routes(Router& router);
  /// The metrics, whoever asks.
  Task<net::HttpResponse> metrics_text();

 private:
  Task<net::HttpResponse> ping(Call& call);
  Task<net::HttpResponse> health(Call& call);
  Task<net::HttpResponse> ready(Call& call);
  Task<net::HttpResponse> metrics(Call& call);

  Core& core_;
};

}  // namespace postern::admin
