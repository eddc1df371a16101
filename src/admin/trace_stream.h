// GET /traces/stream: decisions as they are made, as server-sent events (the HTML standard, §9.2).
#pragma once

#include "admin/authenticator.h"
#include "admin/core.h"
#include "admin/router.h"

namespace postern::admin {

class TraceStream {
 public:
  TraceStream(Core& core, Authenticator& authenticator)
      : core_(core), authenticator_(authenticator) {}
  /// In front of wider templates: "stream" is no trace's id.
  void add_routes(Router& router);

 private:
  Task<net::HttpResponse> stream(Call& call);

  Core& core_;
  Authenticator& authenticator_;
};

}  // namespace postern::admin
