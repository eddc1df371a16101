// Classes and words of names: what stands for names that no table has, and conditions that say
// nothing of names with a row of their own.
#include <algorithm>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "plan/compare.h"
#include "plan/edition_test.h"

namespace postern::plan {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::Not;
using testing::StartsWith;

const std::string relaying = "smtpd_relay_restrictions = \"reject_unauth_destination\"\n";

Comparison compared_rules(const std::string& both, const std::string& before,
                          const std::string& after) {
  EditOptions options;
  options.compare.time = std::chrono::minutes(1);
  const bool relays = both.find("smtpd_relay_restrictions") != std::string::npos;
  const std::string all = "local_recipient_maps = \"\"\n" + (relays ? "" : relaying) + both;
  return judge_edit(edition_of("old.toml", all + before), edition_of("new.toml", all + after),
                    options)
      .comparison;
}

/// A line of [restrictions].
std::string list(const std::string& name, const std::string& rules) {
  return name + " = '" + rules + "'\n";
}

// A table may have a key that is just what would stand for all others.
TEST(PlanNamesTest, WhatStandsForOthersIsNoKey) {
  const struct {
    const char* what;
    std::string both;
    std::string before;
    std::string after;
    bool shown = true;  ///< with a dialogue
  } cases[] = {
      {"a name in HELO of one label, and addresses without brackets",
       "mydestination = 'ours.example'\n",
       list("smtpd_helo_restrictions",
            "check_helo_access inline:{ {bare=REJECT} {192.0.2.9=REJECT} {192.0.2.9.=REJECT} }, "
            "reject_invalid_helo_hostname"),
       list("smtpd_helo_restrictions",
            "check_helo_access inline:{ {bare=REJECT} {192.0.2.9=REJECT} {192.0.2.9.=REJECT} }, "
            "reject_invalid_helo_hostname, reject_non_fqdn_helo_hostname")},
      {"all forms of names in HELO at once", "mydestination = 'ours.example'\n",
       list("smtpd_helo_restrictions",
            "check_helo_access inline:{ {bare=REJECT} {9=REJECT} {a..b=REJECT} {a..b9=REJECT} "
            "{mx9.client.=REJECT} {123=REJECT} }"),
       list("smtpd_helo_restrictions",
            "check_helo_access inline:{ {bare=REJECT} {9=REJECT} {a..b=REJECT} {a..b9=REJECT} "
            "{mx9.client.=REJECT} {123=REJECT} }, reject_non_fqdn_helo_hostname")},
      {"a sender's domain of one label",
       "myorigin = 'origin.example'\nmydestination = 'ours.example'\n",
       list("smtpd_sender_restrictions",
            "check_sender_access inline:{ {dotless=REJECT} {origin.example=REJECT} }"),
       list("smtpd_sender_restrictions",
            "check_sender_access inline:{ {dotless=REJECT} {origin.example=REJECT} }, "
            "reject_non_fqdn_sender")},
      {"a sender's domain that ends in a number", "mydestination = 'ours.example'\n",
       list("smtpd_sender_restrictions", "check_sender_access inline:{ {123=REJECT} }"),
       list("smtpd_sender_restrictions",
            "check_sender_access inline:{ {123=REJECT} }, check_sender_access inline:{ "
            "{124=REJECT} }")},
      {"an extension of a sender",
       "mydestination = 'ours.example'\n" +
           list("smtpd_sender_restrictions",
                "check_sender_access inline:{ {bob+ext@p.test=OK} {bob@p.test=REJECT} }"),
       "recipient_delimiter = '+'\n", "recipient_delimiter = ''\n"},
      {"an extension of a recipient",
       "mydestination = 'ours.example'\n" +
           list("smtpd_recipient_restrictions",
                "check_recipient_access inline:{ {bob+detail@ours.example=DUNNO} "
                "{bob@ours.example=REJECT} }"),
       "recipient_delimiter = '+'\n", "recipient_delimiter = ''\n"},
      {"an address literal of a sender", "mydestination = 'ours.example'\n",
       list("smtpd_sender_restrictions", "check_sender_access inline:{ {[203.0.113.99]=REJECT} }"),
       list("smtpd_sender_restrictions",
            "check_sender_access inline:{ {[203.0.113.99]=REJECT} }, check_sender_access "
            "pcre:{ {/@\\[/ REJECT} }"),
       false},
  };
  for (const auto& one : cases) {
    const Comparison found = compared_rules(one.both, one.before, one.after);
    EXPECT_NE(found.answer(), Answer::same) << one.what;
    EXPECT_EQ(found.witnesses.empty(), !one.shown) << one.what;
  }
}

// Of an address without domain and with a route, it is the route that says which domain is asked.
TEST(PlanNamesTest, ARouteWithoutDomainIsNotCompleted) {
  const Comparison found = compared_rules(
      "myorigin = '$mydomain'\nappend_dot_mydomain = 'no'\nmydestination = 'ours.example'\n"
      "inet_interfaces = '192.0.2.25'\naddress_verify_sender = 'probe@ours.example'\n" +
          list("smtpd_sender_restrictions",
               "check_sender_access inline:{ {else.example=REJECT} {ours.example=REJECT} "
               "{[203.0.113.99]=REJECT} {[127.0.0.1]=REJECT} {[192.0.2.25]=REJECT} }, "
               "check_sender_access pcre:{ {!/@evil\\.example$$/ REJECT} }") +
          list("smtpd_recipient_restrictions",
               "check_recipient_access inline:{ {ours.example = DUNNO} }, "
               "reject_non_fqdn_recipient"),
      "mydomain = 'ours.example'\n", "mydomain = 'else.example'\n");
  // OLD takes <u%evil.example>, which is evil.example there.
  EXPECT_NE(found.groups[static_cast<std::size_t>(Group::ours)].refuses_more, Known::no);
}

// A pattern that sees capitals and one that does not may answer otherwise about one address.
TEST(PlanNamesTest, KeysAsTheyAreWrittenAreTextsOfTheirOwn) {
  const std::string rules =
      "check_sasl_access pcre:{ {/^/ REJECT} }, check_sender_access inline:{ {dotless = REJECT} }, "
      "check_sender_access pcre:{ {!/^[^[:upper:]]+@origin\\.example$$/i REJECT} }, "
      "reject_unauthenticated_sender_login_mismatch";
  const Comparison found = compared_rules(
      "myorigin = 'origin.example'\nmydestination = 'ours.example'\n"
      "smtpd_sender_login_maps = 'pcre:{ {/^[^A-Z]+@origin\\.example$$/i bob} }'\n",
      list("smtpd_sender_restrictions", rules + ", reject_non_fqdn_sender"),
      list("smtpd_sender_restrictions", rules));
  EXPECT_NE(found.groups[static_cast<std::size_t>(Group::ours)].accepts_more, Known::no);
}

// Mail for the sender of probes is taken before the lists, whatever he is called by default.
TEST(PlanNamesTest, TheSenderOfProbesIsComparedAsHeIs) {
  const std::string both =
      "append_dot_mydomain = 'no'\nmydestination = 'one.example, two.example'\n" +
      list("smtpd_recipient_restrictions",
           "reject_non_fqdn_recipient, check_recipient_access inline:{ {one.example=REJECT} "
           "{two.example=REJECT} }") +
      list("smtpd_sender_restrictions", "reject_non_fqdn_sender");
  for (const auto& [before, after] :
       {std::pair("myhostname = 'one.example'\n", "myhostname = 'two.example'\n"),
        std::pair("mydomain = 'one.example'\nmyorigin = '$mydomain'\n",
                  "mydomain = 'two.example'\nmyorigin = '$mydomain'\n")}) {
    const Comparison found = compared_rules(both, before, after);
    EXPECT_NE(found.answer(), Answer::same) << before;
  }
}

/// The first condition on a part where NEW refuses more.
std::vector<std::string> refused(const Comparison& found, const std::string& part) {
  const GroupAnswer& answer = found.groups[static_cast<std::size_t>(Group::ours)];
  EXPECT_EQ(answer.refuses_more, Known::yes);
  for (const Difference& one : answer.refused.some) {
    for (const Difference::Part& condition : one.conditions) {
      if (condition.name == part && !condition.negated) return condition.values;
    }
  }
  return {};
}

TEST(PlanNamesTest, NamesWithARowOfTheirOwnAreNotAmongThoseBelow) {
  const std::string both = "mydestination = 'ours.example'\n";
  EXPECT_THAT(refused(compared_rules(both, "",
                                     list("smtpd_sender_restrictions",
                                          "check_sender_access inline:{ {mail.partner.test=OK} "
                                          "{partner.test=REJECT} }")),
                      "sender"),
              ElementsAre("partner.test",
                          "below partner.test (but not below mail.partner.test or "
                          "mail.partner.test)"));
  EXPECT_THAT(refused(compared_rules(both, "",
                                     list("smtpd_sender_restrictions",
                                          "check_sender_access inline:{ {localhost=OK} }, "
                                          "reject_non_fqdn_sender")),
                      "sender"),
              Contains("a domain of one label (but not localhost)"));
  EXPECT_THAT(refused(compared_rules(both, "",
                                     list("smtpd_client_restrictions",
                                          "check_client_access inline:{ {mail.partner.test=OK} "
                                          "{partner.test=REJECT} }")),
                      "client_name"),
              ElementsAre("partner.test",
                          "below partner.test (but not below mail.partner.test or "
                          "mail.partner.test)"));
  EXPECT_THAT(
      refused(compared_rules(both + "recipient_delimiter = '+'\n", "",
                             list("smtpd_recipient_restrictions",
                                  "check_recipient_access inline:{ {bob@ours.example=REJECT} "
                                  "{bob+ok@ours.example=OK} }")),
              "rcpt"),
      ElementsAre("bob@ours.example", "bob+*@ours.example (but not bob+ok@ours.example)"));
}

// A local part that has a row at any domain has a row of its own below a name, too.
TEST(PlanNamesTest, LocalPartsAreNotThoseOfOthersBelowAName) {
  const std::string both =
      "mydestination = 'ours.example'\nrelay_domains = 'partner.example'\n"
      "relay_recipient_maps = ''\n";
  const Comparison found =
      compared_rules(both, "",
                     list("smtpd_recipient_restrictions",
                          "check_recipient_access inline:{ {carl@=REJECT} {ann@=OK} }"));
  const GroupAnswer& relay = found.groups[static_cast<std::size_t>(Group::relay)];
  ASSERT_EQ(relay.refuses_more, Known::yes);
  bool any = false;
  for (const Difference& one : relay.refused.some) {
    for (const Difference::Part& part : one.conditions) {
      if (part.negated || part.name != "rcpt") continue;
      any = true;
      EXPECT_THAT(part.values, Contains("carl@any name below partner.example"));
    }
  }
  EXPECT_TRUE(any);
}

// A route to an address that has a row is judged as the address; others are said to be others.
TEST(PlanNamesTest, RoutesToNamesAreNotAmongTheOthers) {
  const Comparison found = compared_rules(
      "myorigin = 'ours.example'\nmydestination = 'ours.example'\nmynetworks = '10.0.0.0/8'\n"
      "smtpd_relay_restrictions = 'permit_mynetworks, reject_unauth_destination'\n",
      "",
      list("smtpd_recipient_restrictions",
           "check_recipient_access inline:{ {evil.test=OK} }, reject"));
  const GroupAnswer& foreign = found.groups[static_cast<std::size_t>(Group::foreign)];
  ASSERT_EQ(foreign.refuses_more, Known::yes);
  for (const Difference& one : foreign.refused.some) {
    for (const Difference::Part& part : one.conditions) {
      if (part.negated || part.name != "rcpt") continue;
      EXPECT_THAT(part.values, Not(Contains("evil.test")));
      EXPECT_THAT(part.values, Not(Contains(StartsWith("addresses with a route"))));
    }
  }
}

// A server that is asked twice has two conditions.
TEST(PlanNamesTest, QuestionsOfOneServerHaveTheirOwnNames) {
  const std::string rules =
      "check_policy_service { inet:127.0.0.1:10023, policy_context=a }, check_policy_service { "
      "inet:127.0.0.1:10023, policy_context=b }";
  const Comparison found = compared_rules(
      "mydestination = 'ours.example'\n", list("smtpd_recipient_restrictions", rules),
      list("smtpd_recipient_restrictions",
           rules + ", check_sender_access inline:{ {a.test=REJECT} }"));
  const GroupAnswer& ours = found.groups[static_cast<std::size_t>(Group::ours)];
  ASSERT_EQ(ours.refuses_more, Known::yes);
  for (const Difference& one : ours.refused.some) {
    std::vector<std::string> names;
    for (const Difference::Part& part : one.conditions) names.push_back(part.name);
    std::ranges::sort(names);
    EXPECT_EQ(std::ranges::adjacent_find(names), names.end());
  }
}

}  // namespace
}  // namespace postern::plan
