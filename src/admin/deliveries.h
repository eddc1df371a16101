// The outcome of mail: simulations, the delivery log, the built-in inbox, attachment links.
#pragma once

#include "admin/core.h"
#include "admin/router.h"
#include "store/delivery_log.h"

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
  net::HttpResponse logs(const Call& call) const;
  Task<net::HttpResponse> retry(Call& call);
  Task<net::HttpResponse> inbox(Call& call);
  net::HttpResponse inbox_message(const Call& call) const;
  net::HttpResponse delete_inbox_message(const Call& call) const;
  net::HttpResponse clear_inbox(const Call& call) const;
  net::HttpResponse attachment(const Call& call) const;

  /// The webhook of the path, if it is in the caller's account; throws 404. Blocks on the disk.
  store::WebhookRow owned(const Call& call) const;
  Task<std::string> dead_letter_of(const store::LogRecord& record);
  /// Returns when a message has arrived in any inbox since `sequence`, or after `limit`.
  Task<void> wait_for_inbox(std::uint64_t sequence, std::chrono::seconds limit);

  Core& core_;
};

}  // namespace postern::admin
