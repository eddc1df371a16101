// Webhooks: an address, its target, its settings and its secret.
#pragma once

#include <functional>

#include <boost/json/value.hpp>

#include "admin/core.h"
#include "admin/router.h"
#include "dialect/webhook/webhook_fields.h"
#include "store/store.h"

namespace postern::admin {

/// Endpoints of webhooks.
class Webhooks {
 public:
  /// `core` must outlive this.
  explicit Webhooks(Core& core) : core_(core) {}
  /// Adds the routes. This must outlive `router`.
  void add_routes(Router& router);

 private:
  // The first two also wait for the counts of mail.
  Task<net::HttpResponse> list(Call& call);
  Task<net::HttpResponse> show(Call& call);
  net::HttpResponse create(const Call& call) const;
  net::HttpResponse update(const Call& call) const;
  net::HttpResponse remove(const Call& call) const;
  net::HttpResponse activate(const Call& call) const;
  net::HttpResponse deactivate(const Call& call) const;
  net::HttpResponse rotate_secret(const Call& call) const;

  /// Changes a row and returns the names of the changed fields. Throws a Refusal.
  using Change = std::function<std::vector<std::string>(store::WebhookRow&)>;

  /// Applies `change`, again if the webhook was changed concurrently. Returns the new row. `plan`
  /// becomes what the edit changes, for the audit log, too; null: nobody asks.
  store::WebhookRow edit(const Call& call, const std::string& action, const Change& change,
                         boost::json::value* plan = nullptr) const;
  net::HttpResponse set_active(const Call& call, bool active) const;
  net::HttpResponse answer(const store::WebhookRow& row,
                           const boost::json::value* plan = nullptr) const;
  dialect::webhook::WebhookRules rules_for(const std::string& account) const;
  /// Throws 409 if the account has not verified the domain of its address. Blocks on the disk.
  void check_domain(const store::WebhookRow& row) const;

  Core& core_;
};

}  // namespace postern::admin
