// What is the same in every Store in SQL: the statements, and what their results mean. An engine
// adds its connections and its transactions.
#pragma once

#include <functional>

#include "store/sql.h"
#include "store/store.h"

namespace postern::store {

/// The methods of Store are documented in store.h.
class SqlStore : public Store {
 public:
  /// Limits what each account may store; without this call nothing is limited. Call it before
  /// threads share the store.
  void limit_accounts(const AccountLimits& limits) { limits_ = limits; }

  Result<WriteOutcome> create_account(const AccountRow& account, const AuditRow* audit) override;
  Result<std::optional<AccountRow>> account(std::string_view id) override;
  Result<std::optional<AccountRow>> account_by_email(std::string_view email) override;
  Result<Listed<AccountRow>> accounts(const Page& page) override;
  Result<std::string> first_account() override;
  Result<WriteOutcome> create_account_by_link(const AccountRow& account, const Secret& link_hash,
                                              const AuditRow* audit) override;
  Result<WriteOutcome> set_password(std::string_view account, const Secret& hash, Tokens tokens,
                                    std::string_view keep_session, const AuditRow* audit) override;
  Result<WriteOutcome> rehash_password(std::string_view account, const Secret& was,
                                       const Secret& hash) override;
  Result<WriteOutcome> set_email(std::string_view account, std::string_view email,
                                 const AuditRow* audit) override;
  Result<WriteOutcome> set_timezone(std::string_view account, std::string_view timezone) override;
  Result<void> touch_account(std::string_view account, Time at) override;
  Result<AccountDeleted> delete_account(std::string_view account, const AuditRow* audit) override;
  Result<WriteOutcome> set_signing_key(std::string_view account, const Secret& seed,
                                       std::string_view public_key, const AuditRow* audit) override;

  Result<std::vector<AccountRow>> members(std::string_view team) override;
  Result<WriteOutcome> set_role(std::string_view team, std::string_view person, Role role,
                                const AuditRow* audit) override;
  Result<WriteOutcome> remove_member(std::string_view team, std::string_view person,
                                     const AuditRow* audit) override;

  Result<WriteOutcome> create_link(const LinkRow& link, const Secret& hash,
                                   const AuditRow* audit) override;
  Result<std::optional<LinkRow>> link(const Secret& hash, Time at) override;
  Result<std::vector<LinkRow>> invitations(std::string_view team, Time at) override;
  Result<WriteOutcome> delete_invitation(std::string_view team, std::string_view id,
                                         const AuditRow* audit) override;
  Result<WriteOutcome> reset_password(const Secret& link_hash, const Secret& password_hash, Time at,
                                      const AuditRow* audit) override;

  Result<WriteOutcome> begin_totp(std::string_view account, const Secret& pending) override;
  Result<WriteOutcome> enable_totp(std::string_view account, const Secret& pending,
                                   std::int64_t step, const std::vector<Secret>& backup_hashes,
                                   const AuditRow* audit) override;
  Result<WriteOutcome> disable_totp(std::string_view account, const AuditRow* audit) override;
  Result<WriteOutcome> set_backup_codes(std::string_view account, const std::vector<Secret>& hashes,
                                        const AuditRow* audit) override;
  Result<bool> use_totp_step(std::string_view account, std::int64_t step) override;
  Result<bool> use_backup_code(std::string_view account, const Secret& hash) override;
  Result<std::uint64_t> backup_codes_left(std::string_view account) override;

  Result<WriteOutcome> create_session(const SessionRow& session, const Secret& token_hash,
                                      const AuditRow* audit,
                                      const AccountRow* judged = nullptr) override;
  Result<Refreshed> refresh_session(const Secret& token_hash, const Secret& next_hash, Time at,
                                    Time next_expires_at) override;
  Result<std::optional<SessionRow>> end_session_by_token(
      const Secret& token_hash,
      const std::function<std::optional<AuditRow>(const SessionRow&)>& audit) override;
  Result<WriteOutcome> end_session(std::string_view account, std::string_view id,
                                   const AuditRow* audit) override;
  Result<std::optional<SessionRow>> session(std::string_view id, Time at) override;
  Result<Listed<SessionRow>> sessions(std::string_view account, Time at) override;
  Result<std::uint64_t> purge_sessions(Time expired_before) override;

  Result<WriteOutcome> create_api_token(const ApiTokenRow& token, const AuditRow* audit) override;
  Result<Listed<ApiTokenRow>> api_tokens(std::string_view account, const Page& page) override;
  Result<std::optional<ApiTokenRow>> api_token_by_hash(const Secret& hash) override;
  Result<WriteOutcome> delete_api_token(std::string_view account, std::string_view maker,
                                        std::string_view id, const AuditRow* audit) override;
  Result<void> touch_api_token(std::string_view id, Time at) override;

  Result<WriteOutcome> create_policy(const PolicyRow& policy, const AuditRow* audit) override;
  Result<std::optional<PolicyRow>> policy(std::string_view account, std::string_view id) override;
  Result<Listed<PolicyRow>> policies(std::string_view account, const Page& page) override;
  Result<Slice<PolicyRow>> policy_slice(std::string_view account, const Keyset& keyset) override;
  Result<WriteOutcome> update_policy(const PolicyRow& policy, std::uint64_t expected_version,
                                     const AuditRow* audit) override;
  Result<PolicyDeleted> delete_policy(
      std::string_view account, std::string_view id, std::optional<std::uint64_t> expected_version,
      IfUsed if_used, Time at,
      const std::function<AuditRow(const std::vector<std::string>&)>& audit) override;
  Result<std::vector<WebhookRow>> webhooks_of_policy(std::string_view account,
                                                     std::string_view policy) override;

  Result<WriteOutcome> create_webhook(const WebhookRow& webhook, const AuditRow* audit) override;
  Result<std::optional<WebhookRow>> webhook(std::string_view account, std::string_view id) override;
  Result<Listed<WebhookRow>> webhooks(std::string_view account, WebhookFilter filter,
                                      const Page& page) override;
  Result<Slice<WebhookRow>> webhook_slice(std::string_view account, WebhookFilter filter,
                                          const Keyset& keyset) override;
  Result<WriteOutcome> update_webhook(const WebhookRow& webhook, std::uint64_t expected_version,
                                      const AuditRow* audit) override;
  Result<WriteOutcome> delete_webhook(std::string_view account, std::string_view id,
                                      std::optional<std::uint64_t> expected_version,
                                      const AuditRow* audit) override;

  Result<WriteOutcome> create_domain(const DomainRow& domain, const AuditRow* audit) override;
  Result<std::optional<DomainRow>> domain(std::string_view account, std::string_view id) override;
  Result<Listed<DomainRow>> domains(std::string_view account) override;
  Result<std::optional<std::string>> owner_of_domain(std::string_view name) override;
  Result<DomainVerified> verify_domain(std::string_view account, std::string_view id, Time at,
                                       const AuditRow* audit) override;
  Result<WriteOutcome> delete_domain(std::string_view account, std::string_view id,
                                     const AuditRow* audit) override;
  Result<std::vector<DomainRow>> domains_due(Time checked_before, std::uint64_t limit) override;
  Result<WriteOutcome> note_domain_check(std::string_view id, Time at,
                                         std::optional<Time> failing_since, bool verified) override;
  Result<std::optional<std::string>> release_domain(std::string_view name, Time at) override;

  Result<WriteOutcome> create_dkim_key(const DkimKeyRow& key, std::uint64_t most,
                                       const AuditRow* audit) override;
  Result<std::vector<DkimKeyRow>> dkim_keys(std::string_view account,
                                            std::string_view domain_id) override;
  Result<WriteOutcome> set_dkim_key_signing(std::string_view account, std::string_view domain_id,
                                            std::string_view selector, bool signing, Time at,
                                            const AuditRow* audit) override;
  Result<WriteOutcome> delete_dkim_key(std::string_view account, std::string_view domain_id,
                                       std::string_view selector, const AuditRow* audit) override;

  Result<WriteOutcome> add_list_revision(ListRevisionRow& row, std::uint64_t newest,
                                         const AuditRow* audit) override;
  Result<std::optional<ListRevisionRow>> newest_list_revision() override;
  Result<std::optional<ListRevisionRow>> newest_file_revision() override;
  Result<std::optional<ListRevisionRow>> list_revision(std::uint64_t revision) override;
  Result<Listed<ListRevisionRow>> list_revisions(const Page& page) override;

  Result<void> append_audit(const AuditRow& entry) override;
  Result<Listed<AuditRow>> audit_log(std::string_view account, const AuditPage& page) override;

  Result<std::vector<SigningKeyRow>> signing_keys() override;
  Result<void> put_signing_key(const SigningKeyRow& key) override;
  Result<void> delete_signing_key(std::string_view kid) override;
  Result<Secret> server_secret(std::string_view name, const Secret& first) override;

  Result<void> each_policy(const std::function<void(PolicyRow)>& take,
                           const Which& which = {}) override;
  Result<void> each_webhook(const std::function<void(WebhookRow)>& take,
                            const Which& which = {}) override;
  Result<void> each_verified_domain(const std::function<void(DomainRow)>& take) override;
  Result<void> each_dkim_signing_key(const std::function<void(DkimKeyRow)>& take,
                                     const std::string& domain = {}) override;
  Result<void> each_signing_seed(const std::function<void(SigningSeedRow)>& take,
                                 const std::string& account = {}) override;

 protected:
  /// What a write whose commit ended in doubt counts as.
  enum class InDoubt {
    repeated,  ///< it is made again, and done once
    spent,     ///< what may be used once counts as used: the caller is told `not_found`
  };
  /// The part of a write that is between the begin and the end of its transaction. It may run again
  /// after it was rolled back.
  using Work = std::function<WriteOutcome(const Sql& sql)>;

  /// A connection for the statements of one call that reads.
  virtual Result<Sql> reading() = 0;
  /// Runs `work()` and the audit entry in a transaction that is committed only if `work()` returns
  /// `done`. Inside it, statements need no error checks: after an error every further statement
  /// fails, and so does the commit.
  virtual Result<WriteOutcome> write(const AuditRow* audit, const Work& work,
                                     InDoubt in_doubt = InDoubt::repeated) = 0;
  /// Runs a statement whose effect may be lost in a crash.
  virtual Result<void> note(const std::function<Result<std::int64_t>(const Sql& sql)>& work) = 0;
  /// What a transaction that ended with `error` means for the caller.
  static Result<WriteOutcome> outcome_of(const Error& error);
  static void insert_audit(const Sql& sql, const AuditRow& entry);

 private:
  /// What an account stores.
  struct Stored {
    std::uint64_t policies = 0;
    std::uint64_t credentials = 0;
    std::uint64_t webhooks = 0;
    std::uint64_t octets = 0;
  };
  Result<bool> spend(const std::function<Result<std::int64_t>(const Sql& sql)>& use);
  // Inside write():
  /// What the account stores now.
  static Stored stored_by(const Sql& sql, std::string_view account);
  /// Compares what the account stores now with its limits and with what it stored `before`.
  WriteOutcome bounded(const Sql& sql, std::string_view account, const Stored& before) const;
  static WriteOutcome insert_account(const Sql& sql, const AccountRow& account);
  /// Sets the new hash and revokes what the old password gave.
  static WriteOutcome replace_password(const Sql& sql, std::string_view account, const Secret& hash,
                                       Tokens tokens, std::string_view keep_session);
  /// Deletes the person's sessions, tokens and links.
  static void take_powers(const Sql& sql, std::string_view person);
  static bool is_last_owner(const Sql& sql, std::string_view team, std::string_view person);
  static void replace_backup_codes(const Sql& sql, std::string_view account,
                                   const std::vector<Secret>& hashes);
  static void replace_credentials(const Sql& sql, const PolicyRow& policy);
  static bool owns_policy(const Sql& sql, const WebhookRow& webhook);
  static std::vector<std::string> take_webhooks(const Sql& sql, const std::string& domain,
                                                std::string_view owner, bool again, Time at);
  /// Whether another webhook has its address or, if it is to take mail, another account its domain.
  static bool is_taken(const Sql& sql, const WebhookRow& webhook);
  /// Whether another account has verified the domain: its mail is that account's.
  static bool is_of_another(const Sql& sql, std::string_view domain, std::string_view account);

  AccountLimits limits_;
};

}  // namespace postern::store
