#include "base/subscriber.h"

#include <gtest/gtest.h>

namespace postern {
namespace {

TEST(Subscriber, an_ipv6_subscriber_is_its_64) {
  EXPECT_EQ(subscriber_key(*IpAddress::parse("2001:db8::1")),
            subscriber_key(*IpAddress::parse("2001:db8::ffff:2")));
  EXPECT_NE(subscriber_key(*IpAddress::parse("192.0.2.1")),
            subscriber_key(*IpAddress::parse("192.0.2.2")));
}

}  // namespace
}  // namespace postern
