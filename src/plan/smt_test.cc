#include "plan/smt.h"

#include <gtest/gtest.h>

#include "plan/edition_test.h"

namespace postern::plan {
namespace {

constexpr std::string_view barrier =
    "mydestination = \"ours.example\"\nrelay_domains = \"relay.example\"\n"
    "smtpd_relay_restrictions = \"permit_mynetworks, reject_unauth_destination\"\n";

SmtQuestions smt_asked(const std::string& before, const std::string& after,
                       std::optional<Group> only = std::nullopt) {
  return smt_questions(edition_of("old.toml", std::string(barrier) + before),
                       edition_of("new.toml", std::string(barrier) + after), only);
}

/// Why all groups are left out; "": they are not.
std::string left_out(const std::string& after) {
  const SmtQuestions made = smt_asked("", after);
  EXPECT_TRUE(made.left_out.empty() || made.asked.empty());
  return made.left_out.empty() ? "" : made.left_out.front().why;
}

bool question_has(const SmtQuestions& made, std::string_view text) {
  return made.asked.front().text.find(text) != std::string::npos;
}

TEST(SmtTest, AsksTwiceForEachGroup) {
  const SmtQuestions made = smt_asked("", "");
  ASSERT_EQ(made.asked.size(), 6u);
  EXPECT_TRUE(made.left_out.empty());
  EXPECT_EQ(made.asked[4].group, Group::foreign);
  EXPECT_EQ(made.asked[5].direction, DifferenceKind::accepts_more);
  EXPECT_TRUE(made.asked[5].text.ends_with("(check-sat)\n"));
  EXPECT_EQ(smt_asked("", "", Group::relay).asked.size(), 2u);
}

TEST(SmtTest, RowsOfNetworksStayInTheirOrder) {
  const SmtQuestions made =
      smt_asked("",
                "smtpd_client_restrictions = \"check_client_access cidr:{ {192.0.2.7 OK}, "
                "{192.0.2.0/24 REJECT}, {!2001:db8::/32 DUNNO} }\"\n");
  ASSERT_FALSE(made.asked.empty());
  const std::string& text = made.asked.front().text;
  const std::size_t host = text.find("#xc0000207");
  const std::size_t network = text.find("#xc0000200");
  ASSERT_NE(host, std::string::npos);
  ASSERT_NE(network, std::string::npos);
  EXPECT_LT(host, network) << "though the network is wider";
  EXPECT_TRUE(question_has(made, "(bvand client4 #b11111111111111111111111100000000)"));
  EXPECT_TRUE(question_has(made, "(and client_v6 (not (and client_v6 (= (bvand client6 #b1"))
      << text;
}

TEST(SmtTest, KeysAreLookedUpInTheOrderOfProduction) {
  const SmtQuestions made =
      smt_asked("",
                "recipient_delimiter = \"+\"\nsmtpd_sender_restrictions = \"check_sender_access "
                "inline:{ {bob@=REJECT}, {example=DUNNO}, {mx.partner.example=REJECT}, "
                "{bob@partner.example=OK}, {<>=OK} }\"\n");
  ASSERT_FALSE(made.asked.empty());
  const std::string& text = made.asked.front().text;
  const std::size_t whole = text.find("(= sender_domain \"partner.example\")");
  const std::size_t longer = text.find("(str.suffixof \".mx.partner.example\" sender_domain)");
  const std::size_t shorter = text.find("(str.suffixof \".example\" sender_domain)");
  ASSERT_NE(shorter, std::string::npos);
  EXPECT_LT(whole, longer);
  EXPECT_LT(longer, shorter);
  EXPECT_LT(shorter, text.rfind("(= sender_local \"bob\")"));
  EXPECT_TRUE(question_has(made, "(= sender_local (str.++ sender_base_2b sender_extension_2b))"));
}

TEST(SmtTest, SaysWhatItCannotState) {
  const auto sender = [](const std::string& table) {
    return left_out("smtpd_sender_restrictions = \"check_sender_access " + table + "\"\n");
  };
  EXPECT_EQ(sender("inline:{ {spam.example=REJECT} }"), "");
  EXPECT_NE(sender("regexp:{ {/spam/ REJECT} }").find("patterns"), std::string::npos);
  EXPECT_NE(sender("inline:{ {bob@[192.0.2.1]=OK} }").find("no plain address"), std::string::npos);
  std::string rows;
  for (int at = 0; at < 51; ++at) rows += fmt::format("{{d{}.example=OK}} ", at);
  EXPECT_NE(sender("inline:{ " + rows + "}").find("more than 50 rows"), std::string::npos);
  EXPECT_NE(left_out("smtpd_data_restrictions = \"check_policy_service inet:127.0.0.1:1\"\n")
                .find("check_policy_service"),
            std::string::npos);
  EXPECT_EQ(left_out("smtpd_delay_reject = \"no\"\n"), "smtpd_delay_reject = no");
  const std::string all = left_out(
      "virtual_mailbox_domains = \"static:all\"\nlocal_recipient_maps = \"regexp:{ {/x/ x} }\"\n"
      "smtpd_sender_restrictions = \"check_sender_access regexp:{ {/spam/ REJECT} }\"\n"
      "smtpd_data_restrictions = \"check_policy_service inet:127.0.0.1:1\"\n");
  for (const std::string_view one :
       {"virtual_mailbox_domains has tables or exceptions",
        "local_recipient_maps: regexp:", "(smtpd_sender_restrictions:1, new.toml:7:30)",
        "`check_policy_service inet:127.0.0.1:1` (smtpd_data_restrictions:1, new.toml:8:28)"}) {
    EXPECT_NE(all.find(one), std::string::npos) << one << " in " << all;
  }
  EXPECT_NE(left_out("myorigin = \"other.example\"\n").find("routes"), std::string::npos);
}

}  // namespace
}  // namespace postern::plan
