// Who signs in to an account, as what, and whom its owners invite.
#pragma once

#include "admin/core.h"
#include "admin/router.h"

namespace postern::admin {

/// 409: nobody would be left who may let others in.
Refusal last_owner();

class People {
 public:
  explicit People(Core& core) : core_(core) {}
  void add_routes(Router& router);

 private:
  Task<net::HttpResponse> list(Call& call);
  Task<net::HttpResponse> change(Call& call);
  Task<net::HttpResponse> remove(Call& call);
  Task<net::HttpResponse> create_reset_link(Call& call);
  Task<net::HttpResponse> invite(Call& call);
  Task<net::HttpResponse> revoke(Call& call);

  Task<std::vector<store::AccountRow>> members(const Call& call);
  /// The member of the path; throws 404.
  Task<store::AccountRow> member(const Call& call);

  Core& core_;
};

}  // namespace postern::admin
