// The outcome of mail: simulations, the delivery log, the built-in inbox, attachment links.
#pragma once

#include "admin/core.h"
#include "admin/router.h"

namespace postern::admin {

/// Endpoints of deliveries.
class Deliveries {
 public:
  /// `core` must outlive this.
  explicit Deliveries(Core& core) : core_(core) {}
  /// Adds the routes. This must outlive `router`.
  void add_routes(Router& router);

 private:
  Task<net::HttpResponse> simulate(Call& call);
  Task<net::HttpResponse> logs(Call& call);
  Task<net::HttpResponse> retry(Call& call);
  Task<net::HttpResponse> inbox(Call& call);
  Task<net::HttpResponse> inbox_message(Call& call);
  Task<net::HttpResponse> delete_inbox_message(Call& call);
  Task<net::HttpResponse> clear_inbox(Call& call);
  Task<net::HttpResponse> attachment(Call& call);

  /// Throws 404 unless the webhook is in the caller's account.
  Task<store::WebhookRow> check_owner(const Call& call);
  Task<std::string> dead_letter_of(const store::LogRecord& record);
  /// Returns when a message has arrived in any inbox since `sequence`, or after `limit`.
  Task<void> wait_for_inbox(std::uint64_t sequence, std::chrono::seconds limit);

  Core& core_;
};

}  // namespace postern::admin
