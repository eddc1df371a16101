#include "store/operators.h"

#include <gtest/gtest.h>

#include "store/sqlite_store.h"

namespace postern::store {
namespace {

void add(SqliteStore& store, const std::string& id) {
  AccountRow row;
  row.id = id;
  row.email = id + "@example.com";
  ASSERT_TRUE(store.create_account(row, nullptr).has_value());
}

TEST(Operators, are_the_first_account_where_none_is_named) {
  const auto store = SqliteStore::open(":memory:").value();
  const Operators operators(*store, {});
  EXPECT_FALSE(operators.contains("").value()) << "nobody, before there is an account";
  EXPECT_FALSE(operators.contains("acc_a").value());
  EXPECT_TRUE(operators.accounts()->empty());
  add(*store, "acc_a");
  add(*store, "acc_b");
  EXPECT_FALSE(operators.known("acc_a")) << "the store was not asked yet";
  EXPECT_TRUE(operators.contains("acc_a").value());
  EXPECT_FALSE(operators.contains("acc_b").value());
  EXPECT_EQ(operators.known("acc_b"), false);
  EXPECT_EQ(operators.accounts().value(), std::vector<std::string>{"acc_a"});
}

TEST(Operators, follow_the_first_account_into_a_store_that_was_emptied) {
  const auto store = SqliteStore::open(":memory:").value();
  const Operators operators(*store, {});
  add(*store, "acc_a");
  add(*store, "acc_b");
  EXPECT_TRUE(operators.contains("acc_a").value());
  EXPECT_FALSE(operators.contains("acc_b").value());
  ASSERT_TRUE(store->delete_account("acc_a", nullptr));
  EXPECT_FALSE(operators.contains("acc_b").value()) << "it does not move up";
  EXPECT_TRUE(operators.accounts()->empty());
  ASSERT_TRUE(store->delete_account("acc_b", nullptr));
  add(*store, "acc_c");
  EXPECT_TRUE(operators.contains("acc_c").value());
  EXPECT_EQ(operators.known("acc_c"), true);
  EXPECT_EQ(operators.accounts().value(), std::vector<std::string>{"acc_c"});
}

TEST(Operators, are_those_that_are_named) {
  const auto store = SqliteStore::open(":memory:").value();
  add(*store, "acc_a");
  const Operators operators(*store, {"acc_b", "acc_c"});
  EXPECT_EQ(operators.known("acc_a"), false);
  EXPECT_TRUE(operators.contains("acc_c").value());
  EXPECT_EQ(operators.accounts()->size(), 2u);
}

}  // namespace
}  // namespace postern::store
