// The people of an account, their roles, and invitations.
#pragma once

#include "admin/core.h"
#include "admin/router.h"

namespace postern::admin {

/// 409: the account would have no owner.
Refusal last_owner();

/// Endpoints of people.
class People {
 public:
  /// `core` must outlive this.
  explicit People(Core& core) : core_(core) {}
  /// Adds the routes. This must outlive `router`.
  void add_routes(Router& router);

 private:
  net::HttpResponse list(const Call& call) const;
  net::HttpResponse change(const Call& call) const;
  net::HttpResponse remove(const Call& call) const;
  net::HttpResponse create_reset_link(const Call& call) const;
  net::HttpResponse invite(const Call& call) const;
  net::HttpResponse revoke(const Call& call) const;

  std::vector<store::AccountRow> members(const Call& call) const;
  /// The member named in the path; throws 404.
  store::AccountRow member(const Call& call) const;

  Core& core_;
};

}  // namespace postern::admin
