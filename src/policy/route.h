// Where the mail of a recipient goes.
#pragma once

#include <memory>
#include <optional>
#include <string>

namespace postern::policy {

struct Webhook;
struct WebhookPolicy;

/// Where a recipient's mail goes. A recipient that is not accepted has Kind::none and the reason.
struct Route {
  /// Kind of destination.
  enum class Kind {
    none,
    webhook,
    relay,  ///< no webhook: the mail is relayed, because a layer granted it (relaying.h)
  };
  /// Why there is no route: the domain is not one that this gateway receives mail for, or it is one
  /// and no webhook has the address.
  enum class Missing { foreign_domain, unknown_address };
  Kind kind = Kind::none;                       ///< destination
  Missing missing = Missing::foreign_domain;    ///< valid with Kind::none
  std::shared_ptr<const Webhook> webhook;       ///< null unless Kind::webhook
  std::shared_ptr<const WebhookPolicy> policy;  ///< null: the webhook has no policy
  std::optional<std::string> tag;               ///< of a name+tag@ address
};

}  // namespace postern::policy
