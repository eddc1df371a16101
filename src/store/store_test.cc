// What every Store does: accounts, sessions, tokens, the server's secrets.
#include "store/store_fixture.h"

namespace postern::store {
namespace {

using std::chrono::hours;
using std::chrono::minutes;

class AccountStoreTest : public EveryStoreTest {};

TEST_P(AccountStoreTest, accounts_are_found_by_id_and_by_email_in_any_case) {
  const std::string id = add_account("Ann@Example.com");
  reopen();
  const auto found = store_->account_by_email("aNN@example.COM").value();
  ASSERT_TRUE(found);
  EXPECT_EQ(found->id, id);
  EXPECT_EQ(found->email, "Ann@Example.com");
  EXPECT_TRUE(found->password_hash.equals("$argon2id$x"));
  EXPECT_EQ(found->timezone, "UTC");
  EXPECT_EQ(found->created_at, at_);
  EXPECT_FALSE(found->totp_enabled);
  EXPECT_EQ(store_->account(id).value()->email, "Ann@Example.com");
  EXPECT_EQ(store_->account("acc_none").value(), std::nullopt);
  EXPECT_EQ(store_->account_by_email("bob@example.com").value(), std::nullopt);
  const AccountRow again{.id = new_id("acc_"), .email = "ANN@example.com"};
  EXPECT_EQ(store_->create_account(again, nullptr).value(), WriteOutcome::taken);
  EXPECT_EQ(store_->accounts({}).value().total, 1u);
}

TEST_P(AccountStoreTest, a_write_and_its_audit_entry_happen_together) {
  const std::string ann = add_account("ann@example.com");
  const AuditRow entry = audit(ann, "smtp_policy.created");
  PolicyRow row = policy(ann, "p");
  EXPECT_EQ(store_->create_policy(row, &entry).value(), WriteOutcome::done);
  EXPECT_EQ(actions(ann), std::vector<std::string>{"smtp_policy.created"});
  // The database refuses a second entry with the same id: then the policy must not exist either.
  PolicyRow second = policy(ann, "q");
  EXPECT_EQ(store_->create_policy(second, &entry).value(), WriteOutcome::taken);
  EXPECT_EQ(store_->policy(ann, second.id).value(), std::nullopt);
  const AuditRow stale = audit(ann, "smtp_policy.updated");
  EXPECT_EQ(store_->update_policy(row, 99, &stale).value(), WriteOutcome::stale);
  EXPECT_EQ(actions(ann), std::vector<std::string>{"smtp_policy.created"});
}

TEST_P(AccountStoreTest, the_audit_log_is_newest_first_and_paged) {
  const std::string ann = add_account("ann@example.com");
  const std::string bob = add_account("bob@example.com");
  for (int i = 0; i < 5; ++i) ASSERT_TRUE(store_->append_audit(audit(ann, std::to_string(i))));
  ASSERT_TRUE(store_->append_audit(audit(bob, "other")));
  EXPECT_EQ(actions(ann), (std::vector<std::string>{"4", "3", "2", "1", "0"}));
  const auto page =
      store_->audit_log(ann, {.before = store_->audit_log(ann, {}).value().rows[0].id, .limit = 2})
          .value();
  EXPECT_EQ(page.total, 5u);
  ASSERT_EQ(page.rows.size(), 2u);
  EXPECT_EQ(page.rows[0].action, "3");
  EXPECT_EQ(page.rows[0].ip, "192.0.2.1");
  EXPECT_EQ(page.rows[0].created_at, at_);
}

TEST_P(AccountStoreTest, passwords_time_zones_and_signing_keys_change) {
  const std::string ann = add_account("ann@example.com");
  EXPECT_EQ(store_->set_timezone(ann, "Europe/Copenhagen").value(), WriteOutcome::done);
  EXPECT_EQ(store_->set_timezone("acc_none", "UTC").value(), WriteOutcome::not_found);
  const Secret was = store_->account(ann).value()->password_hash;
  EXPECT_EQ(store_->rehash_password(ann, was, Secret("h2")).value(), WriteOutcome::done);
  EXPECT_EQ(store_->rehash_password(ann, was, Secret("h3")).value(), WriteOutcome::stale);
  EXPECT_TRUE(store_->account(ann).value()->password_hash.equals("h2"));
  const std::string seed("\0\x01\xff seed of 32 octets, binary....", 32);
  EXPECT_EQ(store_->set_signing_key(ann, Secret(seed), "whpk_x", nullptr).value(),
            WriteOutcome::done);
  const auto found = store_->account(ann).value();
  EXPECT_EQ(found->timezone, "Europe/Copenhagen");
  EXPECT_TRUE(found->signing_seed.equals(seed));
  std::vector<std::string> signers;
  ASSERT_TRUE(store_->each_signing_seed([&](const SigningSeedRow& row) {
    EXPECT_TRUE(row.seed.equals(seed));
    signers.push_back(row.account_id);
  }));
  EXPECT_EQ(signers, std::vector<std::string>{ann});
  EXPECT_EQ(store_->set_signing_key(ann, Secret(), "", nullptr).value(), WriteOutcome::done);
  ASSERT_TRUE(store_->each_signing_seed([&](const SigningSeedRow&) { FAIL() << "switched off"; }));
}

TEST_P(AccountStoreTest, a_new_password_ends_the_other_sessions) {
  const std::string ann = add_account("ann@example.com");
  for (const char* id : {"ses_1", "ses_2"}) {
    const SessionRow session{.id = id,
                             .account_id = ann,
                             .ip = "192.0.2.1",
                             .created_at = at_,
                             .refreshed_at = at_,
                             .expires_at = at_ + hours(1)};
    ASSERT_EQ(store_->create_session(session, Secret(id), nullptr).value(), WriteOutcome::done);
  }
  const ApiTokenRow token{.id = "tok_1", .account_id = ann, .hash = Secret("t"), .created_at = at_};
  ASSERT_EQ(store_->create_api_token(token, nullptr).value(), WriteOutcome::done);
  EXPECT_EQ(store_->set_password(ann, Secret("h"), Tokens::keep, "ses_2", nullptr).value(),
            WriteOutcome::done);
  EXPECT_EQ(store_->session("ses_1", at_).value(), std::nullopt);
  EXPECT_TRUE(store_->session("ses_2", at_).value());
  EXPECT_TRUE(store_->api_token_by_hash(Secret("t")).value());
  EXPECT_EQ(store_->set_password(ann, Secret("h"), Tokens::revoke, "", nullptr).value(),
            WriteOutcome::done);
  EXPECT_EQ(store_->sessions(ann, at_).value().total, 0u);
  EXPECT_EQ(store_->api_token_by_hash(Secret("t")).value(), std::nullopt);
  EXPECT_EQ(store_->set_password("acc_x", Secret("h"), Tokens::keep, "", nullptr).value(),
            WriteOutcome::not_found);
}

TEST_P(AccountStoreTest, two_factor_codes_work_once) {
  const std::string ann = add_account("ann@example.com");
  const std::vector<Secret> codes{Secret(std::string("a\0b", 3)), Secret("c2")};
  const Secret secret("SECRET");
  EXPECT_EQ(store_->enable_totp(ann, secret, 5, codes, nullptr).value(), WriteOutcome::not_found);
  EXPECT_EQ(store_->begin_totp(ann, Secret("SECRET")).value(), WriteOutcome::done);
  EXPECT_FALSE(store_->account(ann).value()->totp_enabled);
  // The page may have begun anew while the code was compared.
  EXPECT_EQ(store_->enable_totp(ann, Secret("OLD"), 5, codes, nullptr).value(),
            WriteOutcome::not_found);
  EXPECT_EQ(store_->enable_totp(ann, secret, 5, codes, nullptr).value(), WriteOutcome::done);
  const auto account = store_->account(ann).value();
  EXPECT_TRUE(account->totp_enabled);
  EXPECT_TRUE(account->totp_secret.equals("SECRET"));
  EXPECT_TRUE(account->totp_pending.empty());
  EXPECT_EQ(store_->begin_totp(ann, Secret("OTHER")).value(), WriteOutcome::in_use);
  EXPECT_EQ(store_->enable_totp(ann, secret, 6, codes, nullptr).value(), WriteOutcome::in_use);
  EXPECT_FALSE(store_->use_totp_step(ann, 5).value());
  EXPECT_TRUE(store_->use_totp_step(ann, 6).value());
  EXPECT_FALSE(store_->use_totp_step(ann, 6).value());
  EXPECT_EQ(store_->backup_codes_left(ann).value(), 2u);
  EXPECT_TRUE(store_->use_backup_code(ann, codes[0]).value());
  EXPECT_FALSE(store_->use_backup_code(ann, codes[0]).value());
  EXPECT_FALSE(store_->use_backup_code("acc_other", codes[1]).value());
  EXPECT_EQ(store_->set_backup_codes(ann, {Secret("n1"), Secret("n2")}, nullptr).value(),
            WriteOutcome::done);
  EXPECT_FALSE(store_->use_backup_code(ann, codes[1]).value());
  EXPECT_EQ(store_->disable_totp(ann, nullptr).value(), WriteOutcome::done);
  EXPECT_FALSE(store_->account(ann).value()->totp_enabled);
  EXPECT_EQ(store_->backup_codes_left(ann).value(), 0u);
  EXPECT_EQ(store_->disable_totp(ann, nullptr).value(), WriteOutcome::not_found);
}

TEST_P(AccountStoreTest, a_spent_refresh_token_ends_its_session) {
  const std::string ann = add_account("ann@example.com");
  const SessionRow session{.id = "ses_1",
                           .account_id = ann,
                           .ip = "192.0.2.1",
                           .user_agent = "test",
                           .created_at = at_,
                           .refreshed_at = at_,
                           .expires_at = at_ + hours(1)};
  AccountRow judged = *store_->account(ann).value();
  judged.password_hash = Secret("the one before");
  EXPECT_EQ(store_->create_session(session, Secret("t0"), nullptr, &judged).value(),
            WriteOutcome::stale);
  judged = *store_->account(ann).value();
  ASSERT_EQ(store_->create_session(session, Secret("t1"), nullptr, &judged).value(),
            WriteOutcome::done);
  auto refresh = [&](const char* token, const char* next, Time at) {
    return store_->refresh_session(Secret(token), Secret(next), at, at + hours(1)).value();
  };
  EXPECT_EQ(refresh("none", "t2", at_).result, Refreshed::Result::unknown);
  const Refreshed renewed = refresh("t1", "t2", at_ + minutes(5));
  EXPECT_EQ(renewed.result, Refreshed::Result::renewed);
  EXPECT_EQ(renewed.session_id, "ses_1");
  EXPECT_EQ(renewed.account_id, ann);
  EXPECT_EQ(store_->session("ses_1", at_).value()->refreshed_at, at_ + minutes(5));
  const Refreshed reused = refresh("t1", "t3", at_ + minutes(6));
  EXPECT_EQ(reused.result, Refreshed::Result::reused);
  EXPECT_EQ(reused.session_id, "ses_1");
  EXPECT_EQ(refresh("t2", "t4", at_ + minutes(7)).result, Refreshed::Result::unknown);
  EXPECT_EQ(store_->session("ses_1", at_).value(), std::nullopt);
}

TEST_P(AccountStoreTest, sessions_expire_and_end) {
  const std::string ann = add_account("ann@example.com");
  SessionRow session{.id = "ses_1",
                     .account_id = ann,
                     .created_at = at_,
                     .refreshed_at = at_,
                     .expires_at = at_ + hours(1)};
  ASSERT_EQ(store_->create_session(session, Secret("t1"), nullptr).value(), WriteOutcome::done);
  EXPECT_TRUE(store_->session("ses_1", at_ + minutes(59)).value());
  EXPECT_EQ(store_->session("ses_1", at_ + hours(1)).value(), std::nullopt);
  const auto late =
      store_->refresh_session(Secret("t1"), Secret("t2"), at_ + hours(2), at_ + hours(3)).value();
  EXPECT_EQ(late.result, Refreshed::Result::unknown);
  EXPECT_EQ(store_->purge_sessions(at_ + hours(2)).value(), 1u);
  session.id = "ses_2";
  ASSERT_EQ(store_->create_session(session, Secret("t3"), nullptr).value(), WriteOutcome::done);
  EXPECT_EQ(store_->end_session_by_token(Secret("zz"), {}).value(), std::nullopt);
  EXPECT_EQ(store_->end_session_by_token(Secret("t3"), {}).value()->id, "ses_2");
  EXPECT_EQ(store_->session("ses_2", at_).value(), std::nullopt);
  session.id = "ses_3";
  ASSERT_EQ(store_->create_session(session, Secret("t4"), nullptr).value(), WriteOutcome::done);
  EXPECT_EQ(store_->end_session("acc_other", "ses_3", nullptr).value(), WriteOutcome::not_found);
  EXPECT_EQ(store_->end_session(ann, "ses_3", nullptr).value(), WriteOutcome::done);
  session.id = "ses_5";
  ASSERT_EQ(store_->create_session(session, Secret("t6"), nullptr).value(), WriteOutcome::done);
  // The database refuses a second entry with the same id.
  const AuditRow entry = audit(ann, "session.ended");
  ASSERT_TRUE(store_->append_audit(entry));
  const auto again = [&](const SessionRow&) { return std::optional(entry); };
  EXPECT_EQ(store_->end_session_by_token(Secret("t6"), again).value(), std::nullopt);
  EXPECT_TRUE(store_->session("ses_5", at_).value()) << "rolled back";
  session.account_id = "acc_gone";
  session.id = "ses_4";
  EXPECT_EQ(store_->create_session(session, Secret("t5"), nullptr).value(),
            WriteOutcome::not_found);
}

TEST_P(AccountStoreTest, api_tokens) {
  const std::string ann = add_account("ann@example.com");
  const std::string hash(
      "\0\x80"
      "hash",
      6);
  const ApiTokenRow token{.id = "tok_1",
                          .account_id = ann,
                          .name = "ci",
                          .prefix = "postern_ab",
                          .hash = Secret(hash),
                          .scopes = {"read", "write"},
                          .allowed_ips = {"192.0.2.0/24"},
                          .expires_at = at_ + hours(1),
                          .created_at = at_};
  ASSERT_EQ(store_->create_api_token(token, nullptr).value(), WriteOutcome::done);
  const auto found = store_->api_token_by_hash(Secret(hash)).value();
  ASSERT_TRUE(found);
  EXPECT_EQ(found->scopes, token.scopes);
  EXPECT_EQ(found->allowed_ips, token.allowed_ips);
  EXPECT_EQ(found->expires_at, token.expires_at);
  EXPECT_EQ(found->last_used_at, std::nullopt);
  EXPECT_EQ(store_->api_token_by_hash(Secret("other")).value(), std::nullopt);
  ASSERT_TRUE(store_->touch_api_token("tok_1", at_));
  ASSERT_TRUE(store_->touch_api_token("tok_1", at_ + std::chrono::seconds(30)));
  EXPECT_EQ(store_->api_tokens(ann, {}).value().rows[0].last_used_at, at_);
  ASSERT_TRUE(store_->touch_api_token("tok_1", at_ + minutes(2)));
  EXPECT_EQ(store_->api_tokens(ann, {}).value().rows[0].last_used_at, at_ + minutes(2));
  EXPECT_EQ(store_->delete_api_token("acc_other", "", "tok_1", nullptr).value(),
            WriteOutcome::not_found);
  EXPECT_EQ(store_->delete_api_token(ann, "", "tok_1", nullptr).value(), WriteOutcome::done);
  EXPECT_EQ(store_->api_tokens(ann, {}).value().total, 0u);
}

TEST_P(AccountStoreTest, deleting_an_account_leaves_nothing_but_one_entry) {
  const std::string ann = add_account("ann@example.com");
  const std::string bob = add_account("bob@example.com");
  PolicyRow rule = policy(ann, "p");
  rule.credentials = {{"u", Secret("h")}};
  ASSERT_EQ(store_->create_policy(rule, nullptr).value(), WriteOutcome::done);
  const WebhookRow hook = add_webhook(ann, "a@example.com", rule.id);
  add_webhook(bob, "b@example.com");
  const ApiTokenRow token{.id = "tok_1", .account_id = ann, .hash = Secret("t"), .created_at = at_};
  ASSERT_EQ(store_->create_api_token(token, nullptr).value(), WriteOutcome::done);
  ASSERT_TRUE(store_->append_audit(audit(ann, "old")));
  const AuditRow entry = audit(ann, "account.deleted");
  const auto deleted = store_->delete_account(ann, &entry).value();
  EXPECT_EQ(deleted.outcome, WriteOutcome::done);
  EXPECT_EQ(deleted.webhooks, std::vector<std::string>{hook.id});
  EXPECT_EQ(deleted.policies, std::vector<std::string>{rule.id});
  EXPECT_EQ(store_->account(ann).value(), std::nullopt);
  EXPECT_EQ(store_->api_token_by_hash(Secret("t")).value(), std::nullopt);
  EXPECT_EQ(actions(ann), std::vector<std::string>{"account.deleted"});
  EXPECT_EQ(store_->webhooks(bob, WebhookFilter::all, {}).value().total, 1u);
  EXPECT_EQ(store_->delete_account(ann, nullptr).value().outcome, WriteOutcome::not_found);
  for (const char* table : {"policy", "credential", "api_token"}) {
    EXPECT_EQ(rows_in(table), 0) << table;
  }
}

TEST_P(AccountStoreTest, the_servers_own_secrets) {
  const std::string key("\0key", 4);
  ASSERT_TRUE(store_->put_signing_key({.kid = "k1", .key = Secret(key), .created_at = at_}));
  ASSERT_TRUE(
      store_->put_signing_key({.kid = "k2", .key = Secret("b"), .created_at = at_ + hours(1)}));
  ASSERT_TRUE(store_->put_signing_key(
      {.kid = "k1", .key = Secret(key), .created_at = at_, .retired_at = at_ + hours(1)}));
  const auto keys = store_->signing_keys().value();
  ASSERT_EQ(keys.size(), 2u);
  EXPECT_EQ(keys[0].kid, "k2");
  EXPECT_EQ(keys[1].retired_at, at_ + hours(1));
  EXPECT_TRUE(keys[1].key.equals(key));
  ASSERT_TRUE(store_->delete_signing_key("k1"));
  EXPECT_EQ(store_->signing_keys().value().size(), 1u);
  EXPECT_TRUE(store_->server_secret("links", Secret("one")).value().equals("one"));
  EXPECT_TRUE(store_->server_secret("links", Secret("two")).value().equals("one"));
  EXPECT_TRUE(store_->probe());
}

INSTANTIATE_TEST_SUITE_P(, AccountStoreTest, every_engine, name_of);

}  // namespace
}  // namespace postern::store
