// The queue over the API: for operators, stored messages and actions on them; for accounts, the
// dead letters of their own webhooks.
#pragma once

#include "admin/core.h"
#include "admin/router.h"
#include "spool/spool.h"

namespace postern::admin {

/// Endpoints of the queue.
class Queue {
 public:
  /// `core` must outlive this.
  explicit Queue(Core& core) : core_(core) {}
  /// Adds the routes. This must outlive `router`.
  void add_routes(Router& router);

 private:
  Task<net::HttpResponse> list(Call& call);
  Task<net::HttpResponse> show(Call& call);
  Task<net::HttpResponse> message(Call& call);
  Task<net::HttpResponse> retry(Call& call) { return act(call, spool::Action::retry); }
  Task<net::HttpResponse> hold(Call& call) { return act(call, spool::Action::hold); }
  Task<net::HttpResponse> release(Call& call) { return act(call, spool::Action::release); }
  Task<net::HttpResponse> drop(Call& call) { return act(call, spool::Action::drop); }
  Task<net::HttpResponse> act_on_all(Call& call);
  Task<net::HttpResponse> destinations(Call& call);
  Task<net::HttpResponse> verify(Call& call);
  Task<net::HttpResponse> dead_letters(Call& call);
  Task<net::HttpResponse> retry_dead_letter(Call& call);

  QueueControl& control() const;
  Task<net::HttpResponse> act(Call& call, spool::Action action);
  Task<net::HttpResponse> page(const Call& call, spool::ListFilter filter);
  Task<spool::Message> found(const Call& call, const std::string& id);
  /// Throws 404 unless the webhook is in the caller's account.
  Task<spool::Destination> own_webhook(const Call& call);

  Core& core_;
};

}  // namespace postern::admin
