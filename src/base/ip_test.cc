#include "base/ip.h"

#include <gtest/gtest.h>

namespace postern {
namespace {

TEST(Cidr, proposes_the_network_when_host_bits_are_set) {
  const auto cidr = Cidr::parse("203.0.113.5/24");
  ASSERT_FALSE(cidr);
  EXPECT_NE(cidr.error().message.find("203.0.113.0/24"), std::string::npos);
}

TEST(Cidr, takes_mapped_networks_as_ipv4) {
  EXPECT_EQ(Cidr::parse("::ffff:192.0.2.0/120")->to_string(), "192.0.2.0/24");
  EXPECT_EQ(Cidr::parse("::ffff:192.0.2.7")->to_string(), "192.0.2.7/32");
  EXPECT_FALSE(Cidr::parse("::ffff:192.0.2.0/64"));
}

TEST(Cidr, refuses_what_is_not_exactly_a_network) {
  for (const char* text : {"", "/8", "10.0.0.0/33", "10.0.0.0/", "10.0.0.0/08", "10.0.0.0/+8",
                           "010.0.0.0/8", "10.0.0/8", "fe80::1%eth0", "example.com", "10.0.0.0/8 ",
                           "2001:db8::/129", "1.2.3.4/3a"}) {
    EXPECT_FALSE(Cidr::parse(text)) << text;
  }
}

TEST(CidrSet, families_never_match_each_other) {
  const CidrSet all_v4({*Cidr::parse("0.0.0.0/0")});
  EXPECT_TRUE(all_v4.contains(*IpAddress::parse("198.51.100.1")));
  EXPECT_TRUE(all_v4.contains(*IpAddress::parse("::ffff:198.51.100.1")));
  EXPECT_FALSE(all_v4.contains(*IpAddress::parse("2001:db8::1")));
}

TEST(CidrSet, agrees_with_a_scan_over_all_networks) {
  std::vector<Cidr> networks;
  std::uint32_t seed = 7;
  const auto next = [&seed] { return seed = seed * 1664525u + 1013904223u; };
  for (int i = 0; i < 300; ++i) {
    networks.emplace_back(IpAddress::v4(next()), static_cast<int>(6 + next() % 27));
  }
  const CidrSet set(networks);
  for (int i = 0; i < 20000; ++i) {
    const IpAddress address = IpAddress::v4(next());
    const bool scanned = std::any_of(networks.begin(), networks.end(),
                                     [&](const Cidr& cidr) { return cidr.contains(address); });
    ASSERT_EQ(set.contains(address), scanned) << address.to_string();
  }
}

}  // namespace
}  // namespace postern
