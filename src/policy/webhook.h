// Webhooks and their policies for the hot path: immutable, shared, replaced as a whole.
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
  std::string username;     ///< as written, without a policy selector
  Secret hash;              ///< bcrypt
  std::uint64_t stamp = 0;  ///< changes with the hash, does not disclose it
  std::uint64_t order = 0;  ///< creation order in all policies; older ones are tried first
};

/// A compiled policy of the webhook dialect.
struct WebhookPolicy {
  std::string id;                         ///< "pol_..."
  std::string account_id;                 ///< owner
  std::string name;                       ///< for people
  std::uint64_t version = 1;              ///< grows with each change of the fields
  std::uint64_t credentials_version = 1;  ///< grows when the credentials change
  bool require_smtp_auth = false;         ///< the client must have authenticated
  bool shadow = false;                    ///< its plan is judged and traced, but refuses nothing
  std::vector<Credential> credentials;    ///< sorted by user name
  Plan plan;                              ///< compiled checks
  DomainSet dkim_domains;  ///< allowed_dkim_domains; their signatures are evaluated first
  /// The fields as JSON without credentials; a trace stores it for replay.
  std::string definition;
  /// What the database has of it cannot be read: there are its users, as far as they are known, and
  /// no plan. Recipients have no such policy: policy_loaded defers their mail.
  bool is_unreadable = false;

  /// The credential of this user; null if there is none. O(log n).
  const Credential* credential(std::string_view username) const;
};

/// Where a payload has the attachments.
enum class AttachmentMode { inline_content, link, none };
/// Where a payload has the original message.
enum class RawMode { none, inline_content, link };

/// A webhook with all that delivery needs.
struct Webhook {
  std::string id;                                               ///< "wh_..."
  std::string account_id;                                       ///< owner
  std::string name;                                             ///< for people
  std::string address;                                          ///< local@domain, lower case
  bool is_active = true;                                        ///< false: refuses mail
  std::string target_url;                                       ///< http(s) URL, or "inbox"
  std::optional<std::string> policy_id;                         ///< nullopt: none
  std::map<std::string, std::string> custom_headers;            ///< added to each request
  std::string payload_template;                                 ///< empty: the standard payload
  std::uint32_t rate_limit_per_minute = 0;                      ///< 0: no limit
  AttachmentMode attachments = AttachmentMode::inline_content;  ///< in the payload
  RawMode include_raw = RawMode::none;                          ///< in the payload
  std::chrono::milliseconds timeout{30000};                     ///< of a delivery attempt
  bool queued =
      false;  ///< true: 250 when the message is on stable storage, then delivery with retries
  InboxLimits inbox;                                          ///< if the target is "inbox"
  Secret secret;                                              ///< signs requests: "whsec_..."
  std::optional<Secret> previous_secret;                      ///< valid until previous_expires_at
  std::chrono::system_clock::time_point previous_expires_at;  ///< end of previous_secret
  Secret signing_key;  ///< Ed25519 seed of the account; empty: not enabled
  /// What the database has of it cannot be read: its mail is deferred, and nothing is sent to it.
  bool is_unreadable = false;
};

}  // namespace postern::policy
