// The control plane's database: accounts, sessions, tokens, policies, webhooks, domains, audit.
//
// The hot path never asks it: it is read whole at the start (each_*) and then only by the API.
// Calls block for a disk flush; run them on a worker thread. Safe from any thread.
//
// Every method is one transaction, its audit entry included: it happens whole or not at all.
// Whatever names an account sees that account's rows only, so another account's object is
// `not_found`. An Error means the database itself is in trouble (Fault::temporary: disk full,
// locked; permanent: damaged); what the API has an answer for is an Outcome.
#pragma once

#include <functional>
#include <string_view>

#include "store/records.h"

namespace postern::store {

enum class Outcome {
  done,
  not_found,       ///< no such object in this account
  stale,           ///< somebody changed it since `expected_version` was read
  taken,           ///< e-mail, address or domain belongs to somebody
  in_use,          ///< other objects hold on to it, or it is the last owner
  no_such_policy,  ///< the webhook names a policy that this account does not have
  too_many,        ///< the account would store more than AccountLimits let it
};

/// What became of a refresh token.
struct Refreshed {
  enum class Result { renewed, unknown, reused } result = Result::unknown;
  std::string session_id;  ///< empty when unknown; revoked when reused
  std::string account_id;  ///< the person's
};

/// A deleted policy's webhooks: from now on they accept all mail.
struct PolicyDeleted {
  Outcome outcome = Outcome::not_found;
  std::vector<std::string> detached_webhooks;  ///< ids; with in_use those that hold it
};

/// A domain that was just verified.
struct DomainVerified {
  Outcome outcome = Outcome::not_found;           ///< taken: another account verified it first
  std::vector<std::string> deactivated_webhooks;  ///< of accounts that had lost the domain before
};

/// What went with an account; the directory forgets the same ids.
struct AccountDeleted {
  Outcome outcome = Outcome::not_found;
  std::vector<std::string> webhooks;
  std::vector<std::string> policies;
  std::vector<std::string> domains;  ///< names of verified domains
};

enum class WebhookFilter { all, active, inactive };
enum class Tokens { keep, revoke };
enum class IfUsed { detach, refuse };

class Store {
 public:
  virtual ~Store() = default;

  /// A write that is never kept: fails as a real one would (for /readyz and the disk-full answer).
  virtual Result<void> probe() = 0;
  /// From now on `tell` is called with the id of whatever loses or changes what it may: a person
  /// (role, password), a session, an API token; however that comes about. It is called on the
  /// thread that changed it, after the commit, and must not call the store.
  virtual Result<void> on_access_change(std::function<void(std::string_view id)> tell) = 0;
  /// Whether another process has written since the last call.
  virtual Result<bool> written_elsewhere() = 0;

  // Accounts
  virtual Result<Outcome> create_account(const AccountRow& account, const AuditRow* audit) = 0;
  virtual Result<std::optional<AccountRow>> account(std::string_view id) = 0;
  virtual Result<std::optional<AccountRow>> account_by_email(std::string_view email) = 0;
  virtual Result<Listed<AccountRow>> accounts(const Page& page) = 0;
  /// The id of the account that came when there was no other; "" when it is gone or never was.
  virtual Result<std::string> first_account() = 0;
  /// Makes the account that an owner's link or an invitation is for, and spends the link.
  /// `not_found`: unknown, spent or expired at `account.created_at`.
  virtual Result<Outcome> create_account_by_link(const AccountRow& account, const Secret& link_hash,
                                                 const AuditRow* audit) = 0;
  /// Ends all sessions but `keep_session` (may be empty) and the links that would set another
  /// password; with Tokens::revoke the API tokens that the person made too.
  virtual Result<Outcome> set_password(std::string_view account, const Secret& hash, Tokens tokens,
                                       std::string_view keep_session, const AuditRow* audit) = 0;
  /// The new hash of the same password (stronger parameters): touches nothing else.
  virtual Result<Outcome> rehash_password(std::string_view account, const Secret& hash) = 0;
  /// `taken`: another account has it, ASCII case aside.
  virtual Result<Outcome> set_email(std::string_view account, std::string_view email,
                                    const AuditRow* audit) = 0;
  virtual Result<Outcome> set_timezone(std::string_view account, std::string_view timezone) = 0;
  /// Notes that the person was there; writes at most once an hour.
  virtual Result<void> touch_account(std::string_view account, Time at) = 0;
  /// Everything of the team goes, its people too; `audit`, if given, is the one entry that stays.
  virtual Result<AccountDeleted> delete_account(std::string_view account,
                                                const AuditRow* audit) = 0;
  /// An empty seed switches `v1a` signatures off.
  virtual Result<Outcome> set_signing_key(std::string_view account, const Secret& seed,
                                          std::string_view public_key, const AuditRow* audit) = 0;

  // People
  virtual Result<std::vector<AccountRow>> members(std::string_view team) = 0;  ///< oldest first
  /// `in_use`: the team would be without an owner.
  virtual Result<Outcome> set_role(std::string_view team, std::string_view person, Role role,
                                   const AuditRow* audit) = 0;
  /// Sessions, API tokens and open links of the person go too. `in_use` as above.
  virtual Result<Outcome> remove_member(std::string_view team, std::string_view person,
                                        const AuditRow* audit) = 0;

  // One-time links: tokens are kept as hashes
  /// An owner's link takes the place of the one before.
  virtual Result<Outcome> create_link(const LinkRow& link, const Secret& hash,
                                      const AuditRow* audit) = 0;
  /// nullopt: unknown, spent, expired, or for the first account where there is one.
  virtual Result<std::optional<LinkRow>> link(const Secret& hash, Time at) = 0;
  virtual Result<std::vector<LinkRow>> invitations(std::string_view team, Time at) = 0;
  virtual Result<Outcome> delete_invitation(std::string_view team, std::string_view id,
                                            const AuditRow* audit) = 0;
  /// Spends a reset link: sets the password and ends all sessions. `not_found` as for link().
  virtual Result<Outcome> reset_password(const Secret& link_hash, const Secret& password_hash,
                                         Time at, const AuditRow* audit) = 0;

  // Two-factor sign-in
  virtual Result<Outcome> begin_totp(std::string_view account, const Secret& pending) = 0;
  /// Makes the pending secret the secret. `in_use`: already enabled; `not_found`: nothing pending.
  virtual Result<Outcome> enable_totp(std::string_view account, std::int64_t step,
                                      const std::vector<Secret>& backup_hashes,
                                      const AuditRow* audit) = 0;
  virtual Result<Outcome> disable_totp(std::string_view account, const AuditRow* audit) = 0;
  virtual Result<Outcome> set_backup_codes(std::string_view account,
                                           const std::vector<Secret>& hashes,
                                           const AuditRow* audit) = 0;
  /// False when this step or a later one was used before: a code works once (RFC 6238 §5.2).
  virtual Result<bool> use_totp_step(std::string_view account, std::int64_t step) = 0;
  /// True once for each code's hash.
  virtual Result<bool> use_backup_code(std::string_view account, const Secret& hash) = 0;
  virtual Result<std::uint64_t> backup_codes_left(std::string_view account) = 0;

  // Sessions: refresh tokens are kept as hashes
  virtual Result<Outcome> create_session(const SessionRow& session, const Secret& token_hash,
                                         const AuditRow* audit) = 0;
  /// Spends a token for the next one. A spent token shown again ends its whole session.
  virtual Result<Refreshed> refresh_session(const Secret& token_hash, const Secret& next_hash,
                                            Time at, Time next_expires_at) = 0;
  /// The session that a refresh token (spent or not) belongs to, ended; nullopt: unknown token.
  /// `audit(session)`, if set, makes its entry, or none.
  virtual Result<std::optional<SessionRow>> end_session_by_token(
      const Secret& token_hash,
      const std::function<std::optional<AuditRow>(const SessionRow&)>& audit) = 0;
  virtual Result<Outcome> end_session(std::string_view account, std::string_view id,
                                      const AuditRow* audit) = 0;
  /// A session that is neither ended nor expired.
  virtual Result<std::optional<SessionRow>> session(std::string_view id, Time at) = 0;
  virtual Result<Listed<SessionRow>> sessions(std::string_view account, Time at) = 0;
  virtual Result<std::uint64_t> purge_sessions(Time expired_before) = 0;

  // API tokens
  virtual Result<Outcome> create_api_token(const ApiTokenRow& token, const AuditRow* audit) = 0;
  virtual Result<Listed<ApiTokenRow>> api_tokens(std::string_view account, const Page& page) = 0;
  virtual Result<std::optional<ApiTokenRow>> api_token_by_hash(const Secret& hash) = 0;
  /// `maker`: only a token that this person made; empty: anybody's.
  virtual Result<Outcome> delete_api_token(std::string_view account, std::string_view maker,
                                           std::string_view id, const AuditRow* audit) = 0;
  /// Notes the use; writes at most once a minute a token.
  virtual Result<void> touch_api_token(std::string_view id, Time at) = 0;

  // Policies
  virtual Result<Outcome> create_policy(const PolicyRow& policy, const AuditRow* audit) = 0;
  virtual Result<std::optional<PolicyRow>> policy(std::string_view account,
                                                  std::string_view id) = 0;
  virtual Result<Listed<PolicyRow>> policies(std::string_view account, const Page& page) = 0;
  /// Searches names.
  virtual Result<Slice<PolicyRow>> policy_slice(std::string_view account, const Keyset& keyset) = 0;
  /// Stores `policy` (its versions and updated_at as given) if the stored version still is
  /// `expected_version`. Credentials are replaced by those of the row.
  virtual Result<Outcome> update_policy(const PolicyRow& policy, std::uint64_t expected_version,
                                        const AuditRow* audit) = 0;
  /// Detaches every webhook (their versions grow) and deletes. `audit(ids)` makes the entry that
  /// names them. `expected_version` nullopt: whatever version.
  virtual Result<PolicyDeleted> delete_policy(
      std::string_view account, std::string_view id, std::optional<std::uint64_t> expected_version,
      IfUsed if_used, Time at,
      const std::function<AuditRow(const std::vector<std::string>& detached)>& audit) = 0;
  virtual Result<std::vector<WebhookRow>> webhooks_of_policy(std::string_view account,
                                                             std::string_view policy) = 0;

  // Webhooks
  virtual Result<Outcome> create_webhook(const WebhookRow& webhook, const AuditRow* audit) = 0;
  virtual Result<std::optional<WebhookRow>> webhook(std::string_view account,
                                                    std::string_view id) = 0;
  virtual Result<Listed<WebhookRow>> webhooks(std::string_view account, WebhookFilter filter,
                                              const Page& page) = 0;
  /// Searches names, addresses and targets.
  virtual Result<Slice<WebhookRow>> webhook_slice(std::string_view account, WebhookFilter filter,
                                                  const Keyset& keyset) = 0;
  virtual Result<Outcome> update_webhook(const WebhookRow& webhook, std::uint64_t expected_version,
                                         const AuditRow* audit) = 0;
  virtual Result<Outcome> delete_webhook(std::string_view account, std::string_view id,
                                         std::optional<std::uint64_t> expected_version,
                                         const AuditRow* audit) = 0;

  // Domains
  /// `taken`: this account claims it already, or another has verified it.
  virtual Result<Outcome> create_domain(const DomainRow& domain, const AuditRow* audit) = 0;
  virtual Result<std::optional<DomainRow>> domain(std::string_view account,
                                                  std::string_view id) = 0;
  virtual Result<Listed<DomainRow>> domains(std::string_view account) = 0;
  virtual Result<bool> owns_verified_domain(std::string_view account, std::string_view name) = 0;
  virtual Result<DomainVerified> verify_domain(std::string_view account, std::string_view id,
                                               Time at, const AuditRow* audit) = 0;
  /// `in_use`: webhooks of this account have addresses there.
  virtual Result<Outcome> delete_domain(std::string_view account, std::string_view id,
                                        const AuditRow* audit) = 0;
  /// Verified domains not checked since `checked_before`, oldest first.
  virtual Result<std::vector<DomainRow>> domains_due(Time checked_before, std::uint64_t limit) = 0;
  /// The result of a re-check: still there, or missing since `failing_since`; missing for too long
  /// makes it unverified (`verified` false), its mail still flows.
  virtual Result<Outcome> note_domain_check(std::string_view id, Time at,
                                            std::optional<Time> failing_since, bool verified) = 0;

  // DKIM keys of domains
  /// `taken`: the domain has a key under this selector; `in_use`: it has `most` keys already.
  virtual Result<Outcome> create_dkim_key(const DkimKeyRow& key, std::uint64_t most,
                                          const AuditRow* audit) = 0;
  /// Newest first, without private keys; none when the domain is not this account's.
  virtual Result<std::vector<DkimKeyRow>> dkim_keys(std::string_view account,
                                                    std::string_view domain_id) = 0;
  virtual Result<Outcome> set_dkim_key_signing(std::string_view account, std::string_view domain_id,
                                               std::string_view selector, bool signing, Time at,
                                               const AuditRow* audit) = 0;
  /// `in_use`: it signs.
  virtual Result<Outcome> delete_dkim_key(std::string_view account, std::string_view domain_id,
                                          std::string_view selector, const AuditRow* audit) = 0;
  /// What signs for the verified domain of this name, newest first, with private keys.
  virtual Result<std::vector<DkimKeyRow>> dkim_signing_keys(std::string_view domain) = 0;

  // Restriction lists: every state that ever ran, newest first
  /// Gives `row` its number and stores it, if the newest revision still is `newest` (0: none is).
  virtual Result<Outcome> add_list_revision(ListRevisionRow& row, std::uint64_t newest,
                                            const AuditRow* audit) = 0;
  virtual Result<std::optional<ListRevisionRow>> newest_list_revision() = 0;
  /// The newest that came from the configuration file.
  virtual Result<std::optional<ListRevisionRow>> newest_file_revision() = 0;
  virtual Result<std::optional<ListRevisionRow>> list_revision(std::uint64_t revision) = 0;
  virtual Result<Listed<ListRevisionRow>> list_revisions(const Page& page) = 0;

  // Audit
  virtual Result<void> append_audit(const AuditRow& entry) = 0;
  virtual Result<Listed<AuditRow>> audit_log(std::string_view account, const AuditPage& page) = 0;

  // The server's own secrets
  virtual Result<std::vector<SigningKeyRow>> signing_keys() = 0;  ///< newest first
  virtual Result<void> put_signing_key(const SigningKeyRow& key) = 0;
  virtual Result<void> delete_signing_key(std::string_view kid) = 0;
  /// The value under `name`; `first` becomes it when there is none (keys of links, of cookies).
  virtual Result<Secret> server_secret(std::string_view name, const Secret& first) = 0;

  // Start-up: row by row, memory does not grow with the table. `take` must not call the store.
  virtual Result<void> each_policy(const std::function<void(PolicyRow)>& take) = 0;
  virtual Result<void> each_webhook(const std::function<void(WebhookRow)>& take) = 0;
  virtual Result<void> each_verified_domain(const std::function<void(DomainRow)>& take) = 0;
  /// The keys that sign for verified domains, the keys of a domain together, newest first.
  virtual Result<void> each_dkim_signing_key(const std::function<void(DkimKeyRow)>& take) = 0;
  /// Accounts with `v1a` signatures: id and seed.
  virtual Result<void> each_signing_seed(
      const std::function<void(std::string account, Secret seed)>& take) = 0;
};

}  // namespace postern::store
