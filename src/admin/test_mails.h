// The endpoint POST /webhooks/{id}/test-mail.
#pragma once

#include <mutex>
#include <set>

#include "admin/core.h"
#include "admin/router.h"
#include "base/window_counter.h"

namespace postern::admin {

/// Sends test messages, one at a time per account.
class TestMails {
 public:
  /// `core` must outlive this.
  explicit TestMails(Core& core);
  /// Adds the routes. This must outlive `router`.
  void add_routes(Router& router);

 private:
  class Turn;
  Task<net::HttpResponse> send(Call& call);

  Core& core_;
  Tries sent_;  ///< by account
  std::mutex mutex_;
  std::set<std::string> under_way_;  ///< accounts with a running test
};

}  // namespace postern::admin
