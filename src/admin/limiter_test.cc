#include "admin/limiter.h"

#include <gtest/gtest.h>

#include "base/subscriber.h"

namespace postern::admin {
namespace {

using namespace std::chrono_literals;
const Limiter::Clock::time_point start = Limiter::Clock::now();

TEST(Limiter, refuses_what_exceeds_the_window_and_says_how_long) {
  Limiter limiter(2, 600s);
  EXPECT_FALSE(limiter.take("a", start));
  EXPECT_FALSE(limiter.take("a", start + 1s));
  EXPECT_EQ(limiter.take("a", start + 100s), 501u);
  EXPECT_FALSE(limiter.take("b", start));
  EXPECT_FALSE(limiter.take("a", start + 600s)) << "a new window";
}

TEST(Limiter, gives_back) {
  Limiter limiter(1, 600s);
  EXPECT_FALSE(limiter.take("a", start));
  limiter.give_back("a");
  limiter.give_back("unknown");
  EXPECT_FALSE(limiter.take("a", start));
  EXPECT_TRUE(limiter.take("a", start));
}

TEST(Limiter, stays_bounded) {
  Limiter limiter(1, 600s, 3);
  for (int i = 0; i < 10; ++i) EXPECT_FALSE(limiter.take(std::to_string(i), start + i * 1s));
  EXPECT_TRUE(limiter.take("9", start + 10s)) << "the newest are remembered";
  EXPECT_FALSE(limiter.take("0", start + 10s)) << "the oldest was pushed out";
}

TEST(Limiter, an_ipv6_subscriber_is_its_64) {
  EXPECT_EQ(subscriber_key(*IpAddress::parse("2001:db8::1")),
            subscriber_key(*IpAddress::parse("2001:db8::ffff:2")));
  EXPECT_NE(subscriber_key(*IpAddress::parse("192.0.2.1")),
            subscriber_key(*IpAddress::parse("192.0.2.2")));
}

}  // namespace
}  // namespace postern::admin
