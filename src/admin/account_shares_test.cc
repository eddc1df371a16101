#include "admin/account_shares.h"

#include <vector>

#include <gtest/gtest.h>

namespace postern::admin {
namespace {

TEST(AccountShares, are_of_one_account_each) {
  AccountShares shares(3, 2);
  std::vector<std::shared_ptr<void>> held;
  for (int i = 0; i < 2; ++i) held.push_back(shares.take("a", Stay::waiting));
  EXPECT_TRUE(held[0] && held[1]);
  EXPECT_FALSE(shares.take("a", Stay::waiting));
  held.push_back(shares.take("a", Stay::brief));
  EXPECT_TRUE(held[2]) << "who waits leaves room for other requests";
  EXPECT_FALSE(shares.take("a", Stay::brief));
  EXPECT_TRUE(shares.take("b", Stay::waiting));
  held.erase(held.begin());
  EXPECT_TRUE(shares.take("a", Stay::waiting));
}

TEST(AccountShares, outlive_the_books) {
  std::shared_ptr<void> held;
  {
    AccountShares shares(1, 0);
    EXPECT_FALSE(shares.take("a", Stay::waiting));
    held = shares.take("a", Stay::brief);
  }
  EXPECT_TRUE(held);
  held.reset();
}

}  // namespace
}  // namespace postern::admin
