// Long-lived bearer tokens for programs.
#pragma once

#include "admin/core.h"
#include "admin/router.h"

namespace postern::admin {

/// Endpoints of API tokens.
class ApiTokens {
 public:
  /// `core` must outlive this.
  explicit ApiTokens(Core& core) : core_(core) {}
  /// Adds the routes. This must outlive `router`.
  void add_routes(Router& router);

 private:
  Task<net::HttpResponse> create(Call& call);
  Task<net::HttpResponse> list(Call& call);
  Task<net::HttpResponse> revoke(Call& call);

  Core& core_;
};

}  // namespace postern::admin
