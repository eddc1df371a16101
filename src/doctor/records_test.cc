#include "doctor/records.h"

#include <algorithm>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace postern::doctor {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

DnsFacts facts() {
  return {.hostname = "mx.example.org",
          .addresses = {*IpAddress::parse("203.0.113.25"), *IpAddress::parse("2001:db8::25")},
          .domains = {"example.org"},
          .dkim = {{"example.org", "s1", "v=DKIM1; k=ed25519; p=AAAA"}},
          .key_digests = {std::string(64, 'a')},
          .mta_sts_id = "20260101",
          .reports = "reports@example.org",
          .certificate_authority = "ca.example"};
}

std::vector<std::string> lines_of(const DnsFacts& facts) {
  std::vector<std::string> out;
  for (const Record& one : records_for(facts)) out.push_back(zone_line(one));
  return out;
}

TEST(RecordsTest, AllOfAGateway) {
  EXPECT_THAT(
      lines_of(facts()),
      ElementsAre("mx.example.org. IN A 203.0.113.25", "mx.example.org. IN AAAA 2001:db8::25",
                  "25.113.0.203.in-addr.arpa. IN PTR mx.example.org.",
                  "5.2.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa. IN "
                  "PTR mx.example.org.",
                  "example.org. IN MX 10 mx.example.org.", "example.org. IN TXT \"v=spf1 mx -all\"",
                  "mx.example.org. IN TXT \"v=spf1 a -all\"",
                  "s1._domainkey.example.org. IN TXT \"v=DKIM1; k=ed25519; p=AAAA\"",
                  "_dmarc.example.org. IN TXT "
                  "\"v=DMARC1; p=none; rua=mailto:reports@example.org\"",
                  "_mta-sts.example.org. IN TXT \"v=STSv1; id=20260101\"",
                  "_smtp._tls.example.org. IN TXT "
                  "\"v=TLSRPTv1; rua=mailto:reports@example.org\"",
                  "_25._tcp.mx.example.org. IN TLSA 3 1 1 " + std::string(64, 'a'),
                  "mx.example.org. IN CAA 0 issue \"ca.example\""));
}

TEST(RecordsTest, WhatIsNotKnownIsLeftOut) {
  EXPECT_THAT(
      lines_of({.hostname = "mx.example.org", .domains = {"example.org"}}),
      ElementsAre("example.org. IN MX 10 mx.example.org.", "example.org. IN TXT \"v=spf1 mx -all\"",
                  "mx.example.org. IN TXT \"v=spf1 a -all\"",
                  "_dmarc.example.org. IN TXT \"v=DMARC1; p=none\""));
  EXPECT_THAT(records_for({}), testing::IsEmpty());
}

TEST(RecordsTest, AHostnameThatIsADomainHasOneSpfRecord) {
  const auto lines = lines_of({.hostname = "example.org", .domains = {"example.org"}});
  EXPECT_THAT(lines, testing::Contains("example.org. IN TXT \"v=spf1 mx -all\""));
  EXPECT_THAT(lines, Not(testing::Contains(HasSubstr("v=spf1 a"))));
}

TEST(RecordsTest, ReportsToAnotherDomainNeedItsConsent) {
  DnsFacts facts = {.hostname = "mx.example.org",
                    .domains = {"example.org", "mail.example.net"},
                    .reports = "r@example.net"};
  const auto lines = lines_of(facts);
  EXPECT_THAT(lines,
              testing::Contains("example.org._report._dmarc.example.net. IN TXT \"v=DMARC1\""));
  EXPECT_THAT(lines, Not(testing::Contains(HasSubstr("mail.example.net._report"))));
}

TEST(RecordsTest, NoRecordTwice) {
  DnsFacts twice = facts();
  twice.addresses.push_back(twice.addresses.front());
  twice.domains.push_back(twice.domains.front());
  EXPECT_EQ(lines_of(twice), lines_of(facts()));
}

TEST(RecordsTest, LongTextIsCut) {
  DnsFacts facts = {.dkim = {{"example.org", "s1", std::string(300, 'x')}}};
  const std::string first(255, 'x');
  const std::string rest(45, 'x');
  EXPECT_THAT(lines_of(facts),
              ElementsAre("s1._domainkey.example.org. IN TXT \"" + first + "\" \"" + rest + "\""));
}

TEST(RecordsTest, EachHasAReasonAndACommand) {
  DnsFacts all = facts();
  all.reports = "r@example.net";
  for (const Record& one : records_for(all)) {
    EXPECT_TRUE(one.why.ends_with(".")) << one.why;
    EXPECT_THAT(check_command(one), testing::MatchesRegex("postern doctor --check [a-z-]+"));
  }
}

TEST(RecordsTest, AZoneFileHasReasonsAsCommentsAndNoReverseNames) {
  const std::string text = zone_text(records_for(facts()));
  EXPECT_THAT(text, HasSubstr("; Mail for example.org goes to the gateway. Check: postern doctor "
                              "--check mx\nexample.org. IN MX 10 mx.example.org.\n"));
  EXPECT_THAT(text, HasSubstr("\n; Useful. DANE"));
  EXPECT_THAT(text, HasSubstr("\n; 25.113.0.203.in-addr.arpa. IN PTR mx.example.org.\n"));
  EXPECT_THAT(text, Not(HasSubstr("\n25.113.0.203")));
}

TEST(RecordsTest, OtherSendersAreInTheSpfRecord) {
  DnsFacts with = facts();
  with.other_senders = {"a:mail.example.org", "ip4:192.0.2.7"};
  EXPECT_THAT(zone_text(records_for(with)),
              HasSubstr("\"v=spf1 mx a:mail.example.org ip4:192.0.2.7 -all\""));
}

TEST(RecordsTest, ThePolicyNamesTheMx) {
  EXPECT_EQ(mta_sts_policy("mx.example.org", "testing"),
            "version: STSv1\r\nmode: testing\r\nmx: mx.example.org\r\nmax_age: 604800\r\n");
}

}  // namespace
}  // namespace postern::doctor
