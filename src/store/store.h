// The control plane's database: accounts, sessions, tokens, policies, webhooks, domains, audit log.
//
// The hot path never uses it: each_*() read it once at the start, then only the API uses it. Calls
// block on a disk flush, so call them on a worker thread. All methods are safe from any thread.
//
// Each method is one transaction that includes its audit entry (`audit`, null: no entry). A method
// with an account parameter sees only that account's rows: another account's object is `not_found`.
// An Error reports a failure of the database itself (Fault::disk_full; Fault::temporary: locked;
// Fault::permanent: damaged); what the API answers is a WriteOutcome.
#pragma once

#include <functional>
#include <string_view>

#include "store/records.h"

namespace postern::store {

/// The result of a write. Unless it is `done`, nothing was changed. An Error may be in_doubt().
enum class WriteOutcome {
  done,
  not_found,       ///< no such object in this account
  stale,           ///< the version is no longer `expected_version`
  taken,           ///< the e-mail address, address or domain belongs to another object
  in_use,          ///< other objects refer to it, or the person is the last owner
  no_such_policy,  ///< the webhook names a policy that is not in its account
  too_many,        ///< the account would exceed its AccountLimits
};

/// The result of using a refresh token.
struct Refreshed {
  /// `reused`: it had been spent, so its session was ended.
  enum class Result { renewed, unknown, reused } result = Result::unknown;
  std::string session_id;  ///< empty if unknown
  std::string account_id;  ///< of the person; empty if unknown
};

/// The result of delete_policy(). The detached webhooks accept all mail from then on.
struct PolicyDeleted {
  WriteOutcome outcome = WriteOutcome::not_found;  ///< done, not_found, stale or in_use
  std::vector<std::string> detached_webhooks;      ///< ids; with in_use: the webhooks that use it
};

/// The result of verify_domain().
struct DomainVerified {
  WriteOutcome outcome = WriteOutcome::not_found;  ///< taken: another account verified it first
  /// Ids of the webhooks that other accounts had in this domain.
  std::vector<std::string> lost_webhooks;
};

/// The result of delete_account(): the objects that were deleted with it.
struct AccountDeleted {
  WriteOutcome outcome = WriteOutcome::not_found;  ///< done or not_found
  std::vector<std::string> webhooks;               ///< ids
  std::vector<std::string> policies;               ///< ids
  std::vector<std::string> domains;                ///< names of verified domains
};

/// Selects webhooks by WebhookRow::is_active.
enum class WebhookFilter { all, active, inactive };
/// Whether a change of the password also revokes API tokens.
enum class Tokens { keep, revoke };
/// What deleting a policy does to webhooks that use it.
enum class IfUsed { detach, refuse };

/// An edit of what the memory of a gateway may hold, by any node of a cluster.
struct Change {
  /// An object that was made, changed or deleted.
  struct Key {
    /// "policy", "webhook", "dkim", "domain" (verified or not any more), "signing_seed", "lists",
    /// "signing_key", "access" (see Store::on_access_change())
    std::string kind;
    /// Its id; the name of a domain, for "dkim" too; the revision of lists; a kid.
    std::string id;
    std::string account_id;  ///< whose it is; empty: nobody's
    auto operator<=>(const Key&) const = default;
  };
  std::uint64_t number = 0;  ///< from 1 on, without gaps, in the order of commits
  std::string edit;          ///< 16 octets that no other edit has
  std::vector<Key> keys;     ///< what it changed
};

/// The rows that each_policy() and each_webhook() read.
struct Which {
  std::string account;  ///< of this account; empty: of all
  std::string id = {};  ///< with an account: the one with this id; empty: all
  /// Without an account: the webhooks with an address in this domain; empty: all.
  std::string domain = {};
};

/// The interface; SqliteStore and PgsqlStore implement it.
class Store {
 public:
  virtual ~Store() = default;

  /// Does a write and rolls it back. Fails as a real write would (for /readyz and the disk-full
  /// answer).
  virtual Result<void> probe() = 0;
  /// From now on calls `tell` with the id of a person whose role or password changes, and of a
  /// person, session or API token that is deleted, whatever caused it; with "" if the ids could not
  /// be read. `tell` runs on the changing thread after the commit and must not call the store.
  virtual Result<void> on_access_change(std::function<void(std::string_view id)> tell) = 0;
  /// Whether another process has written to the database since the last call. The first call:
  /// false.
  virtual Result<bool> written_elsewhere() = 0;

  // Accounts
  /// `taken`: the e-mail address has an account.
  virtual Result<WriteOutcome> create_account(const AccountRow& account, const AuditRow* audit) = 0;
  /// nullopt: no such account.
  virtual Result<std::optional<AccountRow>> account(std::string_view id) = 0;
  /// Ignores ASCII case. nullopt: no such account.
  virtual Result<std::optional<AccountRow>> account_by_email(std::string_view email) = 0;
  /// All accounts, newest first.
  virtual Result<Listed<AccountRow>> accounts(const Page& page) = 0;
  /// The id of the account created first in this store; "" if there is none or it was deleted.
  virtual Result<std::string> first_account() = 0;
  /// Creates the account for an owner's link or an invitation, and spends the link. `not_found`:
  /// the link is unknown, spent, or expired at `account.created_at`; `taken`: see create_account().
  virtual Result<WriteOutcome> create_account_by_link(const AccountRow& account,
                                                      const Secret& link_hash,
                                                      const AuditRow* audit) = 0;
  /// Sets the hash. Ends all sessions except `keep_session` (may be empty) and deletes the person's
  /// password reset links; with Tokens::revoke also the API tokens that the person made.
  virtual Result<WriteOutcome> set_password(std::string_view account, const Secret& hash,
                                            Tokens tokens, std::string_view keep_session,
                                            const AuditRow* audit) = 0;
  /// Replaces the hash `was` of an unchanged password (stronger parameters); changes nothing else.
  /// `stale`: the hash is another one now.
  virtual Result<WriteOutcome> rehash_password(std::string_view account, const Secret& was,
                                               const Secret& hash) = 0;
  /// `taken`: another account has this address, ignoring ASCII case.
  virtual Result<WriteOutcome> set_email(std::string_view account, std::string_view email,
                                         const AuditRow* audit) = 0;
  /// `timezone`: an IANA name, checked by the caller.
  virtual Result<WriteOutcome> set_timezone(std::string_view account,
                                            std::string_view timezone) = 0;
  /// Notes that the person was active. Writes at most once an hour.
  virtual Result<void> touch_account(std::string_view account, Time at) = 0;
  /// Deletes a team with everything in it, its people included. `audit` is the only entry that
  /// stays.
  virtual Result<AccountDeleted> delete_account(std::string_view account,
                                                const AuditRow* audit) = 0;
  /// An empty seed disables `v1a` signatures.
  virtual Result<WriteOutcome> set_signing_key(std::string_view account, const Secret& seed,
                                               std::string_view public_key,
                                               const AuditRow* audit) = 0;

  // People
  /// who have not left; oldest first
  virtual Result<std::vector<AccountRow>> members(std::string_view team) = 0;
  /// `in_use`: the team would have no owner. Takes the person's links unless the role is owner.
  virtual Result<WriteOutcome> set_role(std::string_view team, std::string_view person, Role role,
                                        const AuditRow* audit) = 0;
  /// Also deletes the person's sessions, API tokens and links. `in_use`: see set_role().
  virtual Result<WriteOutcome> remove_member(std::string_view team, std::string_view person,
                                             const AuditRow* audit) = 0;

  // One-time links: the store keeps hashes of their tokens
  /// Also deletes expired links. An owner's link replaces the one before.
  virtual Result<WriteOutcome> create_link(const LinkRow& link, const Secret& hash,
                                           const AuditRow* audit) = 0;
  /// nullopt: unknown, spent or expired at `at`, or an owner's link although there is an account.
  virtual Result<std::optional<LinkRow>> link(const Secret& hash, Time at) = 0;
  /// The team's invitations that are valid at `at`, newest first.
  virtual Result<std::vector<LinkRow>> invitations(std::string_view team, Time at) = 0;
  /// `not_found`: no such invitation in this team.
  virtual Result<WriteOutcome> delete_invitation(std::string_view team, std::string_view id,
                                                 const AuditRow* audit) = 0;
  /// Sets the password by a reset link and ends all sessions, which spends the link. `not_found`:
  /// see link().
  virtual Result<WriteOutcome> reset_password(const Secret& link_hash, const Secret& password_hash,
                                              Time at, const AuditRow* audit) = 0;

  // Two-factor sign-in
  /// Stores a secret to be confirmed by enable_totp(). `in_use`: already enabled.
  virtual Result<WriteOutcome> begin_totp(std::string_view account, const Secret& pending) = 0;
  /// Makes the pending secret the secret, and `step` its newest used step. `in_use`: already
  /// enabled; `not_found`: `pending` is not the pending secret (any more).
  virtual Result<WriteOutcome> enable_totp(std::string_view account, const Secret& pending,
                                           std::int64_t step,
                                           const std::vector<Secret>& backup_hashes,
                                           const AuditRow* audit) = 0;
  /// Also deletes the backup codes. `not_found`: not enabled.
  virtual Result<WriteOutcome> disable_totp(std::string_view account, const AuditRow* audit) = 0;
  /// Replaces all backup codes.
  virtual Result<WriteOutcome> set_backup_codes(std::string_view account,
                                                const std::vector<Secret>& hashes,
                                                const AuditRow* audit) = 0;
  /// Marks a 30 s step as used. False if it or a later one was used before: a code works once (RFC
  /// 6238 §5.2).
  virtual Result<bool> use_totp_step(std::string_view account, std::int64_t step) = 0;
  /// Spends a backup code. False: unknown or spent.
  virtual Result<bool> use_backup_code(std::string_view account, const Secret& hash) = 0;
  /// The number of unspent backup codes.
  virtual Result<std::uint64_t> backup_codes_left(std::string_view account) = 0;

  // Sessions: the store keeps hashes of refresh tokens
  /// Stores a session with its first refresh token, which expires with it. `stale`: password or
  /// second factor of the account are not those of `judged` any more; null: they do not matter.
  virtual Result<WriteOutcome> create_session(const SessionRow& session, const Secret& token_hash,
                                              const AuditRow* audit,
                                              const AccountRow* judged = nullptr) = 0;
  /// Spends a refresh token and stores the next one. A spent token ends its whole session.
  virtual Result<Refreshed> refresh_session(const Secret& token_hash, const Secret& next_hash,
                                            Time at, Time next_expires_at) = 0;
  /// Ends the session of a refresh token, spent or not, and returns it; nullopt: unknown token.
  /// `audit(session)`, if set, makes the audit entry, or none; it must not call the store.
  virtual Result<std::optional<SessionRow>> end_session_by_token(
      const Secret& token_hash,
      const std::function<std::optional<AuditRow>(const SessionRow&)>& audit) = 0;
  /// `not_found`: this person has no such session.
  virtual Result<WriteOutcome> end_session(std::string_view account, std::string_view id,
                                           const AuditRow* audit) = 0;
  /// nullopt: ended, or expired at `at`.
  virtual Result<std::optional<SessionRow>> session(std::string_view id, Time at) = 0;
  /// The person's sessions that are valid at `at`, newest first, 1000 at most.
  virtual Result<Listed<SessionRow>> sessions(std::string_view account, Time at) = 0;
  /// Deletes the sessions that expired before, and returns their number.
  virtual Result<std::uint64_t> purge_sessions(Time expired_before) = 0;

  // API tokens
  /// An empty `maker` stands for the account itself.
  virtual Result<WriteOutcome> create_api_token(const ApiTokenRow& token,
                                                const AuditRow* audit) = 0;
  /// Newest first.
  virtual Result<Listed<ApiTokenRow>> api_tokens(std::string_view account, const Page& page) = 0;
  /// nullopt: unknown. The caller checks the expiry.
  virtual Result<std::optional<ApiTokenRow>> api_token_by_hash(const Secret& hash) = 0;
  /// `maker`: only a token made by this person; empty: anybody's.
  virtual Result<WriteOutcome> delete_api_token(std::string_view account, std::string_view maker,
                                                std::string_view id, const AuditRow* audit) = 0;
  /// Notes the use. Writes at most once a minute per token.
  virtual Result<void> touch_api_token(std::string_view id, Time at) = 0;

  // Policies
  /// `too_many`: see AccountLimits.
  virtual Result<WriteOutcome> create_policy(const PolicyRow& policy, const AuditRow* audit) = 0;
  /// With its credentials. nullopt: not in this account.
  virtual Result<std::optional<PolicyRow>> policy(std::string_view account,
                                                  std::string_view id) = 0;
  /// With their credentials, newest first.
  virtual Result<Listed<PolicyRow>> policies(std::string_view account, const Page& page) = 0;
  /// With their credentials, newest first. The needle is searched in names.
  virtual Result<Slice<PolicyRow>> policy_slice(std::string_view account, const Keyset& keyset) = 0;
  /// Stores `policy`, with its versions and updated_at as given, if the stored version is
  /// `expected_version`. Replaces the credentials.
  virtual Result<WriteOutcome> update_policy(const PolicyRow& policy,
                                             std::uint64_t expected_version,
                                             const AuditRow* audit) = 0;
  /// Deletes a policy and detaches all webhooks from it, whose versions grow. `audit(ids)`, if set,
  /// makes the audit entry that names them; it must not call the store. `expected_version` nullopt:
  /// any.
  virtual Result<PolicyDeleted> delete_policy(
      std::string_view account, std::string_view id, std::optional<std::uint64_t> expected_version,
      IfUsed if_used, Time at,
      const std::function<AuditRow(const std::vector<std::string>& detached)>& audit) = 0;
  /// The webhooks that use the policy, oldest first.
  virtual Result<std::vector<WebhookRow>> webhooks_of_policy(std::string_view account,
                                                             std::string_view policy) = 0;

  // Webhooks
  /// `no_such_policy`; `taken`: the address, or its domain for one that is active; `too_many`: see
  /// AccountLimits.
  virtual Result<WriteOutcome> create_webhook(const WebhookRow& webhook, const AuditRow* audit) = 0;
  /// nullopt: not in this account.
  virtual Result<std::optional<WebhookRow>> webhook(std::string_view account,
                                                    std::string_view id) = 0;
  /// Newest first.
  virtual Result<Listed<WebhookRow>> webhooks(std::string_view account, WebhookFilter filter,
                                              const Page& page) = 0;
  /// Newest first. The needle is searched in names, addresses and targets.
  virtual Result<Slice<WebhookRow>> webhook_slice(std::string_view account, WebhookFilter filter,
                                                  const Keyset& keyset) = 0;
  /// Stores `webhook` as given if the stored version is `expected_version`. Outcomes as for
  /// create_webhook(), `stale` and `not_found`.
  virtual Result<WriteOutcome> update_webhook(const WebhookRow& webhook,
                                              std::uint64_t expected_version,
                                              const AuditRow* audit) = 0;
  /// `expected_version` nullopt: any.
  virtual Result<WriteOutcome> delete_webhook(std::string_view account, std::string_view id,
                                              std::optional<std::uint64_t> expected_version,
                                              const AuditRow* audit) = 0;

  // Domains
  /// `taken`: this account already claims it, or another account has verified it.
  virtual Result<WriteOutcome> create_domain(const DomainRow& domain, const AuditRow* audit) = 0;
  /// nullopt: not in this account.
  virtual Result<std::optional<DomainRow>> domain(std::string_view account,
                                                  std::string_view id) = 0;
  /// Newest first.
  virtual Result<Listed<DomainRow>> domains(std::string_view account) = 0;
  /// The account that has verified the domain `name` (lower-case A-labels); nullopt: none has.
  virtual Result<std::optional<std::string>> owner_of_domain(std::string_view name) = 0;
  /// Marks the domain as verified at `at`. The webhooks of other accounts in it are switched off
  /// and have another address, which nobody else has: the new owner decides who has one there. The
  /// audit logs of these accounts get their former addresses.
  virtual Result<DomainVerified> verify_domain(std::string_view account, std::string_view id,
                                               Time at, const AuditRow* audit) = 0;
  /// `in_use`: webhooks of this account have addresses in it.
  virtual Result<WriteOutcome> delete_domain(std::string_view account, std::string_view id,
                                             const AuditRow* audit) = 0;
  /// Verified domains checked before `checked_before`, least recently checked first.
  virtual Result<std::vector<DomainRow>> domains_due(Time checked_before, std::uint64_t limit) = 0;
  /// Stores the result of a DNS check of a verified domain: present (`failing_since` nullopt), or
  /// missing since then. `verified` false: missing for too long, so the domain is no longer
  /// verified, and the audit log of its account has that; its webhooks still take mail.
  /// `not_found`: it is not verified any more.
  virtual Result<WriteOutcome> note_domain_check(std::string_view id, Time at,
                                                 std::optional<Time> failing_since,
                                                 bool verified) = 0;
  /// The domain `name` is not verified any more, whatever DNS says; the audit log of its account
  /// has that. The account; nullopt: none had verified it.
  virtual Result<std::optional<std::string>> release_domain(std::string_view name, Time at) = 0;

  // DKIM keys of domains
  /// `taken`: the domain has a key with this selector; `in_use`: it already has `most` keys.
  virtual Result<WriteOutcome> create_dkim_key(const DkimKeyRow& key, std::uint64_t most,
                                               const AuditRow* audit) = 0;
  /// Newest first, without private keys; empty if the domain is not in this account.
  virtual Result<std::vector<DkimKeyRow>> dkim_keys(std::string_view account,
                                                    std::string_view domain_id) = 0;
  /// Whether the key signs mail from now on.
  virtual Result<WriteOutcome> set_dkim_key_signing(std::string_view account,
                                                    std::string_view domain_id,
                                                    std::string_view selector, bool signing,
                                                    Time at, const AuditRow* audit) = 0;
  /// `in_use`: the key signs.
  virtual Result<WriteOutcome> delete_dkim_key(std::string_view account, std::string_view domain_id,
                                               std::string_view selector,
                                               const AuditRow* audit) = 0;

  // Restriction lists: every revision that was ever in force
  /// Stores `row` as the revision after `newest` (0: the first) and sets its number. `stale`: the
  /// newest revision is another one.
  virtual Result<WriteOutcome> add_list_revision(ListRevisionRow& row, std::uint64_t newest,
                                                 const AuditRow* audit) = 0;
  /// nullopt: there is none.
  virtual Result<std::optional<ListRevisionRow>> newest_list_revision() = 0;
  /// The newest revision with Source::file.
  virtual Result<std::optional<ListRevisionRow>> newest_file_revision() = 0;
  /// nullopt: there is none with this number.
  virtual Result<std::optional<ListRevisionRow>> list_revision(std::uint64_t revision) = 0;
  /// Newest first.
  virtual Result<Listed<ListRevisionRow>> list_revisions(const Page& page) = 0;

  // Audit
  /// Stores an entry that belongs to no other write.
  virtual Result<void> append_audit(const AuditRow& entry) = 0;
  /// Newest first. `total` counts all entries ever written for the account.
  virtual Result<Listed<AuditRow>> audit_log(std::string_view account, const AuditPage& page) = 0;

  // The server's secrets
  virtual Result<std::vector<SigningKeyRow>> signing_keys() = 0;  ///< newest first
  /// Adds the key, or replaces the one with the same `kid`.
  virtual Result<void> put_signing_key(const SigningKeyRow& key) = 0;
  /// Does nothing if there is none.
  virtual Result<void> delete_signing_key(std::string_view kid) = 0;
  /// The secret `name`, which is set to `first` if it does not exist (keys for links, for cookies).
  virtual Result<Secret> server_secret(std::string_view name, const Secret& first) = 0;

  // For the memory of a gateway: called row by row, so memory does not grow with the table. `take`
  // must not call the store. A row that cannot be read says so (`unreadable`) and costs no other
  // row; everywhere else it is an error, Fault::permanent.
  /// Policies with their credentials, oldest first.
  virtual Result<void> each_policy(const std::function<void(PolicyRow)>& take,
                                   const Which& which = {}) = 0;
  /// Webhooks, oldest first.
  virtual Result<void> each_webhook(const std::function<void(WebhookRow)>& take,
                                    const Which& which = {}) = 0;
  /// All verified domains.
  virtual Result<void> each_verified_domain(const std::function<void(DomainRow)>& take) = 0;
  /// The keys that sign for verified domains, or for this one, grouped by domain, newest first,
  /// with private keys.
  virtual Result<void> each_dkim_signing_key(const std::function<void(DkimKeyRow)>& take,
                                             const std::string& domain = {}) = 0;
  /// The accounts with `v1a` signatures, or this one if it has them.
  virtual Result<void> each_signing_seed(const std::function<void(SigningSeedRow)>& take,
                                         const std::string& account = {}) = 0;

  // The edits of all nodes. A store that only this process writes has none: 0, and no changes.
  /// The number of the newest change; 0: none.
  virtual Result<std::uint64_t> head() = 0;
  /// The changes that follow `after`, oldest first. Fault::not_found: they are not kept any more,
  /// or the database is not the one that had the change `after`: read everything anew.
  virtual Result<std::vector<Change>> changes(std::uint64_t after, std::size_t limit) = 0;
  /// The highest number of a change by this object; 0: none. At once.
  virtual std::uint64_t newest_own_change() const = 0;
};

}  // namespace postern::store
