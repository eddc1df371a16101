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
  Task<net::HttpResponse> list(Call& call);
  Task<net::HttpResponse> change(Call& call);
  Task<net::HttpResponse> remove(Call& call);
  Task<net::HttpResponse> create_reset_link(Call& call);
  Task<net::HttpResponse> invite(Call& call);
  Task<net::HttpResponse> revoke(Call& call);

  Task<std::vector<store::AccountRow>> members(const Call& call);
  /// The member named in the path; throws 404.
  Task<store::AccountRow> member(const Call& call);

  Core& core_;
};

}  // namespace postern::admin
