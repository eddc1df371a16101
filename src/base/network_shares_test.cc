#include "base/network_shares.h"

#include <gtest/gtest.h>

#include "base/subscriber_test.h"

namespace postern {
namespace {

using tests::subscriber_of;

using Shares = NetworkShares<int>;

/// Takes until the shares say no; how often it did.
int take_all(Shares& shares, const std::string& key) {
  int taken = 0;
  for (; shares.leaves_enough(key); ++taken) shares.add(shares.client(key), 1);
  return taken;
}

TEST(NetworkShares, a_network_has_half_and_a_client_a_third) {
  Shares one(300);
  EXPECT_EQ(take_all(one, subscriber_of(1, 1)), 100);
  Shares many(300);
  int taken = 0;
  for (int client = 0; client < 512; ++client) taken += take_all(many, subscriber_of(1, client));
  EXPECT_EQ(taken, 150);
  EXPECT_EQ(many.used_by_network(subscriber_of(1, 0)), 150u);
  EXPECT_EQ(take_all(many, subscriber_of(2, 1)), 50)
      << "the other network has a third of what is left";
}

TEST(NetworkShares, what_is_no_address_has_the_share_of_a_network) {
  Shares shares(300);
  EXPECT_EQ(take_all(shares, ""), 150);
}

TEST(NetworkShares, the_first_in_line_is_one_that_may_go_if_any_may) {
  Shares shares(30);
  for (int i = 0; i < 5; ++i) shares.add(shares.client(subscriber_of(1, 1)), 1);
  for (int client = 1; client < 7; ++client) shares.add(shares.client(subscriber_of(2, client)), 1);
  shares.add(shares.client(subscriber_of(3, 1)), 10);
  shares.list(shares.client(subscriber_of(1, 1)), true);
  shares.list(shares.client(subscriber_of(2, 7)), true);
  EXPECT_FALSE(shares.leaves_enough(subscriber_of(1, 1))) << "10 of 9";
  ASSERT_TRUE(shares.leaves_enough(subscriber_of(2, 7)));
  EXPECT_EQ(shares.least()->key(), subscriber_of(2, 7));
}

TEST(NetworkShares, neighbours_in_a_network_find_something_too) {
  Shares shares(300);
  take_all(shares, subscriber_of(1, 1));
  EXPECT_GT(take_all(shares, subscriber_of(1, 2)), 20);
}

TEST(NetworkShares, the_network_goes_before_the_client) {
  Shares shares(100);
  for (int client = 0; client < 5; ++client) {
    shares.add(shares.client(subscriber_of(1, client)), 2);
    shares.list(shares.client(subscriber_of(1, client)), true);
  }
  shares.add(shares.client(subscriber_of(1, 3)), 1);
  shares.add(shares.client(subscriber_of(2, 1)), 4);
  shares.list(shares.client(subscriber_of(2, 1)), true);
  EXPECT_EQ(shares.most()->key(), subscriber_of(1, 3))
      << "of 11 in all, though 2/1 has most of the clients";
  EXPECT_EQ(shares.least()->key(), subscriber_of(2, 1));
  shares.list(shares.client(subscriber_of(1, 3)), false);
  EXPECT_EQ(shares.most()->used(), 2u) << "only listed ones";
  shares.list(shares.client(subscriber_of(2, 1)), false);
  EXPECT_EQ(shares.least()->key(), subscriber_of(1, 0)) << "of equal ones the first";
}

TEST(NetworkShares, nothing_is_kept_of_who_uses_nothing) {
  Shares shares(10);
  Shares::Client& client = shares.client(subscriber_of(1, 1));
  shares.add(client, 3);
  shares.forget_idle(client);
  EXPECT_EQ(shares.used_by(subscriber_of(1, 1)), 3u);
  EXPECT_EQ(shares.free(), 7u);
  shares.remove(client, 3);
  shares.forget_idle(client);
  EXPECT_EQ(shares.used(), 0u);
  EXPECT_EQ(shares.used_by_network(subscriber_of(1, 1)), 0u);
  EXPECT_EQ(shares.least(), nullptr);
}

}  // namespace
}  // namespace postern
