#include "store/move_store.h"

#include <gtest/gtest.h>

#include "base/patience_test.h"
#include "store/store_fixture.h"

namespace postern::store {
namespace {

class MoveStoreTest : public StoreTest {
 protected:
  MoveStoreTest() : StoreTest(Engine::sqlite) {
    open_pgsql();
    session_ = *database_->connect();
  }
  Result<std::vector<MovedRows>> move(MoveTo to, const std::string& file) {
    const auto local = Database::open(folder_.file(file), control_schema());
    return move_store(**local, *session_, to);
  }
  static std::uint64_t count(const std::vector<MovedRows>& moved, const std::string& table) {
    for (const MovedRows& one : moved) {
      if (one.table == table) return one.rows;
    }
    return 0;
  }

  std::unique_ptr<net::PgsqlSession> session_;
};

TEST_F(MoveStoreTest, all_rows_go_there_and_back) {
  const std::string first = add_account("Someone@example.com");
  const std::string gone = add_account("gone@example.com");
  const std::string second = add_account("other@example.org");
  const std::string policy = add_policy(first, "caf\xc3\xa9 '\"").id;
  add_policy(second, "p");
  const WebhookRow hook = add_webhook(first, "a@hooks.example.net", policy);
  const AuditRow entry = audit(first, "tried");
  EXPECT_TRUE(store_->server_secret("csrf", Secret(std::string("\0\xff octets", 9))));
  EXPECT_TRUE(store_->append_audit(entry));
  const std::uint64_t counted = store_->audit_log(first, {}).value().total;
  store_.reset();

  const auto moved = move(MoveTo::pgsql, "postern.db");
  ASSERT_TRUE(moved) << moved.error().message;
  EXPECT_EQ(count(*moved, "account"), 3u);
  EXPECT_EQ(count(*moved, "policy"), 2u);
  EXPECT_EQ(count(*moved, "server_secret"), 1u);
  const auto again = move(MoveTo::pgsql, "postern.db");
  ASSERT_TRUE(again) << "what is there is compared: " << again.error().message;

  store_ = open_pgsql();
  EXPECT_EQ(store_->account(first).value()->email, "Someone@example.com");
  EXPECT_EQ(store_->account(first).value()->webhook_count, 1u);
  EXPECT_EQ(store_->audit_log(first, {}).value().total, counted);
  EXPECT_EQ(store_->webhook(first, hook.id).value()->policy_id, policy);
  EXPECT_EQ(store_->server_secret("csrf", Secret("x"))->reveal(), std::string("\0\xff octets", 9));
  // What is made there has numbers behind the ones that came.
  add_policy(second, "made in the cluster");
  add_account("new@example.com");
  store_.reset();
  EXPECT_EQ(move(MoveTo::pgsql, "postern.db").error().fault, Fault::conflict);

  const auto back = move(MoveTo::sqlite, "back.db");
  ASSERT_TRUE(back) << back.error().message;
  EXPECT_EQ(count(*back, "account"), 4u);
  EXPECT_EQ(count(*back, "policy"), 3u);
  auto opened = SqliteStore::open(folder_.file("back.db"));
  ASSERT_TRUE(opened);
  store_ = std::move(*opened);
  EXPECT_EQ(store_->account(second).value()->policy_count, 2u);
  EXPECT_EQ(store_->account(gone).value()->policy_count, 0u);
  EXPECT_EQ(store_->webhook(first, hook.id).value()->address, hook.address);
  add_policy(first, "made at home");
}

TEST_F(MoveStoreTest, secrets_are_sealed_on_the_way_and_opened_on_the_way_back) {
  const std::string account = add_account("someone@example.com");
  const WebhookRow hook = add_webhook(account, "a@hooks.example.net");
  ASSERT_TRUE(store_->server_secret("csrf", Secret(std::string("\0\xff octets", 9))));
  store_.reset();
  ASSERT_TRUE(seal_store(*session_, *seal_));
  EXPECT_EQ(move(MoveTo::pgsql, "postern.db").error().fault, Fault::denied) << "without the key";
  const auto sealed = [&](MoveTo to, const std::string& file) {
    const auto local = Database::open(folder_.file(file), control_schema());
    return move_store(**local, *session_, to, seal_.get());
  };
  ASSERT_TRUE(sealed(MoveTo::pgsql, "postern.db"));
  ASSERT_TRUE(sealed(MoveTo::pgsql, "postern.db")) << "what is there is compared";
  store_ = open_pgsql({.seal = seal_});
  EXPECT_EQ(store_->webhook(account, hook.id).value()->secret.reveal(), hook.secret.reveal());
  store_.reset();
  const auto rows = session_->run({.sql = "SELECT secret FROM webhook", .values = {}},
                                  cluster::Clock::now() + tests::patience);
  EXPECT_EQ(rows->text(0, 0), seal_->close(hook.secret.reveal()));
  ASSERT_TRUE(sealed(MoveTo::sqlite, "back.db"));
  store_ = std::move(*SqliteStore::open(folder_.file("back.db")));
  EXPECT_EQ(store_->webhook(account, hook.id).value()->secret.reveal(), hook.secret.reveal());
  EXPECT_EQ(store_->server_secret("csrf", Secret("x"))->reveal(), std::string("\0\xff octets", 9));
}

TEST_F(MoveStoreTest, a_cluster_with_other_accounts_is_left_as_it_is) {
  add_account("a@example.com");
  store_ = open_pgsql();
  const std::string theirs = add_account("b@example.com");
  const auto moved = move(MoveTo::pgsql, "postern.db");
  ASSERT_FALSE(moved);
  EXPECT_EQ(moved.error().fault, Fault::conflict);
  EXPECT_TRUE(*store_->account(theirs));
}

}  // namespace
}  // namespace postern::store
