// The JSON webhooks of the dialect (docs/webhook-policies.md): text in, normalised fields out.
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

/// A webhook's own words, valid and normalised.
struct WebhookFields {
  std::string name;
  std::string target_url;     ///< as sent; "inbox" for the built-in receiver
  std::string email_address;  ///< lower case; empty: the server assigns one on the shared domain
  bool is_active = true;
  std::optional<std::string> policy_id;
  std::map<std::string, std::string> custom_headers;
  std::string payload_template;
  std::uint32_t rate_limit_per_minute = 0;  ///< 0: no limit
  std::string delivery_mode = "sync";
  std::string attachments = "inline";  ///< inline, link, none
  std::string include_raw = "none";    ///< none, inline, link
  std::uint32_t timeout_ms = 30000;
  policy::InboxLimits inbox;  ///< with the target "inbox"
};

/// What the judgement of a body depends on besides the body.
struct WebhookRules {
  TargetRules target;
  bool has_queue = false;     ///< "queued" is refused without, never accepted and ignored
  std::string public_domain;  ///< addresses there are assigned, not chosen
  /// Whether this account has verified the domain.
  std::function<bool(std::string_view domain)> owns_domain;
  /// Whether the policy exists in this account.
  std::function<bool(std::string_view id)> has_policy;
  /// The error of a payload template with line and column; unset: there are no templates.
  std::function<std::optional<std::string>(std::string_view text)> template_error;
};

/// An accepted body: what the webhook is to become.
struct WebhookWrite {
  WebhookFields fields;
  std::vector<std::string> changed;  ///< field names; empty: the version stays
};

/// Judges a body. With `stored` (PUT) omitted fields keep their value; without (POST) `target_url`
/// is required. Read-only fields are ignored, unknown ones refused.
Parsed<WebhookWrite> parse_webhook(const boost::json::object& body, const WebhookFields* stored,
                                   const WebhookRules& rules);

/// The fields as the API shows them, `smtp_security_policy_id` null when detached. Ids, versions,
/// times and the secret are the caller's to add.
boost::json::object to_json(const WebhookFields& fields);

/// The words of the API for the delivery's settings; they are valid since they were parsed.
policy::AttachmentMode attachment_mode(std::string_view word);
policy::RawMode raw_mode(std::string_view word);

}  // namespace postern::dialect::webhook
