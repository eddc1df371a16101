#include "ptest/file.h"

#include <gmock/gmock.h>

namespace postern::ptest {
namespace {

using ::testing::HasSubstr;
using ::testing::UnorderedElementsAre;

constexpr std::string_view plain = R"([[test]]
name = "x"
client = "192.0.2.1"
from = ""
rcpt = "b@local.test"
expect.verdict = "taken"
)";

/// "3:1 U002 unknown key `clinet`", of the only error.
std::string error_of(std::string text) {
  const Parsed parsed = parse_file(std::move(text), "t.ptest");
  if (parsed.diagnostics.list().size() != 1) {
    return std::to_string(parsed.diagnostics.list().size()) + " errors\n" +
           parsed.diagnostics.render();
  }
  const app::Diagnostic& one = parsed.diagnostics.list().front();
  return std::to_string(one.line) + ":" + std::to_string(one.column) + " " + one.code + " " +
         one.message;
}

std::string with(std::string_view old_text, std::string_view new_text) {
  std::string text(plain);
  text.replace(text.find(old_text), old_text.size(), new_text);
  return text;
}

TEST(TestFile, a_whole_test) {
  const Parsed parsed = parse_file(R"(# comment
config = "../postern.toml"
[dns]
"Example.org." = { MX = [[10, "mx.example.org"]] }
"shared.test" = { A = ["192.0.2.9"] }

[[test]]
name = "ein Test – mit Umlauten: ü"
client = "2001:db8::1"
auth = "alice"
from = "a@example.org"
rcpt = ["b@example.com", "c@example.com"]
message_text = "Subject: x\n\nbody\n"
dns."shared.test" = { A = ["192.0.2.10"] }
dns."7.2.0.192.bl.test" = { A = ["127.0.0.2"], TXT = ["listed"] }
answers."inet:127.0.0.1:10023" = { RCPT = "DUNNO", DATA = false }
answers."tcp:127.0.0.1:9" = { "a@example.org" = "OK" }
evidence = { spf = "fail", dkim = ["Example.org"], dmarc = "fail", dmarc_policy = "reject", size = 7 }
[test.expect]
verdict = "refused"  # why
code = 554
text = 'not [a-z]+'
[test.expect.rcpt."C@example.com"]
code = 450
)",
                                   "t.ptest");
  ASSERT_TRUE(parsed.ok()) << parsed.diagnostics.render();
  ASSERT_EQ(parsed.file.tests.size(), 1u);
  const ptest::Test& test = parsed.file.tests.front();
  EXPECT_EQ(parsed.file.config->name, "../postern.toml");
  EXPECT_EQ(test.spot.line, 7u);
  EXPECT_EQ(test.dialogue.helo, "[IPv6:2001:db8::1]");
  EXPECT_EQ(test.dialogue.login, "alice");
  EXPECT_EQ(test.dialogue.recipients.size(), 2u);
  EXPECT_EQ(test.dialogue.message, "Subject: x\r\n\r\nbody\r\n");
  EXPECT_EQ(test.zone.size(), 3u);
  EXPECT_EQ(test.zone.at("shared.test").at("A").at(0), "192.0.2.10") << "the test's wins";
  EXPECT_EQ(test.answers.requests.at({"inet:127.0.0.1:10023", "RCPT"}), "DUNNO");
  EXPECT_EQ(test.answers.requests.at({"inet:127.0.0.1:10023", "DATA"}), std::nullopt);
  EXPECT_EQ(test.answers.requests.at({"tcp:127.0.0.1:9", "a@example.org"}), "found OK");
  EXPECT_EQ(test.answers.services.at("tcp:127.0.0.1:9"), "absent");
  const app::FrozenEvidence frozen = app::frozen_from(*test.evidence);
  EXPECT_EQ(frozen.spf->status, mailauth::spf::Status::fail);
  EXPECT_TRUE(frozen.dkim->any_acceptable());
  EXPECT_EQ(frozen.dkim->signatures.front().signature.domain, "example.org");
  EXPECT_EQ(frozen.dmarc->policy, mailauth::dmarc::Policy::reject);
  std::vector<std::string> expected;
  for (const Expectation& one : test.expected) {
    expected.push_back(one.path() + "=" + one.value + " " +
                       parsed.file.text.substr(one.spot.begin, one.spot.end - one.spot.begin));
  }
  EXPECT_THAT(expected, UnorderedElementsAre("verdict=refused \"refused\"", "code=554 554",
                                             "text=not [a-z]+ 'not [a-z]+'",
                                             "rcpt.\"C@example.com\".code=450 450"));
}

TEST(TestFile, each_mistake_has_its_place) {
  const struct {
    std::string text;
    std::string error;
  } cases[] = {
      {with("client", "clinet"), "3:1 U002 unknown key `clinet`"},
      {with("client = \"192.0.2.1\"\n", ""), "1:1 U003 this test has no `client`"},
      {with("from = \"\"\n", ""), "1:1 U003 this test has no `from`"},
      {with("rcpt = \"b@local.test\"\n", ""), "1:1 U003 this test has no `rcpt`"},
      {with("name = \"x\"\n", ""), "1:1 U003 this test has no `name`"},
      {with("expect.verdict = \"taken\"\n", ""),
       "1:1 U003 this test has no `expect`: nothing is expected"},
      {std::string(plain) + std::string(plain),
       "8:8 U005 another test of this file is named `x` too"},
      {std::string(plain) + "expect.code = 550\n",
       "7:15 U006 a message that is taken has no `code`: 550"},
      {"# nothing\n", "1:1 U003 the file has no test"},
      {"", "1:1 U003 the file has no test"},
      {with("192.0.2.1", "192.0.2.300"), "3:10 U004 `192.0.2.300` is not an IP address"},
      {with("\"taken\"", "\"takn\""), "6:18 U004 `takn` is no verdict"},
      {with("\"taken\"", "7"), "6:18 U004 `verdict` is text, not a number"},
      {with("verdict = \"taken\"", "code = 250"),
       "6:15 U004 250 is no code of a refusal: from 400 to 599"},
      {with("verdict = \"taken\"", "text = \"(\""),
       "6:15 U004 `text` is no pattern of RE2: missing ): ("},
      {with("verdict = \"taken\"", "code = 550\nexpect.enhanced = \"4.7.1\""),
       "7:19 U006 the reply code 550 does not go with 4.7.1"},
      {with("verdict = \"taken\"", "rcpt.\"x@y.test\".code = 550"),
       "6:13 U004 `x@y.test` is no recipient of this test"},
      {std::string(plain) + "dns.\"x.test\" = { rcode = \"SERVFAIL\" }\n",
       "7:18 U002 there is no record type rcode"},
      {std::string(plain) + "dns.\"x.test\" = { SRV = [] }\n",
       "7:18 U002 no rule asks for records of type SRV"},
      {std::string(plain) + "dns.\"x.test\" = { A = [\"one\"] }\n",
       "7:16 U004 the DNS data of x.test cannot be read: A has \"one\"; it is a list such as "
       "[\"192.0.2.1\"], or one of the failures \"NXDOMAIN\", \"NODATA\", \"SERVFAIL\" or "
       "\"TIMEOUT\""},
      {std::string(plain) + "evidence = { spf = \"passed\" }\n",
       "7:20 U004 `passed` is no result of `spf`"},
      {std::string(plain) + "message = \"m\"\nmessage_text = \"m\"\n",
       "7:11 U006 a test has `message` or `message_text`, not both"},
      {"[test]\nname = \"x\"\n", "1:1 U004 `test` is a list of tables"},
      {"[[test]]\nname = x\n", "2:8 U001 "},
  };
  for (const auto& c : cases) {
    EXPECT_THAT(error_of(c.text), HasSubstr(c.error)) << c.text;
  }
}

TEST(TestFile, the_nearest_key_is_proposed) {
  const Parsed parsed = parse_file(with("client", "clinet"), "t.ptest");
  EXPECT_THAT(parsed.diagnostics.render(), HasSubstr("did you mean `client`?"));
  EXPECT_THAT(parsed.diagnostics.render(), HasSubstr("--> t.ptest:3:1\n"));
}

TEST(TestFile, commands_come_ahead_from_one_on) {
  const auto early = [](const std::string& value) {
    const Parsed parsed = parse_file(with("from =", "early = " + value + "\nfrom ="), "t.ptest");
    return parsed.file.tests.empty() ? app::Early::never : parsed.file.tests.front().dialogue.early;
  };
  EXPECT_EQ(early("true"), app::Early::ehlo);
  EXPECT_EQ(early("false"), app::Early::never);
  EXPECT_EQ(early("\"DATA\""), app::Early::data);
  EXPECT_THAT(error_of(with("from =", "early = \"QUIT\"\nfrom =")), HasSubstr("\"RCPT\""));
}

TEST(TestFile, no_helo_is_said) {
  const Parsed parsed = parse_file(std::string(plain) + "helo = \"\"\n", "t.ptest");
  EXPECT_EQ(parsed.file.tests.front().dialogue.helo, std::nullopt);
}

}  // namespace
}  // namespace postern::ptest
