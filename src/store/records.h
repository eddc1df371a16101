// The rows of the control plane's database. An id is a prefix and a ULID. Text columns contain what
// the API shows; anything that authenticates somebody is a Secret.
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

/// What a person may do with the team's objects. Each role includes the ones before it.
enum class Role {
  none,      ///< has left; the row stays because the team's objects refer to it
  viewer,    ///< reads everything, changes nothing
  operates,  ///< "operator" in the API: changes everything but people
  owner,     ///< also manages people
};
/// "viewer", "operator", "owner"; "" for Role::none.
std::string_view to_string(Role role);
/// nullopt for anything but "owner", "operator" and "viewer".
std::optional<Role> role_of(std::string_view text);

/// A person's login. People who work on the same objects form a team, whose id is that of its first
/// account. Except in SessionRow, LinkRow::Kind::reset and where noted, `account_id` is a team's
/// id.
struct AccountRow {
  std::string id;                   ///< acc_
  std::string email;                ///< as typed; unique, ignoring ASCII case
  Secret password_hash;             ///< Argon2id
  std::string timezone = "UTC";     ///< IANA name
  bool totp_enabled = false;        ///< totp_secret is not empty
  Secret totp_secret;               ///< empty: not enabled
  Secret totp_pending;              ///< offered by POST /accounts/me/2fa, not yet confirmed
  std::int64_t totp_last_step = 0;  ///< the newest 30 s step whose code was accepted
  Secret signing_seed;              ///< Ed25519 seed for `v1a` signatures; empty: not enabled
  std::string signing_public_key;   ///< "whpk_..." or empty
  std::uint64_t policy_count = 0;   ///< maintained by the store
  std::uint64_t webhook_count = 0;  ///< maintained by the store
  std::uint64_t active_webhook_count = 0;  ///< maintained by the store
  Time created_at;                         ///< of the row
  Time updated_at;                         ///< of the row
  std::string team_id{};                   ///< empty in a new row: the account's own id
  Role role = Role::owner;                 ///< in the team
  std::optional<Time> last_seen_at{};      ///< maintained by the store, to the hour
};

/// A sign-in and the refresh tokens issued for it. Access tokens contain its id.
struct SessionRow {
  std::string id;                 ///< ses_
  std::string account_id;         ///< of the person
  std::string ip;                 ///< of the sign-in
  std::string user_agent;         ///< of the sign-in, cut by the caller
  Time created_at;                ///< time of the sign-in
  Time refreshed_at;              ///< time of the newest refresh
  Time expires_at;                ///< of the newest refresh token
  std::string team_id{};          ///< of the person now; read with the row
  Role role = Role::none;         ///< of the person now; read with the row
  std::optional<Time> seen_at{};  ///< AccountRow::last_seen_at; read with the row
};

/// A one-time link: its token lets the holder create an account or set a password.
struct LinkRow {
  /// What the token may be used for.
  enum class Kind {
    owner,       ///< to create the first account of a store
    invitation,  ///< to create an account in the team `account_id`
    reset,       ///< to set the password of the account `account_id`
  };
  std::string id;                ///< inv_ or lnk_
  Kind kind = Kind::invitation;  ///< what the link does
  std::string account_id;        ///< empty for Kind::owner
  Role role = Role::owner;       ///< of the account to create
  std::string email;  ///< of an invitation: the only e-mail address that may use it; empty: any
  std::string created_by;          ///< account id; empty: the command line or the gateway
  std::string creator_email;       ///< read with the row
  Time created_at;                 ///< of the row
  std::optional<Time> expires_at;  ///< nullopt: never
};
/// "owner", "invitation", "reset"
std::string_view to_string(LinkRow::Kind kind);

/// A token for the API.
struct ApiTokenRow {
  std::string id;                        ///< tok_
  std::string account_id;                ///< the team
  std::string name;                      ///< chosen by the user
  std::string prefix;                    ///< first characters of the token, for display
  Secret hash;                           ///< SHA-256 of the token
  std::vector<std::string> scopes;       ///< "read", "write"
  std::vector<std::string> allowed_ips;  ///< networks; empty: any
  std::optional<Time> expires_at;        ///< nullopt: never
  std::optional<Time> last_used_at;      ///< nullopt: never; to the minute
  Time created_at;                       ///< of the row
  std::string maker{};           ///< account id; the token never has more rights than this person
  std::string maker_email{};     ///< read with the row
  Role maker_role = Role::none;  ///< the maker's role now; read with the row
};

/// A user in a policy's smtp_credentials.
struct CredentialRow {
  std::string username;  ///< as the client sends it
  Secret hash;           ///< bcrypt
  /// Position in order of creation over all policies. Assigned by the store; kept while the user is
  /// in the policy.
  std::uint64_t order = 0;
};

/// What an account may store. Objects beyond a lowered limit stay, but may only shrink.
struct AccountLimits {
  std::uint64_t policies = std::numeric_limits<std::uint64_t>::max();     ///< number of policies
  std::uint64_t credentials = std::numeric_limits<std::uint64_t>::max();  ///< in all its policies
  std::uint64_t webhooks = std::numeric_limits<std::uint64_t>::max();     ///< number of webhooks
  std::uint64_t domains = std::numeric_limits<std::uint64_t>::max();      ///< verified or not
  /// Octets of its policies with their credentials, and of its webhooks: names, definitions,
  /// hashes, addresses, targets, custom headers and templates.
  std::uint64_t octets = std::numeric_limits<std::uint64_t>::max();
};

/// A policy with its credentials.
struct PolicyRow {
  std::string id;                          ///< pol_
  std::string account_id;                  ///< the team
  std::string name;                        ///< shown to people
  std::string definition;                  ///< the fields as normalised JSON, without credentials
  std::uint64_t version = 1;               ///< grows with each change
  std::uint64_t credentials_version = 1;   ///< grows when the credential list changes
  std::vector<CredentialRow> credentials;  ///< in the order given
  std::uint64_t webhook_count = 0;         ///< maintained by the store
  Time created_at;                         ///< of the row
  Time updated_at;                         ///< of the row
  std::string unreadable = {};             ///< why it must not be used; only of Store::each_*()
};

/// A webhook: an address and the target of its mail.
struct WebhookRow {
  std::string id;          ///< wh_
  std::string account_id;  ///< the team
  std::string name;        ///< shown to people
  std::string address;     ///< local-part@domain in lower case; unique over all accounts
  std::string target_url;  ///< URL or "inbox"
  bool is_active = true;   ///< false: its mail is refused
  std::optional<std::string> policy_id;               ///< nullopt: accepts all mail
  std::map<std::string, std::string> custom_headers;  ///< of the HTTP request: field name to value
  std::string payload_template;                       ///< empty: the standard payload
  std::uint32_t rate_limit_per_minute = 0;            ///< 0: unlimited
  std::string delivery_mode = "sync";                 ///< "sync", "queued"
  std::string attachments = "inline";                 ///< "inline", "link", "none"
  std::string include_raw = "none";                   ///< "inline", "link", "none"
  std::uint32_t timeout_ms = 30000;                   ///< of the HTTP request
  policy::InboxLimits inbox{};                        ///< for target "inbox"
  Secret secret;                                      ///< "whsec_..."
  std::optional<Secret> previous_secret;              ///< also signs until previous_expires_at
  std::optional<Time> previous_expires_at;            ///< nullopt: no previous secret
  std::uint64_t version = 1;                          ///< grows with each change
  Time created_at;                                    ///< of the row
  Time updated_at;                                    ///< of the row
  std::string unreadable = {};  ///< why it must not be used; only of Store::each_*()
};

/// A domain claimed by an account.
struct DomainRow {
  std::string id;                     ///< dom_
  std::string account_id;             ///< the team
  std::string name;                   ///< lower case A-labels
  bool verified = false;              ///< of all accounts, one at most
  std::string verification_token;     ///< expected in the domain's TXT record
  std::optional<Time> checked_at;     ///< time of the newest DNS lookup
  std::optional<Time> failing_since;  ///< verified, but its record has been missing since then
  Time created_at;                    ///< of the row
  Time updated_at;                    ///< of the row
};

/// A DKIM key of a domain.
struct DkimKeyRow {
  std::string domain_id;        ///< dom_
  std::string domain;           ///< the domain's name; stored with the domain
  std::string account_id;       ///< stored with the domain
  std::string selector;         ///< lower case
  std::string algorithm;        ///< "rsa-sha256", "ed25519-sha256"
  Secret private_key;           ///< PEM; empty in listings
  std::string public_record;    ///< text of the TXT record, RFC 6376 §3.6.1
  bool signing = false;         ///< false: only published, before or after its use
  Time created_at;              ///< of the row
  Time updated_at;              ///< of the row
  std::string unreadable = {};  ///< why it must not be used; only of Store::each_*()
};

/// The key of an account's `v1a` signatures.
struct SigningSeedRow {
  std::string account_id;       ///< the team
  Secret seed;                  ///< of Ed25519
  std::string unreadable = {};  ///< why it must not be used
};

/// A revision of the gateway's restriction lists. They belong to no account.
struct ListRevisionRow {
  /// Where a revision came from.
  enum class Source { file, api, rollback };
  std::uint64_t revision = 0;    ///< counts from 1 without gaps; assigned by the store
  Source source = Source::file;  ///< where it came from
  std::string definition;        ///< restrictions::to_json(); empty: there are no lists
  std::string actor;             ///< account id or API token id; empty for Source::file
  std::string note;              ///< the author's remark
  Time created_at;               ///< of the row
};
/// "file", "api", "rollback"
std::string_view to_string(ListRevisionRow::Source source);

/// An entry of the audit log. It is written in the transaction of the change that it describes.
struct AuditRow {
  std::string id;          ///< al_
  std::string account_id;  ///< the team
  std::string action;      ///< "smtp_policy.updated"
  std::string details;     ///< a JSON object; never a secret
  std::string ip;          ///< of the client
  std::string actor;       ///< account id or API token id
  Time created_at;         ///< of the entry
  std::string
      /// Read with the row: the actor's e-mail address or token name, if it still exists.
      actor_name{};
};

/// A key that signs access tokens.
struct SigningKeyRow {
  std::string kid;                 ///< key id in the token's header
  Secret key;                      ///< HMAC-SHA-256
  Time created_at;                 ///< of the row
  std::optional<Time> retired_at;  ///< since then it verifies but does not sign
};

/// Selects a page of the audit log, newest first.
struct AuditPage {
  /// Id of the last entry of the page before; empty: from the newest. An unknown id selects
  /// nothing.
  std::string before{};
  std::uint64_t limit = 200;  ///< entries at most
};

/// Selects a page of a list, newest first. The cost grows with the offset.
struct Page {
  std::uint64_t offset = 0;   ///< rows to skip
  std::uint64_t limit = 200;  ///< rows at most
};

/// A page and the size of the whole list.
template <class T>
struct Listed {
  std::vector<T> rows;      ///< of the page
  std::uint64_t total = 0;  ///< rows of all pages
};

/// Selects a slice of a list, newest first, after a given row. The cost does not depend on the
/// depth.
struct Keyset {
  std::uint64_t before = 0;  ///< Slice::next of the slice before; 0: from the newest
  std::uint64_t limit = 50;  ///< rows at most
  /// Only rows that contain this text, ignoring ASCII case; empty: all rows. A call examines a
  /// limited number of rows (keyset.h), so a slice may be short or empty although more rows follow.
  std::string needle;
};

/// A slice and where the next one begins.
template <class T>
struct Slice {
  std::vector<T> rows;     ///< newest first
  std::uint64_t next = 0;  ///< Keyset::before of the next slice; 0: the end was reached
};

}  // namespace postern::store
