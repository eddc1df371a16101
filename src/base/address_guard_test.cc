#include "base/address_guard.h"

#include <gtest/gtest.h>

namespace postern {
namespace {

IpAddress ip(std::string_view text) { return *IpAddress::parse(text); }

TEST(AddressGuard, refuses_special_addresses) {
  const char* const special[] = {
      "0.0.0.0",
      "0.1.2.3",
      "10.0.0.1",
      "10.255.255.255",
      "100.64.0.1",
      "100.127.255.255",
      "127.0.0.1",
      "127.255.255.254",
      "169.254.169.254",
      "172.16.0.1",
      "172.31.255.255",
      "192.0.0.1",
      "192.0.2.1",
      "192.88.99.1",
      "192.168.0.1",
      "198.18.0.1",
      "198.19.255.255",
      "198.51.100.7",
      "203.0.113.9",
      "224.0.0.1",
      "239.255.255.255",
      "240.0.0.1",
      "255.255.255.255",
      "::",
      "::1",
      "64:ff9b:1::1",
      "100::1",
      "2001::1",
      "2001:0:4136::1",
      "2001:1ff::1",
      "2001:db8::1",
      "3fff::1",
      "5f00::1",
      "fc00::1",
      "fd00::1",
      "fe80::1",
      "febf::1",
      "fec0::1",
      "ff02::1",
  };
  for (const char* text : special) {
    EXPECT_TRUE(refused(ip(text), CidrSet())) << text;
    EXPECT_FALSE(special_purpose(ip(text)).empty()) << text;
  }
}

TEST(AddressGuard, judges_ipv4_inside_ipv6_as_itself) {
  const char* const hidden[] = {
      "::ffff:127.0.0.1",   "::ffff:10.0.0.1",   "64:ff9b::7f00:1",      "64:ff9b::169.254.169.254",
      "2002:7f00:1::",      "2002:a00:1::1",     "::127.0.0.1",          "::10.0.0.1",
      "::ffff:0:127.0.0.1", "2002:a9fe:a9fe::1", "64:ff9b::192.168.1.1",
  };
  for (const char* text : hidden) EXPECT_TRUE(refused(ip(text), CidrSet())) << text;
  const char* const harmless[] = {"::ffff:93.184.216.34", "64:ff9b::93.184.216.34",
                                  "2002:5db8:d822::1"};
  for (const char* text : harmless) EXPECT_FALSE(refused(ip(text), CidrSet())) << text;
}

TEST(AddressGuard, lets_public_addresses_pass) {
  const char* const open[] = {
      "1.1.1.1",     "9.255.255.255",   "11.0.0.0",        "93.184.216.34",   "100.63.255.255",
      "100.128.0.0", "126.255.255.255", "128.0.0.1",       "169.253.255.255", "172.15.255.255",
      "172.32.0.0",  "192.0.1.0",       "192.167.255.255", "192.169.0.0",     "198.17.255.255",
      "198.20.0.0",  "223.255.255.255", "2606:4700::1111", "2001:200::1",     "2a00::1",
      "fb00::1",
  };
  for (const char* text : open) EXPECT_FALSE(refused(ip(text), CidrSet())) << text;
}

TEST(AddressGuard, the_operator_may_allow_ranges) {
  const CidrSet loopback({*Cidr::parse("127.0.0.1/32")});
  EXPECT_FALSE(refused(ip("127.0.0.1"), loopback));
  EXPECT_FALSE(refused(ip("::ffff:127.0.0.1"), loopback));
  EXPECT_TRUE(refused(ip("127.0.0.2"), loopback));
  EXPECT_TRUE(refused(ip("::1"), loopback));
  EXPECT_TRUE(refused(ip("169.254.169.254"), loopback));
  const CidrSet all_v6({*Cidr::parse("::/0")});
  EXPECT_FALSE(refused(ip("fd00::1"), all_v6));
  EXPECT_TRUE(refused(ip("64:ff9b::7f00:1"), all_v6)) << "loopback must be named as IPv4";
  EXPECT_TRUE(refused(ip("127.0.0.1"), all_v6));
}

TEST(AddressGuard, says_what_an_address_is_good_for) {
  struct Row {
    const char* first;
    const char* last;
    Reach reach;
  };
  // Both ends of each range of the registries.
  const Row rows[] = {
      {"0.0.0.0", "0.255.255.255", Reach::none},
      {"10.0.0.0", "10.255.255.255", Reach::local},
      {"100.64.0.0", "100.127.255.255", Reach::local},
      {"127.0.0.0", "127.255.255.255", Reach::none},
      {"169.254.0.0", "169.254.255.255", Reach::none},
      {"172.16.0.0", "172.31.255.255", Reach::local},
      {"192.0.0.0", "192.0.0.255", Reach::none},
      {"192.0.2.0", "192.0.2.255", Reach::documentation},
      {"192.88.99.0", "192.88.99.255", Reach::none},
      {"192.168.0.0", "192.168.255.255", Reach::local},
      {"198.18.0.0", "198.19.255.255", Reach::local},
      {"198.51.100.0", "198.51.100.255", Reach::documentation},
      {"203.0.113.0", "203.0.113.255", Reach::documentation},
      {"224.0.0.0", "239.255.255.255", Reach::none},
      {"240.0.0.0", "255.255.255.255", Reach::none},
      {"::", "::1", Reach::none},
      {"::a00:0", "::aff:ffff", Reach::local},
      {"::ffff:0:127.0.0.1", "::ffff:0:127.255.255.255", Reach::none},
      {"64:ff9b::a00:0", "64:ff9b::aff:ffff", Reach::local},
      {"64:ff9b::ffff:ffff", "64:ff9b::7f00:1", Reach::none},
      {"64:ff9b:1::", "64:ff9b:1:ffff:ffff:ffff:ffff:ffff", Reach::local},
      {"100::", "100::ffff:ffff:ffff:ffff", Reach::none},
      {"100:0:0:1::", "100::1:ffff:ffff:ffff:ffff", Reach::none},
      {"2001::", "2001:1ff:ffff:ffff:ffff:ffff:ffff:ffff", Reach::none},
      {"2001:db8::", "2001:db8:ffff:ffff:ffff:ffff:ffff:ffff", Reach::documentation},
      {"2002:7f00:1::", "2002:a9fe:a9fe::1", Reach::none},
      {"2002:a00:1::", "2002:c0a8:1::1", Reach::local},
      {"3fff::", "3fff:fff:ffff:ffff:ffff:ffff:ffff:ffff", Reach::documentation},
      {"5f00::", "5f00:ffff:ffff:ffff:ffff:ffff:ffff:ffff", Reach::none},
      {"fc00::", "fdff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", Reach::local},
      {"fe80::", "febf:ffff:ffff:ffff:ffff:ffff:ffff:ffff", Reach::none},
      {"fec0::", "feff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", Reach::local},
      {"ff00::", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", Reach::none},
      {"64:ff9b::808:808", "2002:808:808::1", Reach::global},
      {"64:ff9b:2::", "64:ff9b:0:1::", Reach::global},
      {"1.0.0.0", "9.255.255.255", Reach::global},
      {"2000::", "2606:4700::1111", Reach::global},
  };
  for (const Row& row : rows) {
    EXPECT_EQ(reach_of(ip(row.first)), row.reach) << row.first;
    EXPECT_EQ(reach_of(ip(row.last)), row.reach) << row.last;
  }
}

}  // namespace
}  // namespace postern
