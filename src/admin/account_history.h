// What was done in the account's name, and where its person is signed in.
#pragma once

#include "admin/core.h"
#include "admin/router.h"

namespace postern::admin {

class AccountHistory {
 public:
  explicit AccountHistory(Core& core) : core_(core) {}
  void add_routes(Router& router);

 private:
  Task<net::HttpResponse> audit_log(Call& call);
  Task<net::HttpResponse> sign_ins(Call& call);
  Task<net::HttpResponse> end_sign_in(Call& call);

  Core& core_;
};

}  // namespace postern::admin
