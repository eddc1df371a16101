// Webhooks and their policies as the hot path sees them: immutable, shared, replaced whole.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/secret.h"
#include "policy/inbox_limits.h"
#include "policy/plan.h"

namespace postern::policy {

/// One entry of a policy's smtp_credentials.
struct Credential {
  std::string username;
  Secret hash;              ///< bcrypt
  std::uint64_t stamp = 0;  ///< differs when the hash does; says nothing about it
  std::uint64_t order = 0;  ///< creation order over all policies: older ones are tried first
};

/// A policy of the webhook dialect, compiled.
struct WebhookPolicy {
  std::string id;
  std::string account_id;
  std::string name;
  std::uint64_t version = 1;
  std::uint64_t credentials_version = 1;  ///< grows when the credential list changes
  bool require_smtp_auth = false;
  bool shadow = false;                  ///< its plan is judged and traced, and refuses nothing
  std::vector<Credential> credentials;  ///< sorted by user name
  Plan plan;
  DomainSet dkim_domains;  ///< allowed_dkim_domains: their signatures are evaluated first
  /// The policy's fields as JSON without credentials: what a trace keeps to judge again offline.
  std::string definition;

  /// The credential of this user; null without.
  const Credential* credential(std::string_view username) const;
};

enum class AttachmentMode { inline_content, link, none };
enum class RawMode { none, inline_content, link };

/// A webhook, with all that a delivery needs.
struct Webhook {
  std::string id;
  std::string account_id;
  std::string name;
  std::string address;  ///< local@domain, lower case
  bool is_active = true;
  std::string target_url;  ///< http(s) URL, or "inbox"
  std::optional<std::string> policy_id;
  std::map<std::string, std::string> custom_headers;
  std::string payload_template;             ///< empty: the standard payload
  std::uint32_t rate_limit_per_minute = 0;  ///< 0: no limit
  AttachmentMode attachments = AttachmentMode::inline_content;
  RawMode include_raw = RawMode::none;
  std::chrono::milliseconds timeout{30000};
  bool queued = false;  ///< 250 when the message is on stable storage, then delivery with retries
  InboxLimits inbox;    ///< with the target "inbox"
  Secret secret;        ///< "whsec_..."
  std::optional<Secret> previous_secret;
  std::chrono::system_clock::time_point previous_expires_at;
  Secret signing_key;  ///< ed25519 seed of the account, empty when not enabled
};

}  // namespace postern::policy
