// The JSON of webhooks (docs/webhook-policies.md): a body to normalised fields.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <boost/json/fwd.hpp>

#include "dialect/webhook/field_errors.h"
#include "dialect/webhook/target_url.h"
#include "policy/webhook.h"

namespace postern::dialect::webhook {

/// The fields of a webhook, valid and normalised.
struct WebhookFields {
  std::string name;           ///< for people
  std::string target_url;     ///< as sent; "inbox" for the built-in inbox
  std::string email_address;  ///< lower case; empty: the server assigns one in the shared domain
  bool is_active = true;      ///< false: refuses mail
  std::optional<std::string> policy_id;               ///< nullopt: none
  std::map<std::string, std::string> custom_headers;  ///< added to each request
  std::string payload_template;                       ///< empty: the standard payload
  std::uint32_t rate_limit_per_minute = 0;            ///< 0: no limit
  std::string delivery_mode = "sync";                 ///< sync or queued
  std::string attachments = "inline";                 ///< of the payload: inline, link, none
  std::string include_raw = "none";                   ///< of the payload: none, inline, link
  std::uint32_t timeout_ms = 30000;                   ///< of a delivery attempt; 1000 to 60000
  policy::InboxLimits inbox;                          ///< with the target "inbox"
};

/// What the validation depends on besides the body.
struct WebhookRules {
  TargetRules target;         ///< allowed targets
  bool has_queue = false;     ///< whether "queued" is available; otherwise it is an error
  std::string public_domain;  ///< addresses in it are assigned, not chosen
  /// Whether this account has verified the domain.
  std::function<bool(std::string_view domain)> owns_domain;
  /// Whether the account has the policy.
  std::function<bool(std::string_view id)> has_policy;
  /// The error of a payload template with line and column; empty function: templates are not
  /// supported.
  std::function<std::optional<std::string>(std::string_view text)> template_error;
};

/// An accepted body: the webhook after it.
struct WebhookWrite {
  WebhookFields fields;  ///< after the merge
  std::vector<std::string>
      changed;  ///< names of changed fields; empty: the version does not change
};

/// Validates a body. With `stored` (PUT), absent fields keep their value; without it (POST),
/// `target_url` is required. Read-only fields are ignored, unknown ones are errors.
Parsed<WebhookWrite> parse_webhook(const boost::json::object& body, const WebhookFields* stored,
                                   const WebhookRules& rules);

/// The fields for the API; `smtp_security_policy_id` is null without a policy. The caller adds ids,
/// versions, times and the secret.
boost::json::object to_json(const WebhookFields& fields);

/// The mode of a valid word of the API.
policy::AttachmentMode attachment_mode(std::string_view word);
/// The mode of a valid word of the API.
policy::RawMode raw_mode(std::string_view word);

}  // namespace postern::dialect::webhook
