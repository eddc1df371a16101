// The account's audit log and its person's sign-ins.
#pragma once

#include "admin/core.h"
#include "admin/router.h"

namespace postern::admin {

/// Endpoints of the audit log and of sign-ins.
class AccountHistory {
 public:
  /// `core` must outlive this.
  explicit AccountHistory(Core& core) : core_(core) {}
  /// Adds the routes. This must outlive `router`.
  void add_routes(Router& router);

 private:
  net::HttpResponse audit_log(const Call& call) const;
  net::HttpResponse sign_ins(const Call& call) const;
  net::HttpResponse end_sign_in(const Call& call) const;

  Core& core_;
};

}  // namespace postern::admin
