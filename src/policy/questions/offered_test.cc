#include "policy/questions/offered.h"

#include <gtest/gtest.h>

#include <set>

#include "policy/catalogue.h"
#include "policy/testing.h"

namespace postern::policy::questions {
namespace {

using Is = Finding::Is;

TEST(Offered, helo_literal_is_client) {
  struct {
    const char* helo;
    const char* client;
    Is is;
  } const cases[] = {
      {"", "192.0.2.7", Is::unknown},
      {"mx.example.com", "192.0.2.7", Is::holds},
      {"192.0.2.9", "192.0.2.7", Is::holds},
      {"[192.0.2.7]", "192.0.2.7", Is::holds},
      {"[192.0.2.9]", "192.0.2.7", Is::fails},
      {"[127.0.0.1]", "192.0.2.7", Is::fails},
      {"[IPv6:2001:db8::7]", "2001:db8::7", Is::holds},
      {"[ipv6:2001:DB8:0:0::7]", "2001:db8::7", Is::holds},
      {"[IPv6:2001:db8::9]", "2001:db8::7", Is::fails},
      {"[IPv6:2001:db8::7]", "192.0.2.7", Is::fails},
      // A client on a socket for both families is an IPv4 client.
      {"[192.0.2.7]", "::ffff:192.0.2.7", Is::holds},
      {"[IPv6:::ffff:192.0.2.7]", "192.0.2.7", Is::holds},
      // No address literal, although they begin like one.
      {"[2001:db8::7]", "2001:db8::7", Is::fails},
      {"[192.0.2.7", "192.0.2.7", Is::fails},
      {"[]", "192.0.2.7", Is::fails},
      {"[\xff]", "192.0.2.7", Is::fails},
      {"[192.0.2.7]", "unknown", Is::unknown},
      {"mx.example.com", "unknown", Is::holds},
  };
  for (const auto& c : cases) {
    Evidence evidence = policy::testing::from_client("192.0.2.7");
    evidence.session.client_ip = *IpAddress::parse_client(c.client);
    evidence.session.helo = c.helo;
    const Finding found = helo_literal_is_client(evidence);
    EXPECT_EQ(found.is, c.is) << c.helo << " from " << c.client;
    EXPECT_FALSE(found.words.empty()) << c.helo;
    EXPECT_EQ(found.words.find('\xff'), std::string::npos) << c.helo;
  }
}

TEST(Offered, each_is_a_check_of_plans) {
  Evidence evidence = policy::testing::from_client("192.0.2.7");
  ASSERT_EQ(offered_checks().size(), std::size(offered));
  std::set<std::string_view> names;
  for (const Check& check : offered_checks()) {
    EXPECT_TRUE(names.insert(check.name).second) << check.name;
    EXPECT_EQ(checks::find(check.name), &check);
    const Offered* row = find_offered(check.name);
    ASSERT_NE(row, nullptr);
    EXPECT_FALSE(row->label.empty() || row->when.empty() || row->fails.empty()) << check.name;
    EXPECT_EQ(check.control, check.name) << "a control of webhook policies";
    EXPECT_EQ(check.stage, Stage::rcpt) << check.name;
  }
  EXPECT_EQ(find_offered("no_such"), nullptr);
  const Check& check = *checks::find("helo_literal_is_client");
  const auto reply = [&](const char* helo) {
    evidence.session.helo = helo;
    const Verdict verdict = check.judge(evidence, {});
    EXPECT_FALSE(verdict.detail.empty());
    return verdict.refuses() ? verdict.reply.to_string() : "";
  };
  EXPECT_EQ(reply("[192.0.2.7]"), "");
  EXPECT_EQ(reply("[192.0.2.9]"),
            "550 5.7.1 the address literal in HELO is not the client's address");
  EXPECT_EQ(reply(""), "550 5.7.1 HELO literal is not known") << "and never will be";
}

}  // namespace
}  // namespace postern::policy::questions
