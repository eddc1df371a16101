// Webhooks: an address, its target, its settings and its secret.
#pragma once

#include <functional>

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
  /// A row, and what its account adds to the response.
  struct Shown {
    store::WebhookRow row;
    std::string signing_public_key;
  };

  Task<net::HttpResponse> list(Call& call);
  Task<net::HttpResponse> create(Call& call);
  Task<net::HttpResponse> show(Call& call);
  Task<net::HttpResponse> update(Call& call);
  Task<net::HttpResponse> remove(Call& call);
  Task<net::HttpResponse> activate(Call& call);
  Task<net::HttpResponse> deactivate(Call& call);
  Task<net::HttpResponse> rotate_secret(Call& call);

  /// Changes a row and returns the names of the changed fields, or what is wrong.
  using Change =
      std::function<dialect::webhook::Parsed<std::vector<std::string>>(store::WebhookRow&)>;
  struct Edited {
    store::Outcome outcome = store::Outcome::not_found;
    Shown shown;
    bool version_differs = false;
    std::optional<dialect::webhook::FieldErrors> errors;
  };

  Task<Shown> stored(const Call& call);
  Task<Shown> edit(Call& call, std::string action, Change change);
  Task<net::HttpResponse> set_active(Call& call, bool active);
  dialect::webhook::WebhookRules rules_for(const std::string& account) const;

  static Result<Edited> edit_row(const Dependencies& deps, const Call& call,
                                 const std::string& action, const Change& change,
                                 store::AuditRow audit);

  Core& core_;
};

}  // namespace postern::admin
