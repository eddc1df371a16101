// POST /webhooks/{id}/test-mail.
#pragma once

#include <mutex>
#include <set>

#include "admin/core.h"
#include "admin/router.h"
#include "base/window_counter.h"

namespace postern::admin {

class TestMails {
 public:
  explicit TestMails(Core& core);
  void add_routes(Router& router);

 private:
  class Turn;
  Task<net::HttpResponse> send(Call& call);

  Core& core_;
  WindowCounter sent_;  ///< by account
  std::mutex mutex_;
  std::set<std::string> under_way_;  ///< accounts
};

}  // namespace postern::admin
