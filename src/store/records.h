// The rows of the control plane. Ids are `prefix` + ULID; text columns hold what the API shows;
// whatever opens a door is a Secret.
#pragma once

#include <cstdint>
#include <limits>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/secret.h"
#include "policy/inbox_limits.h"
#include "store/database.h"

namespace postern::store {

/// What a person may do with what is the team's. In the order of what they may.
enum class Role {
  none,      ///< has left; the row stays because it is the team's
  viewer,    ///< sees everything, changes nothing
  operates,  ///< the word is "operator": works on everything
  owner,     ///< also says who else may
};
std::string_view to_string(Role role);
/// nullopt for anything but "owner", "operator" and "viewer".
std::optional<Role> role_of(std::string_view text);

/// One sign-in. Those who work on the same things share a team, which bears the id of the account
/// that was there first; whatever else names an `account_id` means the team.
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
  std::string team_id{};  ///< empty in a new row: the own id
  Role role = Role::owner;
  std::optional<Time> last_seen_at{};  ///< kept by the store, to the hour
};

/// One sign-in: the refresh tokens that descend from it. Its id goes into the access tokens.
struct SessionRow {
  std::string id;          ///< ses_
  std::string account_id;  ///< the person's
  std::string ip;          ///< of the sign-in
  std::string user_agent;  ///< of the sign-in, cut by the caller
  Time created_at;
  Time refreshed_at;
  Time expires_at;                ///< of the newest refresh token
  std::string team_id{};          ///< read with the row, as the next two
  Role role = Role::none;         ///< of the person now
  std::optional<Time> seen_at{};  ///< AccountRow::last_seen_at
};

/// A door that opens once: whoever holds the token makes an account or sets a password.
struct LinkRow {
  enum class Kind {
    owner,       ///< the first account of a store without one
    invitation,  ///< an account of the team `account_id`
    reset,       ///< a new password of the account `account_id`
  };
  std::string id;  ///< inv_ or lnk_
  Kind kind = Kind::invitation;
  std::string account_id;     ///< empty for Kind::owner
  Role role = Role::owner;    ///< of the account to be made
  std::string email;          ///< of an invitation: who alone may take it, or empty
  std::string created_by;     ///< account id; empty for the command line and the gateway itself
  std::string creator_email;  ///< read with the row
  Time created_at;
  std::optional<Time> expires_at;
};
std::string_view to_string(LinkRow::Kind kind);

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
  std::string maker{};        ///< account id: the token may at most what this person may
  std::string maker_email{};  ///< read with the row, as the next one
  Role maker_role = Role::none;
};

/// One user of a policy's smtp_credentials.
struct CredentialRow {
  std::string username;
  Secret hash;              ///< bcrypt
  std::uint64_t order = 0;  ///< creation order over all policies; given by the store, kept while
                            ///< the user stays in the policy
};

/// What one account may store. What it stored before stays, and can be changed for less.
struct AccountLimits {
  std::uint64_t policies = std::numeric_limits<std::uint64_t>::max();
  std::uint64_t credentials = std::numeric_limits<std::uint64_t>::max();  ///< of all its policies
  std::uint64_t webhooks = std::numeric_limits<std::uint64_t>::max();
  std::uint64_t domains = std::numeric_limits<std::uint64_t>::max();  ///< verified or not
  /// Of its policies with their credentials, and of its webhooks: names, definitions, hashes,
  /// addresses, targets, custom headers and templates.
  std::uint64_t octets = std::numeric_limits<std::uint64_t>::max();
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
  policy::InboxLimits inbox{};
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
  std::string
      actor_name{};  ///< read with the row: e-mail address or token name, while there is one
};

/// A key that signs access tokens.
struct SigningKeyRow {
  std::string kid;
  Secret key;
  Time created_at;
  std::optional<Time> retired_at;  ///< verifies but no longer signs
};

/// A piece of the audit log, newest first.
struct AuditPage {
  std::string before{};  ///< id of an entry; empty: from the newest
  std::uint64_t limit = 200;
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
