#include "base/subscriber_counter.h"

#include <gtest/gtest.h>

#include "base/subscriber_test.h"

namespace postern {
namespace {

using tests::subscriber_of;

using namespace std::chrono_literals;
using Against = SubscriberCounter::Against;
using Over = SubscriberCounter::Over;
const SubscriberCounter::Clock::time_point counted_at = SubscriberCounter::Clock::now();

TEST(SubscriberCounter, a_network_of_many_clients_has_the_limit_of_three) {
  SubscriberCounter counter(10, 600s);
  int taken = 0;
  for (int i = 0; i < 512; ++i) {
    const std::string client = subscriber_of("2001:db8:1:" + std::to_string(i) + "::1");
    taken += counter.take(client, Against::client_and_network, counted_at) ? 0 : 1;
  }
  EXPECT_EQ(taken, 30);
  EXPECT_FALSE(
      counter.take(subscriber_of("2001:db8:2::1"), Against::client_and_network, counted_at));
  EXPECT_EQ(
      counter.take(subscriber_of("2001:db8:1:7777::1"), Against::client_and_network, counted_at),
      601u);
  EXPECT_FALSE(counter.take(subscriber_of("2001:db8:1:7777::1"), Against::client, counted_at));
  EXPECT_FALSE(counter.take(subscriber_of("2001:db8:1:7777::1"), Against::client_and_network,
                            counted_at + 600s));
}

TEST(SubscriberCounter, a_client_has_its_own_limit) {
  SubscriberCounter counter(2, 600s);
  for (int i = 0; i < 2; ++i)
    EXPECT_FALSE(counter.take(subscriber_of("192.0.2.1"), Against::client_and_network, counted_at));
  EXPECT_TRUE(counter.take(subscriber_of("192.0.2.1"), Against::client_and_network, counted_at));
  EXPECT_FALSE(counter.take(subscriber_of("192.0.2.2"), Against::client_and_network, counted_at));
}

TEST(SubscriberCounter, what_is_given_back_counts_for_nobody) {
  SubscriberCounter counter(1, 600s);
  for (int i = 0; i < 20; ++i) {
    const std::string client = subscriber_of("192.0.2." + std::to_string(i));
    EXPECT_FALSE(counter.take(client, Against::client_and_network, counted_at)) << i;
    counter.give_back(client);
  }
  for (int i = 0; i < 3; ++i)
    EXPECT_FALSE(counter.take(subscriber_of("192.0.2." + std::to_string(i)),
                              Against::client_and_network, counted_at));
  const std::string last = subscriber_of("192.0.2.99");
  EXPECT_TRUE(counter.take(last, Against::client_and_network, counted_at));
  EXPECT_FALSE(counter.take(last, Against::client, counted_at))
      << "what the network refused counts not";
}

TEST(SubscriberCounter, says_whose_limit_is_reached) {
  SubscriberCounter counter;
  counter.add(subscriber_of("192.0.2.1"), counted_at);
  EXPECT_EQ(counter.exceeded(subscriber_of("192.0.2.1"), counted_at), Over::none)
      << "without limits";
  counter.set_limits(2, 3, 600s, 600s);
  for (int i = 0; i < 2; ++i) counter.add(subscriber_of("192.0.2.1"), counted_at);
  EXPECT_EQ(counter.exceeded(subscriber_of("192.0.2.1"), counted_at), Over::client);
  EXPECT_EQ(counter.exceeded(subscriber_of("192.0.2.2"), counted_at), Over::none);
  counter.add(subscriber_of("192.0.2.2"), counted_at);
  EXPECT_EQ(counter.exceeded(subscriber_of("192.0.2.3"), counted_at), Over::network);
  EXPECT_EQ(counter.exceeded(subscriber_of("198.51.100.1"), counted_at), Over::none);
}

}  // namespace
}  // namespace postern
