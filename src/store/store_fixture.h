// For tests: a store with some rows, on each of its engines.
#pragma once

#include <gtest/gtest.h>

#include "base/patience_test.h"
#include "base/temporary_folder_test.h"
#include "base/ulid.h"
#include "cluster/pgsql_server_test.h"
#include "store/pgsql_store.h"
#include "store/pgsql_store_schema.h"
#include "store/seal_store.h"
#include "store/sqlite_schema.h"
#include "store/sqlite_store.h"

namespace postern::store {

/// What keeps the rows.
enum class Engine { sqlite, pgsql, sealed };

/// A test with an open store.
class StoreTest : public ::testing::Test {
 protected:
  explicit StoreTest(Engine engine) : engine_(engine) { reopen(); }

  /// Closes the store, as at the end of a process, and opens it again.
  void reopen() {
    store_.reset();
    if (engine_ == Engine::sqlite) {
      auto opened = SqliteStore::open(folder_.file("postern.db"));
      ASSERT_TRUE(opened) << opened.error().message;
      store_ = std::move(*opened);
    } else {
      store_ = open_pgsql();
    }
  }
  /// A store of a process of its own on the same database.
  std::unique_ptr<SqlStore> another() {
    if (engine_ != Engine::sqlite) return open_pgsql();
    auto opened = SqliteStore::open(folder_.file("postern.db"));
    EXPECT_TRUE(opened) << opened.error().message;
    return std::move(*opened);
  }
  /// A PgsqlStore on this test's database, which is made at first.
  std::unique_ptr<PgsqlStore> open_pgsql(PgsqlStoreOptions options = {}) {
    if (!database_) {
      auto made = cluster::Database::make(
          {.postgres = tests::PgsqlServer::one().database(), .allow_one_copy = true});
      EXPECT_TRUE(made) << made.error().message;
      database_ = std::move(*made);
      const auto session = database_->connect();
      EXPECT_TRUE(session) << session.error().message;
      for (const cluster::Schema* schema : {&cluster::node_schema(), &pgsql_store_schema()}) {
        const Result<void> done = cluster::migrate(**session, *schema);
        EXPECT_TRUE(done) << done.error().message;
      }
      if (engine_ == Engine::sealed) EXPECT_TRUE(seal_store(**session, *seal_));
    }
    if (engine_ == Engine::sealed) options.seal = seal_;
    auto opened = PgsqlStore::open(*database_, options);
    EXPECT_TRUE(opened) << opened.error().message;
    return std::move(*opened);
  }
  /// The number of rows of a table. Closes the store.
  std::int64_t rows_in(const std::string& table) {
    store_.reset();
    const std::string text = "SELECT count(*) FROM " + table;
    if (engine_ == Engine::sqlite) {
      const auto file = Database::open(folder_.file("postern.db"), control_schema());
      return (*file)->number(text).value();
    }
    const auto session = database_->connect();
    const auto rows =
        (*session)->run({.sql = text, .values = {}}, cluster::Clock::now() + tests::patience);
    EXPECT_TRUE(rows);
    return rows->integer(0, 0);
  }

  std::string add_account(const std::string& email) {
    const AccountRow row{.id = new_id("acc_"),
                         .email = email,
                         .password_hash = Secret("$argon2id$x"),
                         .created_at = at_,
                         .updated_at = at_};
    EXPECT_EQ(store_->create_account(row, nullptr).value(), WriteOutcome::done);
    return row.id;
  }

  PolicyRow policy(const std::string& account, const std::string& name) {
    return {.id = new_id("pol_"),
            .account_id = account,
            .name = name,
            .definition = R"({"name":")" + name + R"("})",
            .created_at = at_,
            .updated_at = at_};
  }

  PolicyRow add_policy(const std::string& account, const std::string& name) {
    PolicyRow row = policy(account, name);
    EXPECT_EQ(store_->create_policy(row, nullptr).value(), WriteOutcome::done);
    return row;
  }

  WebhookRow webhook(const std::string& account, const std::string& address) {
    return {.id = new_id("wh_"),
            .account_id = account,
            .name = "n",
            .address = address,
            .target_url = "inbox",
            .secret = Secret("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"),
            .created_at = at_,
            .updated_at = at_};
  }

  /// The keys that sign for the domain, with private keys.
  std::vector<DkimKeyRow> signing_keys_of(const std::string& domain) {
    std::vector<DkimKeyRow> keys;
    EXPECT_TRUE(store_->each_dkim_signing_key(
        [&](DkimKeyRow row) { keys.push_back(std::move(row)); }, domain));
    return keys;
  }
  WebhookRow add_webhook(const std::string& account, const std::string& address,
                         std::optional<std::string> policy = std::nullopt) {
    WebhookRow row = webhook(account, address);
    row.policy_id = std::move(policy);
    EXPECT_EQ(store_->create_webhook(row, nullptr).value(), WriteOutcome::done);
    return row;
  }

  AuditRow audit(const std::string& account, const std::string& action) {
    return {.id = new_id("al_"),
            .account_id = account,
            .action = action,
            .details = "{}",
            .ip = "192.0.2.1",
            .actor = account,
            .created_at = at_};
  }

  std::vector<std::string> actions(const std::string& account) {
    std::vector<std::string> list;
    const Listed<AuditRow> log = store_->audit_log(account, {}).value();
    for (const AuditRow& entry : log.rows) {
      list.push_back(entry.action);
    }
    return list;
  }

  const Time at_ = from_millis(1700000000000);
  tests::TemporaryFolder folder_;
  const Engine engine_;
  const std::shared_ptr<const SecretSeal> seal_ = std::make_shared<const SecretSeal>(
      *SecretSeal::of(Secret("a key of the tests, which is long enough")));
  std::unique_ptr<cluster::Database> database_;
  std::unique_ptr<SqlStore> store_;
};

/// What holds with every engine.
class EveryStoreTest : public StoreTest, public ::testing::WithParamInterface<Engine> {
 protected:
  EveryStoreTest() : StoreTest(GetParam()) {}
};

inline std::string name_of(const ::testing::TestParamInfo<Engine>& engine) {
  return engine.param == Engine::sqlite   ? "sqlite"
         : engine.param == Engine::sealed ? "sealed"
                                          : "pgsql";
}
/// INSTANTIATE_TEST_SUITE_P(, suite, every_engine, name_of)
inline const auto every_engine = ::testing::Values(Engine::sqlite, Engine::pgsql, Engine::sealed);

}  // namespace postern::store
