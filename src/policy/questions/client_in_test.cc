#include "policy/questions/client_in.h"

#include <gtest/gtest.h>

#include "policy/testing.h"

namespace postern::policy::questions {
namespace {

using policy::testing::from_client;

std::vector<Cidr> networks(std::initializer_list<const char*> texts) {
  std::vector<Cidr> list;
  for (const char* text : texts) list.push_back(*Cidr::parse(text));
  return list;
}

TEST(ClientIn, says_whether_and_where) {
  struct {
    const char* client;
    std::vector<Cidr> networks;
    bool yes;
    const char* words;
  } const cases[] = {
      {"192.0.2.7", networks({"192.0.2.0/24"}), true, "192.0.2.7 is in 192.0.2.0/24"},
      {"192.0.2.7", networks({"10.0.0.0/8", "192.0.2.7"}), true, "192.0.2.7 is in 192.0.2.7/32"},
      {"192.0.2.7", networks({"198.51.100.0/24", "2001:db8::/32"}), false,
       "192.0.2.7 is not in 198.51.100.0/24, 2001:db8::/32"},
      {"192.0.2.7", {}, false, "192.0.2.7 is not in "},
      {"2001:db8::1", networks({"2001:db8::/32"}), true, "2001:db8::1 is in 2001:db8::/32"},
      {"2001:db8::1", networks({"0.0.0.0/0"}), false, "2001:db8::1 is not in 0.0.0.0/0"},
      // RFC 4291 §2.5.5.2: an IPv4-mapped address is its IPv4 address.
      {"::ffff:192.0.2.7", networks({"192.0.2.0/24"}), true, "192.0.2.7 is in 192.0.2.0/24"},
      {"203.0.113.1",
       networks({"10.0.0.0/8", "11.0.0.0/8", "12.0.0.0/8", "13.0.0.0/8", "14.0.0.0/8", "15.0.0.0/8",
                 "16.0.0.0/8"}),
       false,
       "203.0.113.1 is not in 10.0.0.0/8, 11.0.0.0/8, 12.0.0.0/8, 13.0.0.0/8, 14.0.0.0/8 and 2 "
       "more"},
  };
  for (const auto& c : cases) {
    const Evidence evidence = from_client(c.client);
    const ClientIn listed = client_in(evidence, c.networks);
    EXPECT_EQ(listed.yes, c.yes) << c.words;
    EXPECT_EQ(listed.words(), c.words);
    const CidrSet set(c.networks);
    EXPECT_EQ(client_in(evidence, set).yes, c.yes) << c.words;
    if (c.yes) {
      EXPECT_EQ(client_in(evidence, set).words(), c.words);
    }
  }
}

TEST(ClientIn, an_unknown_client_is_in_no_network) {
  Evidence evidence;
  evidence.session.client_ip = IpAddress::unknown();
  const auto all = networks({"0.0.0.0/0", "::/0"});
  EXPECT_FALSE(client_in(evidence, all));
  EXPECT_FALSE(client_in(evidence, CidrSet(all)));
  EXPECT_EQ(client_in(evidence, all).words("mynetworks"), "unknown is not in mynetworks");
}

TEST(ClientIn, networks_may_have_a_name) {
  const auto some = networks({"192.0.2.0/24"});
  EXPECT_EQ(client_in(from_client("192.0.2.7"), some).words("relay_hosts"),
            "192.0.2.7 is in relay_hosts");
}

}  // namespace
}  // namespace postern::policy::questions
