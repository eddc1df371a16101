#include "mail/hostname.h"

#include <gtest/gtest.h>

#include <string>

namespace postern::mail {
namespace {

TEST(Hostname, table) {
  for (const char* good : {"a", "mx.example.com", "mx.example.com.", "a-b.c_d.example", "3com.com",
                           "xn--bcher-kva.example", "1.2.3.x"}) {
    EXPECT_TRUE(is_hostname(good)) << good;
  }
  const std::string long_label(64, 'a');
  for (const std::string& bad :
       {std::string(""), std::string("."), std::string("a..b"), std::string(".a"),
        std::string("a.."), std::string("-a.b"), std::string("a-.b"), std::string("a.b-"),
        std::string("a b"), std::string("a,b"), std::string("1.2.3.4"), std::string("123"),
        std::string("[1.2.3.4]"), std::string("caf\xc3\xa9.example"), long_label,
        std::string(256, 'a')}) {
    EXPECT_FALSE(is_hostname(bad)) << bad;
  }
}

TEST(Hostname, fully_qualified) {
  EXPECT_TRUE(is_fqdn("mx.example.com"));
  EXPECT_TRUE(is_fqdn("mx.example.com."));
  EXPECT_FALSE(is_fqdn("localhost"));
  EXPECT_FALSE(is_fqdn("localhost."));
  EXPECT_FALSE(is_fqdn("192.0.2.1"));
}

TEST(Hostname, literals) {
  EXPECT_TRUE(is_address_literal("[192.0.2.1]"));
  EXPECT_TRUE(is_address_literal("[IPv6:2001:db8::1]"));
  EXPECT_TRUE(is_address_literal("[ipv6:::1]"));
  for (const char* bad : {"", "[]", "[192.0.2]", "[192.0.2.256]", "192.0.2.1", "[2001:db8::1]",
                          "[IPv6:192.0.2.1]", "[IPv6:]", "[mx.example.com]", "[192.0.2.1"}) {
    EXPECT_FALSE(is_address_literal(bad)) << bad;
  }
}

}  // namespace
}  // namespace postern::mail
