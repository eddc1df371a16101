#include "net/lookup_shares.h"

#include <deque>

#include <gtest/gtest.h>

#include "base/ip.h"

namespace postern::net {
namespace {

using Waiting = LookupShares::Waiting;

class LookupSharesTest : public ::testing::Test {
 protected:
  Waiting& ask(const std::string& client) {
    Waiting& one = asked_.emplace_back(client);
    shares_.take(one);
    return one;
  }
  std::size_t begin(const std::string& client, int lookups) {
    std::size_t begun = 0;
    for (int i = 0; i < lookups; ++i) begun += ask(client).has_place() ? 1 : 0;
    return begun;
  }

  std::deque<Waiting> asked_;
  LookupShares shares_{12};
};

TEST(LookupSharesOfNetworks, a_network_of_many_clients_has_half_and_another_its_share_at_once) {
  LookupShares shares(512);
  std::deque<Waiting> asked;
  const auto ask = [&](const std::string& address) {
    Waiting& one = asked.emplace_back(subscriber_key(*IpAddress::parse(address)));
    shares.take(one);
    return one.has_place();
  };
  std::size_t begun = 0;
  for (int round = 0; round < 4; ++round) {
    for (int i = 0; i < 512; ++i) begun += ask("2001:db8:1:" + std::to_string(i) + "::1") ? 1 : 0;
  }
  EXPECT_EQ(begun, 256u);
  for (int i = 0; i < 80; ++i) EXPECT_TRUE(ask("192.0.2.1")) << i;
  EXPECT_TRUE(ask("192.0.2.2")) << "its neighbour";
  EXPECT_TRUE(ask("198.51.100.1"));
}

TEST(LookupSharesOfNetworks, who_waits_in_another_network_goes_first) {
  LookupShares shares(9);
  std::deque<Waiting> asked;
  const auto ask = [&](const std::string& address) -> Waiting& {
    Waiting& one = asked.emplace_back(subscriber_key(*IpAddress::parse(address)));
    shares.take(one);
    return one;
  };
  for (int i = 0; i < 5; ++i) ask("2001:db8:1:" + std::to_string(i) + "::1");
  Waiting& more = ask("2001:db8:1:99::1");
  EXPECT_FALSE(more.has_place());
  ask("192.0.2.1");
  Waiting& second = ask("192.0.2.1");
  Waiting& third = ask("192.0.2.2");
  EXPECT_TRUE(second.has_place());
  EXPECT_FALSE(third.has_place());
  EXPECT_EQ(shares.release(subscriber_key(*IpAddress::parse("2001:db8:1::1"))), &third);
  EXPECT_EQ(shares.release(subscriber_key(*IpAddress::parse("2001:db8:1:1::1"))), nullptr);
  EXPECT_FALSE(more.has_place());
}

TEST_F(LookupSharesTest, one_client_leaves_half_of_the_places_to_others) {
  EXPECT_EQ(begin("a", 100), 6u);
  EXPECT_EQ(begin("b", 100), 3u);
  EXPECT_EQ(begin("c", 100), 2u);
  EXPECT_EQ(begin("newcomer", 1), 1u);
  EXPECT_EQ(shares_.under_way(), 12u);
}

TEST_F(LookupSharesTest, an_ended_lookup_lets_the_next_in_line_begin_who_has_fewest_first) {
  EXPECT_EQ(begin("a", 6), 6u);
  Waiting& second = ask("a");
  Waiting& third = ask("a");
  EXPECT_EQ(shares_.release("a"), &second);
  EXPECT_TRUE(second.has_place());
  EXPECT_EQ(begin("b", 3), 3u);
  Waiting& other = ask("b");
  EXPECT_EQ(shares_.release("a"), &other);
  EXPECT_FALSE(third.has_place());
  EXPECT_EQ(shares_.release("b"), nullptr) << "a has as many as are free";
}

TEST_F(LookupSharesTest, who_gives_up_leaves_the_line_or_the_place) {
  EXPECT_EQ(begin("a", 6), 6u);
  Waiting& second = ask("a");
  Waiting& third = ask("a");
  EXPECT_EQ(shares_.left(second), nullptr);
  EXPECT_EQ(shares_.release("a"), &third);
  EXPECT_EQ(shares_.left(third), nullptr);
  EXPECT_EQ(shares_.left(third), nullptr) << "once";
  EXPECT_EQ(shares_.under_way(), 5u);
}

TEST_F(LookupSharesTest, what_has_begun_keeps_its_place_when_its_caller_goes) {
  Waiting& one = ask("a");
  shares_.begun(one);
  EXPECT_EQ(shares_.left(one), nullptr);
  EXPECT_EQ(shares_.under_way(), 1u);
  EXPECT_EQ(shares_.release("a"), nullptr);
  EXPECT_EQ(shares_.under_way(), 0u);
}

}  // namespace
}  // namespace postern::net
