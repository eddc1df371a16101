#include <gtest/gtest.h>

#include "base/temporary_folder_test.h"
#include "store/sqlite_schema.h"
#include "store/sqlite_store.h"

namespace postern::store {
namespace {

// Triggers add differences: what the migration counts wrongly stays wrong.
TEST(AccountLimitsSchema, an_older_file_is_counted_as_a_new_one) {
  const tests::TemporaryFolder folder;
  const std::string path = folder.file("postern.db");
  const auto number = [](Database& database, std::string_view sql) {
    return database.number(sql).value();
  };
  {
    const Schema old{.application_id = control_schema().application_id,
                     .migrations = control_schema().migrations.first(5)};
    auto database = Database::open(path, old);
    ASSERT_TRUE(database) << database.error().message;
    ASSERT_TRUE((*database)->execute(
        "INSERT INTO account (id, email, password_hash, timezone, created_at, updated_at) VALUES "
        "('acc_1','ann@example.com','h','UTC',1,1), ('acc_2','bob@example.com','h','UTC',1,1)"));
    ASSERT_TRUE((*database)->execute(
        "INSERT INTO policy (id, account_id, name, definition, version, credentials_version, "
        "created_at, updated_at) VALUES ('pol_1','acc_1','caf\u00e9','{\"a\":1}',1,1,1,1), "
        "('pol_2','acc_1','b','{}',1,1,1,1)"));
    ASSERT_TRUE((*database)->execute(
        "INSERT INTO credential (policy_id, position, username, hash) VALUES "
        "('pol_1',0,'zo\u00eb','1234'), ('pol_1',1,'b','12345678'), ('pol_2',0,'b','1')"));
    ASSERT_TRUE((*database)->execute(
        "INSERT INTO webhook (id, account_id, name, address, domain, target_url, is_active, "
        "rate_limit_per_minute, delivery_mode, attachments, include_raw, timeout_ms, secret, "
        "version, created_at, updated_at) VALUES ('wh_1','acc_1','n','a@example.com', "
        "'example.com','https://example.net/',1,0,'queued','inline','none',1,'s',1,1,1)"));
  }
  auto opened = Database::open(path, control_schema());
  ASSERT_TRUE(opened) << opened.error().message;
  Database& database = **opened;
  EXPECT_EQ(number(database, "SELECT credential_count FROM account WHERE id='acc_1'"), 3);
  // Names and definitions, user names and hashes; then the webhook's name, address and URL.
  constexpr int policies = (5 + 7) + (1 + 2) + (4 + 4) + (1 + 8) + (1 + 1);
  constexpr int webhook = 1 + 13 + 20;
  EXPECT_EQ(number(database, "SELECT stored_octets FROM account WHERE id='acc_1'"),
            policies + webhook);
  EXPECT_EQ(number(database, "SELECT stored_octets FROM account WHERE id='acc_2'"), 0);
  ASSERT_TRUE(database.execute("DELETE FROM webhook"));
  ASSERT_TRUE(database.execute("DELETE FROM policy"));
  EXPECT_EQ(number(database, "SELECT credential_count FROM account WHERE id='acc_1'"), 0);
  EXPECT_EQ(number(database, "SELECT stored_octets FROM account WHERE id='acc_1'"), 0);
}

}  // namespace
}  // namespace postern::store
