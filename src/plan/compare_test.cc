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

// A rule that can only refuse takes nothing in, whatever its answers depend on.
TEST(PlanCompareTest, RulesThatRefuseTakeNothingIn) {
  for (const std::string rule : {"reject_authenticated_sender_login_mismatch",
                                 "reject_sender_login_mismatch", "reject_unverified_recipient"}) {
    for (const std::string owners :
         {"regexp:{ {/^(.*)@local\\.example$$/ $$1} }",
          "unionmap:{ inline:{a@local.example=ann}, regexp:{ {/^b/ bob} } }"}) {
      const auto lists = [&](const std::string& rules) {
        return "smtpd_sender_login_maps = '" + owners + "'\nsmtpd_recipient_restrictions = \"" +
               rules + "\"\n";
      };
      const Comparison found =
          compared(lists("reject_non_fqdn_sender"), lists(rule + ", reject_non_fqdn_sender"));
      for (const GroupAnswer& group : found.groups) {
        EXPECT_EQ(group.accepts_more, Known::no) << rule << " " << owners;
      }
      EXPECT_EQ(found.handling, Known::no) << rule << " " << owners;
    }
  }
}

// Whom a group of a pattern names is one question: whether it is the client.
TEST(PlanCompareTest, OwnersInPatternsAreQuestions) {
  const auto lists = [](const std::string& rule, const std::string& owners) {
    return "smtpd_sender_login_maps = '" + owners + "'\nsmtpd_sender_restrictions = \"" + rule +
           "\"\n";
  };
  const std::string rule = "reject_sender_login_mismatch";
  const std::string by_group = "regexp:{ {/^boss@/ ann} {/^(.*)@local\\.example$$/ $$1} }";
  EXPECT_EQ(compared(lists("", by_group), lists(rule, by_group)).answer(), Answer::refuses_more);
  EXPECT_EQ(compared(lists(rule, by_group), lists("reject_authenticated_sender_login_mismatch, "
                                                  "reject_unauthenticated_sender_login_mismatch",
                                                  by_group))
                .answer(),
            Answer::same);
  EXPECT_EQ(compared(lists(rule, by_group), lists("permit_sasl_authenticated, " + rule, by_group))
                .answer(),
            Answer::accepts_more);
  // Whoever the group names may send as the address: a dialogue shows it.
  const Comparison less = compared(lists(rule, by_group), lists(rule, "regexp:{ {/^boss@/ ann} }"));
  EXPECT_NE(less.groups[0].refuses_more, Known::no);
  const Comparison bosses =
      compared(lists(rule, by_group), lists(rule,
                                            "regexp:{ {/^boss@/ bob} "
                                            "{/^(.*)@local\\.example$$/ $$1} }"));
  EXPECT_EQ(bosses.answer(), Answer::both);
}

// What a program answers about owners is a question: whether it names the client's login.
TEST(PlanCompareTest, OwnersThatProgramsKnowAreAnswers) {
  const auto lists = [](const std::string& rules) {
    return "smtpd_sender_login_maps = \"socketmap:inet:127.0.0.1:9:owners\"\n"
           "smtpd_sender_restrictions = \"" +
           rules + "\"\n";
  };
  const std::string rule = "reject_sender_login_mismatch";
  EXPECT_EQ(compared(lists(""), lists(rule)).answer(), Answer::refuses_more);
  EXPECT_EQ(compared(lists("reject_known_sender_login_mismatch"), lists(rule)).answer(),
            Answer::refuses_more);
  EXPECT_EQ(compared(lists(rule), lists("permit_sasl_authenticated, " + rule)).answer(),
            Answer::accepts_more);
  // Only an owner gets to the last rule.
  const std::string null = "check_sender_access inline:{ {<> = REJECT} }";
  const Comparison found =
      compared(lists(rule + ", " + null),
               lists(rule + ", " + null + ", check_sasl_access inline:{ {ann = REJECT} }"));
  EXPECT_EQ(found.answer(), Answer::refuses_more);
  ASSERT_FALSE(found.witnesses.empty());
  EXPECT_EQ(found.witnesses.front().spoken.login, "ann");
  ASSERT_EQ(found.witnesses.front().spoken.answers.size(), 1u);
  EXPECT_EQ(found.witnesses.front().spoken.answers.front().second, "ann");
}

// A rule that is one question may permit, if it is there to permit.
TEST(PlanCompareTest, RulesThatPermitMayLetIn) {
  const Comparison found =
      compared("smtpd_recipient_restrictions = \"reject\"",
               "smtpd_recipient_restrictions = \"permit_tls_clientcerts, reject\"\n"
               "relay_clientcerts = \"inline:{ {AA:BB = x} }\"\n");
  EXPECT_EQ(found.groups[0].refuses_more, Known::no);
  EXPECT_EQ(found.groups[0].accepts_more, Known::unknown);
}

// Whether an address exists is what the gateway finds out, the same for both versions.
TEST(PlanCompareTest, VerifiedAddressesAreQuestions) {
  const auto lists = [](const std::string& rules) {
    return "relay_domains = \"relay.example\"\nsmtpd_recipient_restrictions = \"" + rules + "\"\n";
  };
  const Comparison found =
      compared(lists("reject_unauth_destination"),
               lists("reject_unauth_destination, reject_unverified_recipient"));
  EXPECT_EQ(found.answer(), Answer::refuses_more);
  ASSERT_FALSE(found.witnesses.empty());
  EXPECT_FALSE(found.witnesses.front().spoken.answers.empty());
  EXPECT_EQ(compared(lists("reject_unauth_destination, reject_unverified_recipient"),
                     lists("reject_unauth_destination, reject_unverified_recipient, "
                           "reject_unverified_recipient"))
                .answer(),
            Answer::same);
  EXPECT_EQ(compared(lists("reject_unverified_sender, reject_unauth_destination"),
                     lists("reject_unauth_destination, reject_unverified_sender"))
                .answer(),
            Answer::same);
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
