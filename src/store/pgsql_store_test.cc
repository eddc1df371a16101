// What only the store of a cluster does: the log of changes, and writes over failures of
// PostgreSQL.
#include "store/pgsql_store.h"

#include <future>
#include <thread>

#include "base/patience_test.h"
#include "cluster/held_commits_test.h"
#include "store/store_fixture.h"

namespace postern::store {
namespace {

using namespace std::chrono_literals;
using Key = Change::Key;

class PgsqlStoreTest : public StoreTest {
 protected:
  PgsqlStoreTest() : StoreTest(Engine::pgsql), session_(*database_->connect()) {}

  net::PgsqlRows sql(const std::string& text) {
    const auto done =
        session_->run({.sql = text, .values = {}}, cluster::Clock::now() + tests::patience);
    EXPECT_TRUE(done) << done.error().message;
    return done ? *done : net::PgsqlRows();
  }
  /// Cancels the wait of a commit, which reports success then, with a warning.
  void cancel_a_wait() {
    EXPECT_TRUE(tests::eventually([&] {
      return sql("SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE wait_event = 'SyncRep' "
                 "AND datname = current_database()")
                 .size() > 0;
    }));
  }
  std::vector<Key> keys(std::uint64_t number) {
    const auto changes = store_->changes(number - 1, 1).value();
    return changes.empty() ? std::vector<Key>() : changes[0].keys;
  }

  std::unique_ptr<net::PgsqlSession> session_;
};

TEST_F(PgsqlStoreTest, another_node_follows_every_edit) {
  const auto other = open_pgsql();
  EXPECT_EQ(other->head().value(), 0u);
  const std::string ann = add_account("ann@example.com");
  EXPECT_EQ(other->head().value(), 0u) << "no memory holds people";
  const PolicyRow rule = add_policy(ann, "p");
  const WebhookRow hook = add_webhook(ann, "a@example.com", rule.id);
  const auto changes = other->changes(0, 10).value();
  ASSERT_EQ(changes.size(), 2u);
  EXPECT_EQ(changes[0].number, 1u);
  EXPECT_EQ(changes[0].keys, (std::vector<Key>{{"policy", rule.id, ann}}));
  EXPECT_EQ(changes[1].number, 2u);
  EXPECT_EQ(changes[1].keys, (std::vector<Key>{{"webhook", hook.id, ann}}));
  EXPECT_EQ(changes[0].edit.size(), 16u);
  EXPECT_NE(changes[0].edit, changes[1].edit);
  EXPECT_EQ(store_->newest_own_change(), 2u);
  EXPECT_EQ(other->newest_own_change(), 0u);
  EXPECT_EQ(other->changes(0, 1).value().size(), 1u);
  EXPECT_TRUE(other->changes(2, 10).value().empty());
  // What did not happen is no change.
  EXPECT_EQ(store_->create_webhook(webhook(ann, "a@example.com"), nullptr).value(),
            WriteOutcome::taken);
  EXPECT_EQ(other->head().value(), 2u);
  // What goes along with something else is in the same change.
  ASSERT_EQ(other->delete_policy(ann, rule.id, std::nullopt, IfUsed::detach, at_, {})->outcome,
            WriteOutcome::done);
  EXPECT_EQ(keys(3), (std::vector<Key>{{"policy", rule.id, ann}, {"webhook", hook.id, ann}}));
}

TEST_F(PgsqlStoreTest, each_kind_of_edit_is_a_change) {
  const std::string ann = add_account("ann@example.com");
  ASSERT_TRUE(store_->set_signing_key(ann, Secret("seed"), "whpk_x", nullptr));
  EXPECT_EQ(keys(1), (std::vector<Key>{{"signing_seed", ann, ann}}));
  ASSERT_TRUE(store_->create_domain({.id = "dom_1",
                                     .account_id = ann,
                                     .name = "example.com",
                                     .created_at = at_,
                                     .updated_at = at_},
                                    nullptr));
  EXPECT_EQ(store_->head().value(), 1u) << "not verified yet";
  ASSERT_TRUE(store_->verify_domain(ann, "dom_1", at_, nullptr));
  EXPECT_EQ(keys(2), (std::vector<Key>{{"domain", "example.com", ann}}));
  ASSERT_TRUE(store_->note_domain_check("dom_1", at_, std::nullopt, true));
  EXPECT_EQ(store_->head().value(), 2u) << "verified as before";
  ASSERT_TRUE(store_->create_dkim_key({.domain_id = "dom_1",
                                       .account_id = ann,
                                       .selector = "s",
                                       .signing = true,
                                       .created_at = at_,
                                       .updated_at = at_},
                                      3, nullptr));
  EXPECT_EQ(keys(3), (std::vector<Key>{{"dkim", "example.com", ann}}));
  ListRevisionRow lists{.definition = "{}", .created_at = at_};
  ASSERT_TRUE(store_->add_list_revision(lists, 0, nullptr));
  EXPECT_EQ(keys(4), (std::vector<Key>{{"lists", "1", ""}}));
  ASSERT_TRUE(store_->put_signing_key({.kid = "k1", .key = Secret("x"), .created_at = at_}));
  EXPECT_EQ(keys(5), (std::vector<Key>{{"signing_key", "k1", ""}}));
  const SessionRow session{.id = "ses_1",
                           .account_id = ann,
                           .created_at = at_,
                           .refreshed_at = at_,
                           .expires_at = at_ + 1h};
  ASSERT_TRUE(store_->create_session(session, Secret("t"), nullptr));
  EXPECT_EQ(store_->head().value(), 5u) << "a sign-in takes nothing from anybody";
  ASSERT_TRUE(store_->set_password(ann, Secret("h"), Tokens::keep, "", nullptr));
  EXPECT_EQ(keys(6), (std::vector<Key>{{"access", ann, ann}, {"access", "ses_1", ann}}));
  ASSERT_TRUE(store_->delete_account(ann, nullptr));
  EXPECT_EQ(keys(7),
            (std::vector<Key>{
                {"access", ann, ann}, {"domain", "example.com", ann}, {"signing_seed", ann, ann}}));
}

TEST_F(PgsqlStoreTest, edits_of_two_nodes_have_numbers_without_gaps) {
  const auto other = open_pgsql();
  const std::string ann = add_account("ann@example.com");
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&, t] {
      Store& store = t % 2 == 0 ? *store_ : *other;
      for (int i = 0; i < 5; ++i) {
        const PolicyRow row = policy(ann, std::to_string(t) + std::to_string(i));
        EXPECT_EQ(store.create_policy(row, nullptr).value(), WriteOutcome::done);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  const auto changes = other->changes(0, 100).value();
  ASSERT_EQ(changes.size(), 20u);
  for (std::size_t i = 0; i < changes.size(); ++i) EXPECT_EQ(changes[i].number, i + 1);
  EXPECT_EQ(std::max(store_->newest_own_change(), other->newest_own_change()), 20u);
}

TEST_F(PgsqlStoreTest, changes_that_are_not_kept_are_missed_loudly) {
  const std::string ann = add_account("ann@example.com");
  for (int i = 0; i < 3; ++i) add_policy(ann, "p");
  sql("UPDATE change SET at = now() - interval '8 days' WHERE n <= 2");
  ASSERT_TRUE(store_->purge_sessions(at_));
  EXPECT_EQ(store_->changes(0, 10).error().fault, Fault::not_found);
  EXPECT_EQ(store_->changes(1, 10).error().fault, Fault::not_found);
  EXPECT_EQ(store_->changes(2, 10).value().size(), 1u);
  EXPECT_EQ(store_->changes(9, 10).error().fault, Fault::not_found) << "an older copy";
}

TEST_F(PgsqlStoreTest, the_log_is_purged_by_one_and_of_nothing_that_is_read) {
  const std::string ann = add_account("ann@example.com");
  for (int i = 0; i < 3; ++i) add_policy(ann, "p");
  for (int i = 0; i < 3; ++i) ASSERT_TRUE(store_->probe());
  const auto count = [&](const char* what) { return sql(what).integer(0, 0); };
  const auto marks = [&] { return count("SELECT count(*) FROM change WHERE n IS NULL"); };
  const auto keys = [&] { return count("SELECT count(*) FROM change_key"); };
  EXPECT_GE(marks(), 4);
  sql("UPDATE change SET at = now() - interval '59 minutes'");
  ASSERT_TRUE(store_->purge_sessions(at_));
  EXPECT_GE(marks(), 4) << "an edit in doubt may still be repeated";
  sql("UPDATE change SET at = now() - interval '6 days'");
  sql("BEGIN");
  sql("SELECT pg_advisory_xact_lock(7306, 1)");
  ASSERT_TRUE(store_->purge_sessions(at_));
  EXPECT_GE(marks(), 4) << "another node is at it";
  sql("ROLLBACK");
  ASSERT_TRUE(store_->purge_sessions(at_));
  EXPECT_EQ(marks(), 2) << "its own, and that of the one that found another node at it";
  EXPECT_EQ(store_->changes(0, 10).value().size(), 3u) << "a node that was away goes on";
  sql("UPDATE change SET at = now() - interval '8 days' WHERE n = 1");
  ASSERT_TRUE(store_->purge_sessions(at_));
  EXPECT_EQ(store_->changes(1, 10).value().size(), 2u);
  EXPECT_EQ(keys(), 2) << "they go with their change";
}

// Trap 9: who had applied a change that was undone would take the other one for known.
TEST_F(PgsqlStoreTest, a_number_that_is_given_again_is_noticed) {
  const auto other = open_pgsql();
  const std::string ann = add_account("ann@example.com");
  add_policy(ann, "p");
  EXPECT_EQ(other->changes(0, 10).value().size(), 1u);
  EXPECT_EQ(store_->changes(1, 10).value().size(), 0u) << "one that begins there";
  sql("UPDATE change SET edit = gen_random_uuid() WHERE n = 1");
  add_policy(ann, "q");
  for (SqlStore* one : {static_cast<SqlStore*>(other.get()), store_.get()}) {
    const auto changes = one->changes(1, 10);
    ASSERT_FALSE(changes);
    EXPECT_EQ(changes.error().fault, Fault::not_found);
  }
  EXPECT_EQ(open_pgsql()->changes(1, 10).value().size(), 1u);
}

TEST_F(PgsqlStoreTest, who_loses_access_is_told_at_once) {
  std::vector<std::string> told;
  ASSERT_TRUE(store_->on_access_change([&](std::string_view id) { told.emplace_back(id); }));
  const std::string ann = add_account("ann@example.com");
  const ApiTokenRow token{.id = "tok_1", .account_id = ann, .hash = Secret("t"), .created_at = at_};
  ASSERT_EQ(store_->create_api_token(token, nullptr).value(), WriteOutcome::done);
  EXPECT_TRUE(told.empty());
  ASSERT_EQ(store_->delete_api_token(ann, "", "tok_1", nullptr).value(), WriteOutcome::done);
  EXPECT_EQ(told, std::vector<std::string>{"tok_1"});
}

TEST_F(PgsqlStoreTest, edits_of_others_are_noticed) {
  const auto other = open_pgsql();
  EXPECT_FALSE(store_->written_elsewhere().value());
  const std::string ann = add_account("ann@example.com");
  add_policy(ann, "p");
  EXPECT_FALSE(store_->written_elsewhere().value());
  ASSERT_TRUE(other->create_policy(policy(ann, "q"), nullptr));
  EXPECT_TRUE(store_->written_elsewhere().value());
  EXPECT_FALSE(store_->written_elsewhere().value());
}

TEST_F(PgsqlStoreTest, octets_that_are_no_text_are_kept) {
  const std::string odd("caf\xe9\0 \xff", 7);
  const std::string ann = add_account("ann@example.com");
  PolicyRow rule = policy(ann, odd);
  rule.credentials = {{odd, Secret("h")}};
  ASSERT_EQ(store_->create_policy(rule, nullptr).value(), WriteOutcome::done);
  const auto kept = store_->policy(ann, rule.id).value();
  EXPECT_EQ(kept->name, odd);
  EXPECT_EQ(kept->credentials[0].username, odd);
  const SessionRow session{.id = "ses_1",
                           .account_id = ann,
                           .user_agent = odd,
                           .created_at = at_,
                           .refreshed_at = at_,
                           .expires_at = at_ + 1h};
  ASSERT_EQ(store_->create_session(session, Secret("t"), nullptr).value(), WriteOutcome::done);
  EXPECT_EQ(store_->session("ses_1", at_).value()->user_agent, odd);
}

TEST_F(PgsqlStoreTest, calls_go_on_after_a_crash_of_the_server) {
  store_ = open_pgsql({.patience = tests::patience});
  const std::string ann = add_account("ann@example.com");
  tests::PgsqlServer::one().crash();
  auto written = std::async(std::launch::async,
                            [&] { return store_->create_policy(policy(ann, "p"), nullptr); });
  EXPECT_EQ(written.wait_for(200ms), std::future_status::timeout) << "it waits";
  tests::PgsqlServer::one().start();
  const auto outcome = written.get();
  ASSERT_TRUE(outcome) << outcome.error().message;
  EXPECT_EQ(*outcome, WriteOutcome::done);
  EXPECT_EQ(store_->policies(ann, {}).value().total, 1u);
}

TEST_F(PgsqlStoreTest, a_call_gives_up_after_its_time) {
  store_ = open_pgsql({.patience = 300ms});
  tests::PgsqlServer::one().crash();
  const auto written = store_->append_audit(audit("acc_1", "x"));
  const auto read = store_->account("acc_1");
  tests::PgsqlServer::one().start();
  ASSERT_FALSE(written);
  EXPECT_EQ(written.error().fault, Fault::unreachable);
  ASSERT_FALSE(read);
  EXPECT_EQ(read.error().fault, Fault::unreachable);
}

// Trap 1: a commit whose wait for a standby is cancelled is reported as a success, with a warning.
TEST_F(PgsqlStoreTest, an_edit_whose_end_is_unknown_is_done_once) {
  const std::string ann = add_account("ann@example.com");
  const AuditRow entry = audit(ann, "smtp_policy.created");
  const PolicyRow rule = policy(ann, "p");
  tests::HeldCommits held(*database_);
  auto written =
      std::async(std::launch::async, [&] { return store_->create_policy(rule, &entry); });
  cancel_a_wait();
  EXPECT_EQ(written.wait_for(500ms), std::future_status::timeout)
      << "the repetition waits for the standby, too";
  held.release();
  const auto outcome = written.get();
  ASSERT_TRUE(outcome) << outcome.error().message;
  EXPECT_EQ(*outcome, WriteOutcome::done) << "and not `taken`, by itself";
  EXPECT_EQ(store_->policies(ann, {}).value().total, 1u);
  EXPECT_EQ(actions(ann), std::vector<std::string>{"smtp_policy.created"});
  EXPECT_EQ(store_->head().value(), 1u);
  EXPECT_EQ(store_->newest_own_change(), 1u);
}

TEST_F(PgsqlStoreTest, a_code_whose_use_is_in_doubt_is_used) {
  const std::string ann = add_account("ann@example.com");
  tests::HeldCommits held(*database_);
  auto used = std::async(std::launch::async, [&] { return store_->use_totp_step(ann, 7); });
  cancel_a_wait();
  const auto answer = used.get();
  held.release();
  ASSERT_TRUE(answer) << answer.error().message;
  EXPECT_FALSE(*answer) << "refused";
  EXPECT_FALSE(store_->use_totp_step(ann, 7).value());
}

TEST_F(PgsqlStoreTest, notes_of_use_wait_for_nobody) {
  const std::string ann = add_account("ann@example.com");
  tests::HeldCommits held(*database_);
  const auto done = store_->touch_account(ann, at_);
  const auto probe = store_->probe();
  held.release();
  EXPECT_TRUE(done) << done.error().message;
  ASSERT_FALSE(probe) << "a write would wait";
  EXPECT_EQ(probe.error().fault, Fault::unreachable);
  EXPECT_EQ(store_->account(ann).value()->last_seen_at, at_);
  EXPECT_TRUE(store_->probe());
}

TEST_F(PgsqlStoreTest, a_search_reads_on_over_many_rows) {
  const std::string ann = add_account("ann@example.com");
  sql("INSERT INTO webhook (id, account_id, name, address, domain, target_url, is_active, "
      "rate_limit_per_minute, delivery_mode, attachments, include_raw, timeout_ms, secret, "
      "version, "
      "created_at, updated_at, inbox_messages, inbox_octets, inbox_keep_days, octets) "
      "SELECT 'wh_' || n, '" +
      ann +
      "', 'n', n || '@example.com', 'example.com', 'inbox', true, 0, "
      "'sync', 'inline', 'none', 1000, 's', 1, now(), now(), 1, 1, 1, 1 "
      "FROM generate_series(1, 2500) AS n");
  std::size_t all = 0;
  ASSERT_TRUE(store_->each_webhook([&](const WebhookRow&) { ++all; }));
  EXPECT_EQ(all, 2500u);
  std::vector<std::string> found;
  Keyset keyset{.limit = 10, .needle = "1234@"};
  do {
    const auto slice = store_->webhook_slice(ann, WebhookFilter::active, keyset).value();
    for (const WebhookRow& row : slice.rows) found.push_back(row.address);
    keyset.before = slice.next;
  } while (keyset.before != 0);
  EXPECT_EQ(found, std::vector<std::string>{"1234@example.com"});
}

TEST_F(PgsqlStoreTest, a_database_without_tables_is_refused) {
  const auto empty = cluster::Database::make(
      {.postgres = tests::PgsqlServer::one().database(), .allow_one_copy = true});
  ASSERT_TRUE(empty);
  const auto opened = PgsqlStore::open(**empty);
  ASSERT_FALSE(opened);
  EXPECT_EQ(opened.error().fault, Fault::permanent);
}

}  // namespace
}  // namespace postern::store
