// The rows of the control plane. Ids are `prefix` + ULID; text columns hold what the API shows;
// whatever opens a door is a Secret.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/secret.h"
#include "store/database.h"

namespace postern::store {

struct AccountRow {
  std::string id;        ///< acc_
  std::string email;     ///< as typed; unique without regard to ASCII case
  Secret password_hash;  ///< Argon2id string
  std::string timezone = "UTC";
  bool totp_enabled = false;
  Secret totp_secret;               ///< empty unless enabled
  Secret totp_pending;              ///< offered by POST /accounts/me/2fa, not yet confirmed
  std::int64_t totp_last_step = 0;  ///< the newest 30 s step whose code was taken
  Secret signing_seed;              ///< ed25519 seed for `v1a` signatures; empty: not enabled
  std::string signing_public_key;   ///< "whpk_..." or empty
  std::uint64_t policy_count = 0;   ///< kept by the store
  std::uint64_t webhook_count = 0;  ///< kept by the store
  std::uint64_t active_webhook_count = 0;  ///< kept by the store
  Time created_at;
  Time updated_at;
};

/// One sign-in: the refresh tokens that descend from it. Its id goes into the access tokens.
struct SessionRow {
  std::string id;  ///< ses_
  std::string account_id;
  std::string ip;          ///< of the sign-in
  std::string user_agent;  ///< of the sign-in, cut by the caller
  Time created_at;
  Time refreshed_at;
  Time expires_at;  ///< of the newest refresh token
};

struct ApiTokenRow {
  std::string id;  ///< tok_
  std::string account_id;
  std::string name;
  std::string prefix;                    ///< first characters of the token, to recognise it
  Secret hash;                           ///< SHA-256 of the token
  std::vector<std::string> scopes;       ///< "read", "write"
  std::vector<std::string> allowed_ips;  ///< networks; empty: everywhere
  std::optional<Time> expires_at;
  std::optional<Time> last_used_at;
  Time created_at;
};

/// One user of a policy's smtp_credentials.
struct CredentialRow {
  std::string username;
  Secret hash;              ///< bcrypt
  std::uint64_t order = 0;  ///< creation order over all policies; given by the store, kept while
                            ///< the user stays in the policy
};

struct PolicyRow {
  std::string id;  ///< pol_
  std::string account_id;
  std::string name;
  std::string definition;  ///< the fields as normalised JSON, without credentials
  std::uint64_t version = 1;
  std::uint64_t credentials_version = 1;   ///< grows when the credential list changes
  std::vector<CredentialRow> credentials;  ///< in the order given
  std::uint64_t webhook_count = 0;         ///< kept by the store
  Time created_at;
  Time updated_at;
};

struct WebhookRow {
  std::string id;  ///< wh_
  std::string account_id;
  std::string name;
  std::string address;     ///< local@domain in lower case; unique over all accounts
  std::string target_url;  ///< URL or "inbox"
  bool is_active = true;
  std::optional<std::string> policy_id;
  std::map<std::string, std::string> custom_headers;
  std::string payload_template;
  std::uint32_t rate_limit_per_minute = 0;
  std::string delivery_mode = "sync";
  std::string attachments = "inline";
  std::string include_raw = "none";
  std::uint32_t timeout_ms = 30000;
  Secret secret;                          ///< "whsec_..."
  std::optional<Secret> previous_secret;  ///< signs too until previous_expires_at
  std::optional<Time> previous_expires_at;
  std::uint64_t version = 1;
  Time created_at;
  Time updated_at;
};

struct DomainRow {
  std::string id;  ///< dom_
  std::string account_id;
  std::string name;  ///< lower case A-labels
  bool verified = false;
  std::string verification_token;
  std::optional<Time> checked_at;     ///< last time DNS was asked
  std::optional<Time> failing_since;  ///< verified, but the record has been missing since
  Time created_at;
  Time updated_at;
};

/// A key that signs, or may sign, the mail of a domain.
struct DkimKeyRow {
  std::string domain_id;
  std::string domain;      ///< its name; kept with the domain
  std::string account_id;  ///< kept with the domain
  std::string selector;    ///< lower case
  std::string algorithm;   ///< "rsa-sha256", "ed25519-sha256"
  Secret private_key;      ///< PEM; empty where a key is only listed
  std::string public_record;
  bool signing = false;  ///< not: published, before or after its time
  Time created_at;
  Time updated_at;
};

/// One state of the gateway's restriction lists. They are the gateway's, not an account's.
struct ListRevisionRow {
  enum class Source { file, api, rollback };
  std::uint64_t revision = 0;  ///< from 1, without gaps; given by the store
  Source source = Source::file;
  std::string definition;  ///< restrictions::to_json(); empty: there are no lists
  std::string actor;       ///< account id or API token id; empty for Source::file
  std::string note;        ///< by whom wrote it, for people
  Time created_at;
};
std::string_view to_string(ListRevisionRow::Source source);

/// What a write leaves in the audit log, written in the same transaction.
struct AuditRow {
  std::string id;  ///< al_
  std::string account_id;
  std::string action;   ///< "smtp_policy.updated"
  std::string details;  ///< a JSON object; never a secret
  std::string ip;
  std::string actor;  ///< account id or API token id
  Time created_at;
};

/// A key that signs access tokens.
struct SigningKeyRow {
  std::string kid;
  Secret key;
  Time created_at;
  std::optional<Time> retired_at;  ///< verifies but no longer signs
};

/// A piece of a list, newest first.
struct Page {
  std::uint64_t offset = 0;
  std::uint64_t limit = 200;
};

template <class T>
struct Listed {
  std::vector<T> rows;
  std::uint64_t total = 0;  ///< over all pages
};

/// A piece of a list, newest first, from a place on: at any depth it costs what the first one
/// costs.
struct Keyset {
  std::uint64_t before = 0;  ///< Slice::next of the piece before; 0: from the newest
  std::uint64_t limit = 50;
  /// Only rows that have this in them, without regard to ASCII case; empty: all. A call looks at
  /// some thousand rows and no more: a slice may be short, even empty, with more to come.
  std::string needle;
};

template <class T>
struct Slice {
  std::vector<T> rows;
  std::uint64_t next = 0;  ///< where to go on; 0: this was the end
};

}  // namespace postern::store
