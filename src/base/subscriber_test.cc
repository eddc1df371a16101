#include "base/subscriber.h"

#include <gtest/gtest.h>

#include "base/subscriber_test.h"

namespace postern {
namespace {

using tests::subscriber_of;

std::string network(std::string_view address) { return subnet_key(*IpAddress::parse(address)); }

TEST(Subscriber, an_ipv6_subscriber_is_its_64) {
  EXPECT_EQ(subscriber_of("2001:db8::1"), subscriber_of("2001:db8::ffff:2"));
  EXPECT_NE(subscriber_of("2001:db8::1"), subscriber_of("2001:db8:0:1::1"));
  EXPECT_NE(subscriber_of("192.0.2.1"), subscriber_of("192.0.2.2"));
}

TEST(Subscriber, a_network_is_an_ipv4_24_or_an_ipv6_48) {
  EXPECT_EQ(network("192.0.2.1"), network("192.0.2.2"));
  EXPECT_NE(network("192.0.2.1"), network("192.0.3.1"));
  EXPECT_EQ(network("2001:db8:1:1::1"), network("2001:db8:1:ffff::1"));
  EXPECT_NE(network("2001:db8:1::1"), network("2001:db8:2::1"));
  EXPECT_EQ(network_of_key(subscriber_of("2001:db8:1:7::1")), network("2001:db8:1::"));
}

TEST(Subscriber, what_is_no_address_is_a_network_of_its_own) {
  EXPECT_EQ(network_of_key(""), "");
  EXPECT_EQ(network_of_key("john"), "john") << "four octets, but no IPv4 address";
  EXPECT_EQ(network_of_key("johndoe1"), "johndoe1");
  EXPECT_EQ(subnet_key(IpAddress::unknown()), subscriber_key(IpAddress::unknown()));
  for (const char* address : {"0.0.0.0", "::", "117.110.107.110"})
    EXPECT_NE(network(address), subnet_key(IpAddress::unknown())) << address;
}

TEST(Subscriber, clients_of_a_translator_count_as_their_ipv4_addresses) {
  for (const char* address : {"64:ff9b::192.0.2.33", "64:ff9b:1::192.0.2.33",
                              "64:ff9b:1:beef::192.0.2.33", "::ffff:192.0.2.33"}) {
    EXPECT_EQ(subscriber_of(address), subscriber_of("192.0.2.33")) << address;
    EXPECT_EQ(network(address), network("192.0.2.1")) << address;
  }
  EXPECT_NE(subscriber_of("64:ff9b::192.0.2.33"), subscriber_of("64:ff9b::192.0.2.34"));
}

TEST(Subscriber, where_no_ipv4_address_can_be_read_the_ipv6_address_counts) {
  const auto counts_itself = [](std::string_view text) {
    return counted_address(*IpAddress::parse(text)) == *IpAddress::parse(text);
  };
  EXPECT_TRUE(counts_itself("64:ff9b:1:c000:2:2100::")) << "a prefix of 48 bits";
  EXPECT_TRUE(counts_itself("64:ff9b:1:0:c0:2:2100:0")) << "a prefix of 64 bits";
  EXPECT_TRUE(counts_itself("64:ff9b:2::192.0.2.33")) << "neither prefix";
  EXPECT_TRUE(counts_itself("64:ff9b::1:0:192.0.2.33")) << "beside the /96";
  EXPECT_TRUE(counts_itself("64:ff9b::"));
  EXPECT_TRUE(counts_itself("2001:db8::192.0.2.33"));
  EXPECT_TRUE(counts_itself("192.0.2.33"));
  EXPECT_FALSE(counted_address(IpAddress::unknown()).is_known());
}

}  // namespace
}  // namespace postern
