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

}  // namespace
}  // namespace postern
