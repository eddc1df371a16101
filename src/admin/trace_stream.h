// The endpoint GET /traces/stream: live decisions as server-sent events (HTML standard, §9.2).
#pragma once

#include "admin/authenticator.h"
#include "admin/core.h"
#include "admin/router.h"

namespace postern::admin {

/// Streams decisions.
class TraceStream {
 public:
  /// All must outlive this.
  TraceStream(Core& core, Authenticator& authenticator)
      : core_(core), authenticator_(authenticator) {}
  /// Call it before wider templates are added: "stream" must not match as a trace id. This must
  /// outlive `router`.
  void add_routes(Router& router);

 private:
  Task<net::HttpResponse> stream(Call& call);

  Core& core_;
  Authenticator& authenticator_;
};

}  // namespace postern::admin
