#include "base/subscriber_counter.h"

#include <gtest/gtest.h>

#include "base/subscriber.h"

namespace postern {
namespace {

using namespace std::chrono_literals;
using Against = SubscriberCounter::Against;
using Over = SubscriberCounter::Over;
const SubscriberCounter::Clock::time_point now = SubscriberCounter::Clock::now();

std::string key(const std::string& address) { return subscriber_key(*IpAddress::parse(address)); }

TEST(SubscriberCounter, a_network_of_many_clients_has_the_limit_of_three) {
  SubscriberCounter counter(10, 600s);
  int taken = 0;
  for (int i = 0; i < 512; ++i) {
    const std::string client = key("2001:db8:1:" + std::to_string(i) + "::1");
    taken += counter.take(client, Against::client_and_network, now) ? 0 : 1;
  }
  EXPECT_EQ(taken, 30);
  EXPECT_FALSE(counter.take(key("2001:db8:2::1"), Against::client_and_network, now));
  EXPECT_EQ(counter.take(key("2001:db8:1:7777::1"), Against::client_and_network, now), 601u);
  EXPECT_FALSE(counter.take(key("2001:db8:1:7777::1"), Against::client, now));
  EXPECT_FALSE(counter.take(key("2001:db8:1:7777::1"), Against::client_and_network, now + 600s));
}

TEST(SubscriberCounter, a_client_has_its_own_limit) {
  SubscriberCounter counter(2, 600s);
  for (int i = 0; i < 2; ++i)
    EXPECT_FALSE(counter.take(key("192.0.2.1"), Against::client_and_network, now));
  EXPECT_TRUE(counter.take(key("192.0.2.1"), Against::client_and_network, now));
  EXPECT_FALSE(counter.take(key("192.0.2.2"), Against::client_and_network, now));
}

TEST(SubscriberCounter, what_is_given_back_counts_for_nobody) {
  SubscriberCounter counter(1, 600s);
  for (int i = 0; i < 20; ++i) {
    const std::string client = key("192.0.2." + std::to_string(i));
    EXPECT_FALSE(counter.take(client, Against::client_and_network, now)) << i;
    counter.give_back(client);
  }
  for (int i = 0; i < 3; ++i)
    EXPECT_FALSE(
        counter.take(key("192.0.2." + std::to_string(i)), Against::client_and_network, now));
  const std::string last = key("192.0.2.99");
  EXPECT_TRUE(counter.take(last, Against::client_and_network, now));
  EXPECT_FALSE(counter.take(last, Against::client, now)) << "what the network refused counts not";
}

TEST(SubscriberCounter, says_whose_limit_is_reached) {
  SubscriberCounter counter;
  counter.add(key("192.0.2.1"), now);
  EXPECT_EQ(counter.exceeded(key("192.0.2.1"), now), Over::none) << "without limits";
  counter.set_limits(2, 3, 600s, 600s);
  for (int i = 0; i < 2; ++i) counter.add(key("192.0.2.1"), now);
  EXPECT_EQ(counter.exceeded(key("192.0.2.1"), now), Over::client);
  EXPECT_EQ(counter.exceeded(key("192.0.2.2"), now), Over::none);
  counter.add(key("192.0.2.2"), now);
  EXPECT_EQ(counter.exceeded(key("192.0.2.3"), now), Over::network);
  EXPECT_EQ(counter.exceeded(key("198.51.100.1"), now), Over::none);
}

}  // namespace
}  // namespace postern
