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
  net::HttpResponse create(const Call& call) const;
  net::HttpResponse list(const Call& call) const;
  net::HttpResponse revoke(const Call& call) const;

  Core& core_;
};

}  // namespace postern::admin
