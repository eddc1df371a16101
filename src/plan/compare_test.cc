// Comparisons of restriction lists as a whole: what is decided, and the dialogues that are shown.
#include "plan/compare.h"

#include <gtest/gtest.h>

#include "plan/edition_test.h"

namespace postern::plan {
namespace {

constexpr auto surroundings = R"(
mydestination = "local.example"
local_recipient_maps = ""
mynetworks = "10.1.0.0/16"
smtpd_sasl_auth_enable = "yes"
)";

Comparison compared(const std::string& before, const std::string& after) {
  EditOptions options;
  options.compare.time = std::chrono::minutes(1);
  return judge_edit(edition_of("old.toml", surroundings + before),
                    edition_of("new.toml", surroundings + after), options)
      .comparison;
}

// A client that does not wait for replies is played, too.
TEST(PlanCompareTest, CommandsMayComeAheadOfReplies) {
  const Comparison found =
      compared("", "smtpd_recipient_restrictions = \"reject_unauth_pipelining\"");
  EXPECT_EQ(found.answer(), Answer::refuses_more);
  EXPECT_TRUE(found.not_proved.empty());
  ASSERT_FALSE(found.witnesses.empty());
  EXPECT_TRUE(found.witnesses.front().spoken.early);
  EXPECT_EQ(found.witnesses.front().after.reply.code, 503);
}

// Whose a sender is tells logins apart, if the owners can be listed.
TEST(PlanCompareTest, OwnersOfSendersAreClasses) {
  const auto lists = [](const std::string& rule, const std::string& owners) {
    return "smtpd_sender_login_maps = \"inline:{ " + owners +
           " }\"\nsmtpd_sender_restrictions = \"" + rule + "\"\n";
  };
  const std::string owners = "{a@local.example = ann} {@team.example = ann, bob}";
  const std::string rule = "reject_sender_login_mismatch";
  EXPECT_EQ(compared(lists("", owners), lists(rule, owners)).answer(), Answer::refuses_more);
  EXPECT_EQ(
      compared(lists(rule, owners), lists("reject_known_sender_login_mismatch", owners)).answer(),
      Answer::accepts_more);
  EXPECT_EQ(compared(lists(rule, owners),
                     lists(rule, "{@team.example = BOB ann} {a@local.example = ann}"))
                .answer(),
            Answer::same);
  const Comparison moved = compared(
      lists(rule, owners), lists(rule, "{a@local.example = bob} {@team.example = ann, bob}"));
  EXPECT_EQ(moved.answer(), Answer::both);
  ASSERT_FALSE(moved.witnesses.empty());
  EXPECT_EQ(moved.witnesses.front().spoken.sender, "a@local.example");
  // A key without a domain is a mailbox of this server.
  EXPECT_EQ(compared(lists(rule, "{c = ann}"), lists(rule, "{d = ann}")).answer(), Answer::both);
}

// Behind the lists the gateway refuses mail to an address in brackets, whatever lists say.
TEST(PlanCompareTest, MailToLiteralsGoesNowhere) {
  const std::string rules = "reject_unauth_destination";
  const std::string row = "check_recipient_access inline:{ {[192.0.2.9] = OK} }, ";
  const auto lists = [](const std::string& relay) {
    return "smtpd_relay_restrictions = \"" + relay + "\"\n";
  };
  EXPECT_EQ(compared(lists(rules), lists(row + rules)).answer(), Answer::same);
}

// Addresses that the session refuses by itself are none that lists tell apart.
TEST(PlanCompareTest, WhatTheSessionRefusesIsNoDialogue) {
  const auto lists = [](const std::string& rows) {
    return "smtpd_relay_restrictions = \"permit\"\nsmtpd_sender_restrictions = "
           "\"check_sender_access inline:{" +
           rows + "}\"\ni_know_this_is_an_open_relay = true\n";
  };
  const std::string friends = "{friend.example = OK}";
  EXPECT_EQ(compared(lists(friends), lists(friends + " {192.0.2.250 = REJECT}")).answer(),
            Answer::same);
}

}  // namespace
}  // namespace postern::plan
