#include "dialect/vsl/host_functions_test.h"
#include "dialect/vsl/session_state.h"
#include "mailauth/dkim/sign.h"

namespace postern::dialect::vsl {
namespace {

namespace dkim = mailauth::dkim;
using policy::Need;
using policy::Stage;
using ::testing::HasSubstr;
using testing::Scene;
using ::testing::StartsWith;

const dkim::SigningKey& key() {
  static const auto made = *dkim::SigningKey::generate_ed25519();
  return made;
}

std::string dmarc_zone() {
  return R"({
  "_dmarc.good.example": {"TXT": ["v=DMARC1; p=reject; sp=quarantine"]},
  "_dmarc.hold.example": {"TXT": ["v=DMARC1; p=quarantine; pct=0"]},
  "_dmarc.watch.example": {"TXT": ["v=DMARC1; p=none"]},
  "_dmarc.strict.example": {"TXT": ["v=DMARC1; p=reject; aspf=s"]},
  "_dmarc.odd.example": {"TXT": ["v=DMARC1; p=shout"]},
  "_dmarc.two.example": {"TXT": ["v=DMARC1; p=reject", "v=DMARC1; p=none"]},
  "_dmarc.dead.example": {"TXT": "SERVFAIL"},
  "good.example": {"TXT": ["v=spf1 ip4:198.51.100.7 -all"]},
  "bounce.strict.example": {"TXT": ["v=spf1 ip4:198.51.100.7 -all"]},
  "s1._domainkey.good.example": {"TXT": [")" +
         key().public_record() + R"("]}})";
}

std::string from(const std::string& author) {
  return "From: " + author + "\r\nSubject: test\r\n\r\nHello.\r\n";
}
std::string signed_by_good(const std::string& message) {
  return *dkim::sign_message({{&key(), "s1"}},
                             {.domain = "good.example", .selector = "s1", .signed_at = 1700000000},
                             message) +
         message;
}

TEST(CheckDmarc, does_what_the_author_asks_for) {
  struct {
    std::string client;
    std::string sender;
    std::string message;
    std::string answer;
    std::string field;
  } const cases[] = {
      {"198.51.100.7", "ann@good.example", from("Ann <ann@good.example>"), "next", "dmarc=pass"},
      {"203.0.113.9", "x@spoof.example", from("ann@good.example"), "deny 550 5.7.26", "dmarc=fail"},
      {"203.0.113.9", "x@spoof.example", from("ann@sub.good.example"), "quarantine dmarc",
       "dmarc=fail"},
      {"203.0.113.9", "x@spoof.example", signed_by_good(from("ann@good.example")), "next",
       "dmarc=pass"},
      {"203.0.113.9", "x@spoof.example", signed_by_good(from("ann@news.good.example")), "next",
       "dmarc=pass"},
      {"203.0.113.9", "x@spoof.example", from("ann@hold.example"), "quarantine dmarc",
       "dmarc=fail"},
      {"203.0.113.9", "x@spoof.example", from("ann@watch.example"), "next", "dmarc=fail"},
      {"198.51.100.7", "x@bounce.strict.example", from("ann@strict.example"), "deny 550 5.7.26",
       "dmarc=fail"},
      {"203.0.113.9", "x@spoof.example", from("ann@nopolicy.example"), "next", ""},
      {"203.0.113.9", "x@spoof.example", from("ann@two.example"), "next", ""},
      {"203.0.113.9", "x@spoof.example", from("ann@odd.example"), "next", ""},
      {"203.0.113.9", "x@spoof.example", from("ann@dead.example"), "deny 451 4.7.0", ""},
  };
  for (const auto& c : cases) {
    Scene scene(dmarc_zone(), c.message);
    scene.from(c.client).sender(c.sender).at(Stage::message);
    EXPECT_THAT(scene.ask("vsl.check_dmarc()"), StartsWith(c.answer)) << c.message;
    if (c.field.empty()) {
      EXPECT_FALSE(scene.draft.header_changed) << c.message;
    } else {
      EXPECT_THAT(scene.draft.header[0].text,
                  ::testing::AllOf(StartsWith("Authentication-Results: doe-family.com;"),
                                   HasSubstr(c.field), HasSubstr("spf="), HasSubstr("dkim=")))
          << c.message;
    }
  }
}

TEST(CheckDmarc, takes_the_place_of_results_in_our_name) {
  const std::string message =
      "Authentication-Results: other.example; dmarc=pass\r\n"
      "authentication-results : doe-family.com;\r\n dmarc=pass\r\n" +
      from("ann@good.example");
  Scene scene(dmarc_zone(), message);
  scene.at(Stage::message);
  scene.evidence.recipients = {{.address = {"jane", "doe-family.com"}}};
  ASSERT_THAT(scene.ask("vsl.check_dmarc()"), StartsWith("next"));
  const std::string added = scene.header();
  EXPECT_FALSE(scene.draft.has_message) << "the header is only added to";
  EXPECT_EQ(copy_of(scene.draft, scene.inquiry).header,
            added + "Authentication-Results: other.example; dmarc=pass\r\n" +
                "From: ann@good.example\r\nSubject: test\r\n\r\n");
}

TEST(CheckDmarc, an_author_that_can_be_read_in_two_ways_is_denied) {
  for (const std::string& message :
       {std::string("From: a@watch.example\r\nFrom: b@good.example\r\n\r\nx\r\n"),
        std::string("Subject: x\r\n\r\nx\r\n"), from("no address"),
        from("a@watch.example, b@good.example"), from("<a@good.example> <b@watch.example>"),
        from("undisclosed:;"), std::string("From : a@watch.example\r\n\r\nx\r\n")}) {
    Scene scene(dmarc_zone(), message);
    scene.at(Stage::message);
    EXPECT_THAT(scene.ask("vsl.check_dmarc()"), StartsWith("deny 550 5.7.1 The From header"))
        << message;
  }
}

TEST(CheckDmarc, shares_what_others_found_out) {
  Scene scene(dmarc_zone(), from("ann@good.example"));
  scene.at(Stage::message);
  script::testing::run([](Scene& one) -> Task<int> {
    co_await one.gatherer.gather(Need::dmarc, one.evidence);
    co_return 0;
  }(scene));
  const auto before = scene.resolver.asked;
  EXPECT_THAT(scene.ask("vsl.check_dmarc()"), StartsWith("next"));
  scene.ask("vsl.check_spf('none')");
  scene.ask("vsl.verify_dkim()");
  EXPECT_EQ(scene.resolver.asked, before);
}

TEST(CheckDmarc, says_what_it_saw) {
  Scene scene(dmarc_zone(), from("ann@good.example"));
  scene.from("203.0.113.9").at(Stage::message);
  EXPECT_THAT(scene.ask("vsl.check_dmarc()"),
              ::testing::AllOf(HasSubstr("| DMARC fail for good.example"),
                               HasSubstr("policy reject of good.example")));
}

}  // namespace
}  // namespace postern::dialect::vsl
