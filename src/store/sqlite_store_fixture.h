// A store with some rows in a temporary directory, for the tests of SqliteStore.
#pragma once

#include <gtest/gtest.h>

#include "base/temporary_folder_test.h"
#include "base/ulid.h"
#include "store/sqlite_store.h"

namespace postern::store {

class SqliteStoreTest : public ::testing::Test {
 protected:
  SqliteStoreTest() { reopen(); }

  void reopen() {
    store_.reset();
    auto opened = SqliteStore::open(folder_.file("postern.db"));
    ASSERT_TRUE(opened) << opened.error().message;
    store_ = std::move(*opened);
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
  std::unique_ptr<SqliteStore> store_;
};

}  // namespace postern::store
