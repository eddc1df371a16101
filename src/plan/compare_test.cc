// Comparisons of restriction lists as a whole: what is decided, and the dialogues that are shown.
#include "plan/compare.h"

#include <fstream>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "plan/edition_test.h"

namespace postern::plan {
namespace {

constexpr auto common_lines = R"(
mydestination = "local.example"
local_recipient_maps = ""
mynetworks = "10.1.0.0/16"
smtpd_sasl_auth_enable = "yes"
)";

Comparison compared_lists(const std::string& before, const std::string& after) {
  EditOptions options;
  options.compare.time = std::chrono::minutes(1);
  return judge_edit(edition_of("old.toml", common_lines + before),
                    edition_of("new.toml", common_lines + after), options)
      .comparison;
}

/// What was found, for messages.
std::string comparison_words(const Comparison& found) {
  std::string words(to_string(found.answer()));
  for (const NotProved& one : found.not_proved) {
    words += "\n" + one.group + " " + std::string(to_string(one.direction)) + " " + one.reason +
             ": " + one.text;
  }
  for (const Witness& one : found.witnesses) {
    words += "\n" + std::string(to_string(one.kind)) + " " + one.spoken.client + " " +
             one.spoken.helo.value_or("-") + " " + one.spoken.sender + " " + one.spoken.recipient;
  }
  return words;
}

// A client that does not wait for replies is played, too.
TEST(PlanCompareTest, CommandsMayComeAheadOfReplies) {
  const Comparison found =
      compared_lists("", "smtpd_recipient_restrictions = \"reject_unauth_pipelining\"");
  EXPECT_EQ(found.answer(), Answer::refuses_more);
  EXPECT_TRUE(found.not_proved.empty());
  ASSERT_FALSE(found.witnesses.empty());
  EXPECT_NE(found.witnesses.front().spoken.early, app::Early::never);
  EXPECT_EQ(found.witnesses.front().after.reply.code, 503);
}

// At a name below a domain that is relayed for, mail is taken only for addresses without a route.
TEST(PlanCompareTest, RoutesThroughNamesBelowOursAreClasses) {
  const std::string lists =
      "relay_domains = \"relay.example\"\nsmtpd_relay_restrictions = \"permit_mynetworks, "
      "reject_unauth_destination\"\nsmtpd_recipient_restrictions = \"permit_auth_destination";
  const Comparison found =
      compared_lists(lists + ", check_recipient_access inline:{ {sub.relay.example = REJECT} }\"\n",
                     lists + "\"\n");
  EXPECT_EQ(found.winding.answer(), Answer::accepts_more);
  ASSERT_EQ(found.witnesses.size(), 1u);
  EXPECT_EQ(name_of(found.witnesses.front().group), "winding");
  EXPECT_TRUE(found.witnesses.front().after.taken);
  // So is what is done with their mail.
  const Comparison held = compared_lists(
      lists + ", check_recipient_access inline:{ {sub.relay.example = HOLD} }\"\n", lists + "\"\n");
  EXPECT_EQ(held.winding.answer(), Answer::same);
  EXPECT_EQ(held.handling, Known::yes);
  ASSERT_EQ(held.witnesses.size(), 1u);
  EXPECT_EQ(held.witnesses.front().before.handling, "hold");
}

// Lists in values of tables and in answers of policy servers have rules of their own.
TEST(PlanCompareTest, RulesThatNeverDecideOutliveTheAnswersTheyStandIn) {
  const Edition edition =
      edition_of("postern.toml",
                 "mydestination = \"example.com\"\nlocal_recipient_maps = \"inline:{ann=x}\"\n"
                 "smtpd_relay_restrictions = \"reject_unauth_destination\"\n"
                 "smtpd_recipient_restrictions = \"permit_mynetworks, check_recipient_access "
                 "inline:{postmaster@example.com=OK}, reject_rbl_client bl.example.net, "
                 "check_policy_service inet:127.0.0.1:43100, permit, reject\"\n");
  EditOptions options;
  options.compare.time = std::chrono::minutes(1);
  options.compare.idle_rules = true;
  const Comparison found = judge_edit(edition, edition, options).comparison;
  ASSERT_TRUE(found.idle_rules);
  EXPECT_THAT(*found.idle_rules,
              testing::Contains(testing::HasSubstr("smtpd_recipient_restrictions:6")));
}

// RFC 3207 §4: a client may say STARTTLS before any name; the greeting was in clear.
TEST(PlanCompareTest, AClientWithoutANameWasGreetedInClear) {
  const std::string lists =
      "smtpd_helo_required = \"no\"\nsmtpd_delay_reject = \"no\"\n"
      "smtpd_helo_restrictions = \"reject\"\n";
  const Comparison found =
      compared_lists(lists + "smtpd_client_restrictions = \"reject_plaintext_session\"\n",
                     lists + "smtpd_sender_restrictions = \"reject_plaintext_session\"\n");
  EXPECT_EQ(found.answer(), Answer::accepts_more);
  EXPECT_TRUE(found.not_proved.empty());
  ASSERT_FALSE(found.witnesses.empty());
  EXPECT_TRUE(found.witnesses.front().spoken.tls);
  EXPECT_EQ(found.witnesses.front().spoken.helo, std::nullopt);
}

// A client gives another name in front of STARTTLS or AUTH, or none, and the list at EHLO judges
// each one.
TEST(PlanCompareTest, AListAtEhloThatAsksForTlsOrALoginIsNotCompared) {
  const std::string early = "smtpd_delay_reject = \"no\"\nsmtpd_helo_restrictions = ";
  const std::string relays =
      "smtpd_restriction_classes = \"k\"\nk = \"permit_sasl_authenticated\"\n"
      "smtpd_relay_restrictions = \"check_helo_access inline:{in.test=k}, "
      "reject_unauth_destination\"\n";
  const std::string none = "smtpd_relay_restrictions = \"reject_unauth_destination\"\n";
  const std::string by_login =
      early + "\"permit_sasl_authenticated, check_helo_access inline:{in.test=REJECT}\"\n";
  for (const auto& [before, after] :
       {std::pair(early + "\"permit_mynetworks, reject\"\n",
                  early + "\"permit_mynetworks, reject_plaintext_session\"\n"),
        std::pair(early + "\"check_helo_access inline:{in.test=REJECT}\"\n",
                  early + "\"check_helo_access inline:{in.test=reject_plaintext_session}\"\n"),
        std::pair(by_login + none, by_login + relays)}) {
    const Comparison found = compared_lists(before, after);
    EXPECT_NE(found.answer(), Answer::same) << after;
    ASSERT_FALSE(found.not_proved.empty()) << after;
    EXPECT_EQ(found.not_proved.front().reason, "several_greetings") << after;
    EXPECT_EQ(compared_lists(before, before).answer(), Answer::same) << before;
  }
  // What it asks of the name and the client is judged each time.
  for (const char* rule :
       {"check_helo_access inline:{in.test=REJECT}", "reject_unknown_helo_hostname",
        "permit_mynetworks, reject_invalid_helo_hostname", "check_policy_service inet:127.0.0.1:9",
        "reject_unauth_pipelining", "check_helo_access pcre:{{/^in/ HOLD}}"}) {
    const std::string list = early + "\"" + rule;
    const Comparison found = compared_lists(list + "\"\n", list + ", reject\"\n");
    EXPECT_EQ(found.answer(), Answer::refuses_more) << rule;
    EXPECT_TRUE(found.not_proved.empty()) << rule;
  }
}

// A question about the sender's domain is not one about the recipient's.
TEST(PlanCompareTest, QuestionsOfTwoPartsOfTheDialogueAreTwo) {
  const auto by_class = [](const std::string& rules) {
    return "smtpd_restriction_classes = \"k\"\nk = \"" + rules +
           ", permit\"\nsmtpd_recipient_restrictions = \"check_sender_access "
           "inline:{ {partner.example = k} }, check_recipient_access inline:{ {partner.example = "
           "k} }, reject\"\n";
  };
  for (const auto& [before, after] :
       {std::pair("reject_rhsbl_sender bl.test", "reject_rhsbl_recipient bl.test"),
        std::pair("reject_unknown_sender_domain", "reject_unknown_recipient_domain")}) {
    const Comparison found = compared_lists(by_class(before), by_class(after));
    EXPECT_EQ(found.answer(), Answer::both) << before;
  }
}

// What listeners do not serve is not asked.
TEST(PlanCompareTest, SessionsAreThoseThatListenersServe) {
  const auto version = [](const std::string& name, const std::string& tls,
                          const std::string& rules) {
    Edition made = edition_of(name, common_lines + rules);
    for (app::ListenerConfig& one : made.config.listeners) {
      if (tls == "none") one.tls = gateway::ListenerTls::none;
      if (tls == "required") one.tls = gateway::ListenerTls::required;
      one.auth_without_tls = false;
    }
    if (made.config.listeners.empty()) ADD_FAILURE() << "no listeners";
    return made;
  };
  const std::string none = "smtpd_sender_restrictions = \"\"\n";
  const std::string no_clear = "smtpd_sender_restrictions = \"reject_plaintext_session\"\n";
  const std::string by_login =
      "smtpd_sender_restrictions = \"permit_sasl_authenticated, reject\"\n";
  const struct {
    std::string tls, before, after;
    Answer answer;
  } cases[] = {
      {"starttls", none, no_clear, Answer::refuses_more},
      {"none", none, no_clear, Answer::refuses_more},
      {"required", none, no_clear, Answer::same},
      // Nobody can log in.
      {"none", by_login, "smtpd_sender_restrictions = \"reject\"\n", Answer::same},
      {"required", by_login, "smtpd_sender_restrictions = \"reject\"\n", Answer::refuses_more},
  };
  for (const auto& one : cases) {
    EditOptions options;
    options.compare.time = std::chrono::minutes(1);
    const Comparison found = judge_edit(version("old.toml", one.tls, one.before),
                                        version("new.toml", one.tls, one.after), options)
                                 .comparison;
    EXPECT_EQ(found.answer(), one.answer) << one.tls << " " << one.before << one.after;
    EXPECT_TRUE(found.not_proved.empty()) << one.tls;
  }
}

// Of two patterns of which one finds less, it is known what only the other one finds; also in
// addresses that the gateway completes.
TEST(PlanCompareTest, APatternThatIsPartOfAnotherIsDecided) {
  const auto senders = [](const std::string& pattern) {
    return "smtpd_sender_restrictions = 'check_sender_access regexp:{ {/" + pattern +
           "/ REJECT} }'\n";
  };
  const Comparison found =
      compared_lists(senders("@promo[0-9]+\\.example$$"), senders("@promo[0-9]\\.example$$"));
  EXPECT_EQ(found.answer(), Answer::accepts_more) << comparison_words(found);
  EXPECT_TRUE(found.not_proved.empty()) << comparison_words(found);
  const Comparison as_it_was =
      compared_lists(senders("@promo[0-9]+\\.example$$"), senders("@promo[0-9][0-9]*\\.example$$"));
  EXPECT_EQ(as_it_was.answer(), Answer::same) << comparison_words(as_it_was);
  // What is found in completed addresses is told apart.
  const Comparison completed = compared_lists(senders("^x.*@mx\\."), senders("^xx.*@mx\\."));
  EXPECT_NE(completed.answer(), Answer::same) << comparison_words(completed);
}

// A difference that is no single condition is said in parts, each of which lies in it.
TEST(PlanCompareTest, SeveralConditionsAreSaid) {
  const std::string server = "check_policy_service inet:127.0.0.1:10023, ";
  const auto relay = [&](const std::string& rules) {
    return "smtpd_relay_restrictions = 'permit_mynetworks, " + server + rules +
           "reject_unauth_destination'\n";
  };
  const GroupAnswer one =
      compared_lists(relay(""), relay("check_sender_access inline:{ {partner.test = OK} }, "))
          .groups[static_cast<std::size_t>(Group::foreign)];
  ASSERT_EQ(one.accepts_more, Known::yes);
  ASSERT_FALSE(one.accepted.some.empty());
  const auto has_part = [](const Difference& difference, const std::string& name) {
    return std::ranges::any_of(difference.conditions, [&](const Difference::Part& part) {
      return part.name == name && !part.negated;
    });
  };
  for (const Difference& difference : one.accepted.some) {
    EXPECT_TRUE(has_part(difference, "sender"));
  }
  EXPECT_TRUE(std::ranges::any_of(one.accepted.some.front().conditions, [](const auto& part) {
    return part.name == "answer of inet:127.0.0.1:10023 to RCPT";
  }));
  const GroupAnswer two =
      compared_lists("smtpd_relay_restrictions = 'permit_mynetworks, reject_unauth_destination'\n",
                     "smtpd_relay_restrictions = 'permit_mynetworks, check_sender_access inline:{ "
                     "{partner.test = OK} }, check_client_access inline:{ {192.0.2 = OK} }, "
                     "reject_unauth_destination'\n")
          .groups[static_cast<std::size_t>(Group::foreign)];
  ASSERT_EQ(two.accepts_more, Known::yes);
  ASSERT_EQ(two.accepted.some.size(), 2u);
  EXPECT_TRUE(has_part(two.accepted.some[0], "sender"));
  EXPECT_TRUE(has_part(two.accepted.some[1], "client"));
  EXPECT_TRUE(two.accepted.all);
}

// The pattern that no text could be made for is named as it is written.
TEST(PlanCompareTest, TheOpaquePatternIsNamed) {
  const std::string plain =
      "smtpd_sender_restrictions = 'check_sender_access pcre:{ {/^bulk/ DUNNO}";
  const Comparison found = compared_lists(
      plain + " }'\n", plain + ", {/^(?=(.)(.)x)\\2\\1[0-9]{3}(?<=7\\1q)zz/ REJECT} }'\n");
  ASSERT_EQ(found.answer(), Answer::not_proved) << comparison_words(found);
  ASSERT_FALSE(found.not_proved.empty());
  EXPECT_EQ(found.not_proved.front().reason, "opaque_pattern");
  EXPECT_EQ(found.not_proved.front().text,
            "it hangs on the pattern /^(?=(.)(.)x)\\2\\1[0-9]{3}(?<=7\\1q)zz/, and no dialogue was "
            "found that shows it");
}

// Where a listener takes logins in clear, they are played so.
TEST(PlanCompareTest, LoginsInClear) {
  constexpr std::string_view in_clear =
      "[[listener]]\naddress = \"127.0.0.1:25\"\ntls = \"none\"\nauth_without_tls = true\n";
  constexpr std::string_view in_tls = "[[listener]]\naddress = \"127.0.0.1:25\"\n";
  const auto version = [](const std::string& name, const std::string& logins,
                          std::string_view listeners) {
    return edition_of(name, common_lines +
                                ("smtpd_relay_restrictions = \"permit_mynetworks, " + logins +
                                 "reject_unauth_destination\"\n") +
                                std::string(listeners));
  };
  for (const std::string& listeners :
       {std::string(in_clear),
        "[[listener]]\naddress = \"127.0.0.1:587\"\nname = \"s\"\ntls = \"required\"\n" +
            std::string(in_clear),
        std::string(in_tls)}) {
    EditOptions options;
    options.compare.time = std::chrono::minutes(1);
    const Comparison found =
        judge_edit(version("old.toml", "permit_sasl_authenticated, ", listeners),
                   version("new.toml", "", listeners), options)
            .comparison;
    EXPECT_EQ(comparison_words(found).substr(0, 13), "refuses_more\n") << comparison_words(found);
    EXPECT_TRUE(found.not_proved.empty()) << comparison_words(found);
    ASSERT_FALSE(found.witnesses.empty());
    const Spoken& spoken = found.witnesses.front().spoken;
    EXPECT_EQ(spoken.tls, !listeners.starts_with(in_clear)) << listeners;
    EXPECT_EQ(line_of(found.witnesses.front()).find(", authenticated as alice without TLS,") !=
                  std::string::npos,
              !spoken.tls);
  }
}

// A rule that is one question may look at tables that it does not name.
TEST(PlanCompareTest, TablesBehindARuleThatIsAQuestionAreCompared) {
  const auto by_class = [](const std::string& row) {
    return "smtpd_restriction_classes = \"k\"\nk = \"check_client_access "
           "inline:{ {192.0.2.7 = " +
           row +
           "} }\"\nsmtpd_recipient_restrictions = \"check_sender_mx_access inline:{ "
           "{mx.bad.example = k} }\"\n";
  };
  EXPECT_NE(compared_lists(by_class("REJECT"), by_class("DUNNO")).answer(), Answer::same);
  const auto backup = [](const std::string& network) {
    return "permit_mx_backup_networks = \"cidr:{ {" + network +
           " OK} }\"\nsmtpd_relay_restrictions = \"permit_mx_backup, reject_unauth_destination\"\n";
  };
  EXPECT_NE(compared_lists(backup("192.0.2.0/24"), backup("0.0.0.0/0")).answer(), Answer::same);
  EXPECT_EQ(compared_lists(backup("192.0.2.0/24"), backup("192.0.2.0/24")).answer(), Answer::same);
}

// A policy server may answer with what permits by a parameter.
TEST(PlanCompareTest, AnswersThatHangOnParametersAreTried) {
  const auto judged = [](const std::string& more) {
    const auto version = [&](const std::string& name, const std::string& interfaces) {
      std::string lists = "inet_interfaces = \"" + interfaces + "\"\n" + more;
      for (const char* none :
           {"mydestination", "relay_domains", "mynetworks", "local_recipient_maps",
            "smtpd_helo_restrictions", "smtpd_client_restrictions", "smtpd_recipient_restrictions",
            "smtpd_data_restrictions"}) {
        lists += std::string(none) + " = \"\"\n";
      }
      for (const char* off : {"smtpd_sasl_auth_enable", "smtpd_reject_unlisted_recipient"}) {
        lists += std::string(off) + " = \"no\"\n";
      }
      return edition_of(name, lists +
                                  "smtpd_relay_restrictions = \"check_policy_service "
                                  "inet:127.0.0.1:9, reject_unauth_destination\"\n");
    };
    EditOptions options;
    options.compare.time = std::chrono::minutes(10);  // of a sanitized program
    return judge_edit(version("old.toml", "192.0.2.25"),
                      version("new.toml", "192.0.2.25, 203.0.113.99"), options)
        .comparison;
  };
  const Comparison found = judged("smtpd_sender_restrictions = ''\n");
  const GroupAnswer& foreign = found.groups[static_cast<std::size_t>(Group::foreign)];
  EXPECT_EQ(foreign.accepts_more, Known::yes) << comparison_words(found);
  // A sender at the new address is one of ours in new, and may be unlisted.
  EXPECT_EQ(foreign.refuses_more, Known::yes) << comparison_words(found);
  // A domain may have mail hosts at both addresses, of which the new one is the first. Then
  // permit_mx_backup, which the server may answer, permits in old alone.
  ASSERT_EQ(found.not_proved.size(), 1u) << comparison_words(found);
  EXPECT_EQ(found.not_proved.front().group, "foreign");
  EXPECT_THAT(found.not_proved.front().text, testing::HasSubstr("permit_mx_backup"));
  // A client at the new address is this host itself.
  const Comparison of_clients =
      judged("smtpd_sender_restrictions = 'check_sender_access inline:{ {<> = OK} }, reject'\n");
  ASSERT_FALSE(of_clients.witnesses.empty());
  EXPECT_EQ(of_clients.witnesses.front().kind, DifferenceKind::accepts_more);
  EXPECT_EQ(of_clients.witnesses.front().spoken.client, "203.0.113.99")
      << comparison_words(of_clients);
}

// Mail for webhooks is judged by the lists as mail for this host, whatever domains they have.
TEST(PlanCompareTest, MailForWebhooksIsCompared) {
  const auto version = [](const std::string& name, const std::string& lists) {
    // Mail for an address literal of this server is not the question.
    Edition made = edition_of(name,
                              "mydestination = \"\"\nlocal_recipient_maps = \"\"\n"
                              "inet_interfaces = \"192.0.2.77\"\nsmtpd_recipient_restrictions = "
                              "\"check_recipient_access inline:{ {[192.0.2.77] = REJECT} }\"\n" +
                                  lists);
    auto webhook = std::make_shared<policy::Webhook>();
    webhook->id = "wh_1";
    webhook->address = "orders@hooks.example";
    made.webhooks = {webhook};
    policy::Change change;
    change.put_domains.emplace_back("hooks.example");
    change.put_webhooks = {webhook};
    auto directory = std::make_shared<policy::Directory>();
    directory->apply(std::move(change));
    made.directory = std::move(directory);
    return made;
  };
  EditOptions options;
  options.compare.time = std::chrono::minutes(1);
  const Comparison found =
      judge_edit(version("old.toml", "smtpd_relay_restrictions = \"reject\"\n"),
                 version("new.toml", "smtpd_relay_restrictions = \"reject_unauth_destination\"\n"),
                 options)
          .comparison;
  EXPECT_EQ(found.groups[static_cast<std::size_t>(Group::ours)].accepts_more, Known::yes);
  ASSERT_FALSE(found.witnesses.empty());
  EXPECT_EQ(found.witnesses.front().spoken.recipient, "orders@hooks.example");
  EXPECT_EQ(found.witnesses.front().after.route, "webhook");
}

// Whose a sender is tells logins apart, if the owners can be listed.
TEST(PlanCompareTest, OwnersOfSendersAreClasses) {
  const auto lists = [](const std::string& rule, const std::string& owners) {
    return "smtpd_sender_login_maps = \"inline:{ " + owners +
           " }\"\nsmtpd_sender_restrictions = \"" + rule + "\"\n";
  };
  const std::string owners = "{a@local.example = ann} {@team.example = ann, bob}";
  const std::string rule = "reject_sender_login_mismatch";
  EXPECT_EQ(compared_lists(lists("", owners), lists(rule, owners)).answer(), Answer::refuses_more);
  EXPECT_EQ(compared_lists(lists(rule, owners), lists("reject_known_sender_login_mismatch", owners))
                .answer(),
            Answer::accepts_more);
  EXPECT_EQ(compared_lists(lists(rule, owners),
                           lists(rule, "{@team.example = BOB ann} {a@local.example = ann}"))
                .answer(),
            Answer::same);
  const Comparison moved = compared_lists(
      lists(rule, owners), lists(rule, "{a@local.example = bob} {@team.example = ann, bob}"));
  EXPECT_EQ(moved.answer(), Answer::both);
  ASSERT_FALSE(moved.witnesses.empty());
  EXPECT_EQ(moved.witnesses.front().spoken.sender, "a@local.example");
  // What a policy server may ask for by its answer.
  const std::string server = "check_policy_service inet:127.0.0.1:9";
  EXPECT_EQ(compared_lists(lists(server, "{a@local.example = ann}"),
                           lists(server, "{a@local.example = bob}"))
                .answer(),
            Answer::both);
  // A key without a domain is a mailbox of this server.
  EXPECT_EQ(compared_lists(lists(rule, "{c = ann}"), lists(rule, "{d = ann}")).answer(),
            Answer::both);
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
          compared_lists(lists("reject_non_fqdn_sender"), lists(rule + ", reject_non_fqdn_sender"));
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
  EXPECT_EQ(compared_lists(lists("", by_group), lists(rule, by_group)).answer(),
            Answer::refuses_more);
  EXPECT_EQ(
      compared_lists(lists(rule, by_group), lists("reject_authenticated_sender_login_mismatch, "
                                                  "reject_unauthenticated_sender_login_mismatch",
                                                  by_group))
          .answer(),
      Answer::same);
  EXPECT_EQ(
      compared_lists(lists(rule, by_group), lists("permit_sasl_authenticated, " + rule, by_group))
          .answer(),
      Answer::accepts_more);
  // Whoever the group names may send as the address: a dialogue shows it.
  const Comparison less =
      compared_lists(lists(rule, by_group), lists(rule, "regexp:{ {/^boss@/ ann} }"));
  EXPECT_NE(less.groups[0].refuses_more, Known::no);
  const Comparison bosses =
      compared_lists(lists(rule, by_group), lists(rule,
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
  EXPECT_EQ(compared_lists(lists(""), lists(rule)).answer(), Answer::refuses_more);
  EXPECT_EQ(compared_lists(lists("reject_known_sender_login_mismatch"), lists(rule)).answer(),
            Answer::refuses_more);
  EXPECT_EQ(compared_lists(lists(rule), lists("permit_sasl_authenticated, " + rule)).answer(),
            Answer::accepts_more);
  // Only an owner gets to the last rule.
  const std::string null = "check_sender_access inline:{ {<> = REJECT} }";
  const Comparison found =
      compared_lists(lists(rule + ", " + null),
                     lists(rule + ", " + null + ", check_sasl_access inline:{ {ann = REJECT} }"));
  EXPECT_EQ(found.answer(), Answer::refuses_more);
  ASSERT_FALSE(found.witnesses.empty());
  EXPECT_EQ(found.witnesses.front().spoken.login, "ann");
  ASSERT_EQ(found.witnesses.front().spoken.answers.size(), 1u);
  EXPECT_EQ(found.witnesses.front().spoken.answers.front().text, "ann");
}

// A rule that is one question may permit, if it is there to permit.
TEST(PlanCompareTest, RulesThatPermitMayLetIn) {
  const Comparison found =
      compared_lists("smtpd_recipient_restrictions = \"reject\"",
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
      compared_lists(lists("reject_unauth_destination"),
                     lists("reject_unauth_destination, reject_unverified_recipient"));
  EXPECT_EQ(found.answer(), Answer::refuses_more);
  ASSERT_FALSE(found.witnesses.empty());
  EXPECT_FALSE(found.witnesses.front().spoken.answers.empty());
  EXPECT_EQ(compared_lists(lists("reject_unauth_destination, reject_unverified_recipient"),
                           lists("reject_unauth_destination, reject_unverified_recipient, "
                                 "reject_unverified_recipient"))
                .answer(),
            Answer::same);
  EXPECT_EQ(compared_lists(lists("reject_unverified_sender, reject_unauth_destination"),
                           lists("reject_unauth_destination, reject_unverified_sender"))
                .answer(),
            Answer::same);
}

// What a table of several answers, and from which keys, is known or a question.
TEST(PlanCompareTest, TablesOfTablesAreNotTheSameAsNone) {
  const auto table = [](const std::string& keyword, const std::string& parts) {
    return "smtpd_recipient_restrictions = '" + keyword + " " + parts + "'\n";
  };
  const std::string rows = "inline:{ {bob@z.example = k}, {192.0.2.7 = k}, {mx.z.example = k} }";
  const struct {
    std::string parts;
    bool is_known;  ///< which dialogues differ
  } cases[] = {{"pipemap:{" + rows + ", pcre:{ {/k/ REJECT} } }", true},
               {"pipemap:{" + rows + ", static:REJECT }", true},
               {"pipemap:{" + rows + ", inline:{k=REJECT} }", true},
               {"pipemap:{ pcre:{ {/^(.*)@/ $$1} }, inline:{bob=REJECT} }", false},
               {"unionmap:{" + rows + ", pcre:{ {/k/ REJECT} } }", false}};
  for (const auto& one : cases) {
    for (const std::string keyword :
         {"check_sender_access", "check_client_access", "check_helo_access"}) {
      if (!one.is_known && keyword != "check_sender_access") continue;
      const Comparison found = compared_lists("", table(keyword, one.parts));
      EXPECT_EQ(found.answer(), one.is_known ? Answer::refuses_more : Answer::not_proved)
          << keyword << one.parts;
      EXPECT_EQ(compared_lists(table(keyword, one.parts), table(keyword, one.parts)).answer(),
                Answer::same)
          << keyword << one.parts;
    }
  }
  // Parameters, too.
  const std::string piped =
      "'pipemap:{inline:{ {r.example = k}, {u@local.example = k} }, static:x}'\n";
  EXPECT_NE(compared_lists("", "relay_domains = " + piped).answer(), Answer::same);
  const auto mailboxes = [](const std::string& maps) {
    Edition made =
        edition_of("x.toml", "mydestination = \"local.example\"\nlocal_recipient_maps = " + maps);
    return made;
  };
  EditOptions options;
  options.compare.time = std::chrono::minutes(1);
  EXPECT_EQ(judge_edit(mailboxes("'inline:{ {w@local.example = k} }'\n"), mailboxes(piped), options)
                .comparison.answer(),
            Answer::both);
  EXPECT_EQ(judge_edit(mailboxes(piped),
                       mailboxes("'pipemap:{ regexp:{ {/^(.)@/ $$1} }, inline:{u=x} }'\n"), options)
                .comparison.answer(),
            Answer::not_proved);
}

// A rule that is one question is another one if a file of it has changed, whatever has.
TEST(PlanCompareTest, FilesOfRulesThatAreQuestionsAreComparedWhole) {
  const std::string file = testing::TempDir() + "plan_servers.pcre";
  const auto version = [&](const std::string& name, const std::string& rows) {
    std::ofstream(file, std::ios::trunc) << rows;
    Edition made{.name = name, .file = name};
    made.text = "[server]\nhostname = \"mx.example.com\"\n[restrictions]\n" +
                std::string(common_lines) +
                "smtpd_recipient_restrictions = \"check_sender_mx_access pcre:" + file + "\"\n";
    app::ConfigResult loaded = app::parse_config(made.text, name);
    EXPECT_TRUE(loaded.ok()) << loaded.diagnostics.render();
    made.config = std::move(loaded.config);
    return made;
  };
  EditOptions options;
  options.compare.time = std::chrono::minutes(1);
  const struct {
    std::string before, after;
  } cases[] = {{"!/^a/ REJECT\n", "!/^b/ REJECT\n"},
               {"!/^a/ REJECT\n", "/^a/ REJECT\n"},
               {"/^a/ REJECT\n", "/^a/i REJECT\n"},
               {"if /^a/\n/b/ REJECT\nendif\n", "if /^c/\n/b/ REJECT\nendif\n"},
               {"/^(a)/ REJECT $1\n", "/^(b)/ REJECT $1\n"},
               {"/^a/ REJECT\n/b/ DUNNO\n/c/ REJECT\n", "/^a/ REJECT\n/c/ REJECT\n/b/ DUNNO\n"}};
  for (const auto& one : cases) {
    const Edition before = version("old.toml", one.before);
    EXPECT_EQ(judge_edit(before, version("new.toml", one.after), options).comparison.answer(),
              Answer::not_proved)
        << one.after;
    EXPECT_EQ(judge_edit(before, version("new.toml", "# rows\n" + one.before), options)
                  .comparison.answer(),
              Answer::same)
        << one.before;
  }
}

/// Versions with all their lists.
Answer of_lists(const std::string& before, const std::string& after) {
  EditOptions options;
  options.compare.time = std::chrono::minutes(1);
  return judge_edit(edition_of("old.toml", before), edition_of("new.toml", after), options)
      .comparison.answer();
}

// A pattern that tells the cases apart says one thing of a text as it was written, and perhaps
// another in lower case.
TEST(PlanCompareTest, CapitalsAreSeenWhereTheyAreWritten) {
  const std::string base = "mydestination = \"local.example\"\nsmtpd_sasl_auth_enable = \"yes\"\n";
  const auto mailboxes = [&](const std::string& flags) {
    return base + "local_recipient_maps = 'regexp:{ {/^bob@local\\.example$$/" + flags +
           " x} }'\nsmtpd_recipient_restrictions = \"check_recipient_access "
           "inline:{bob@local.example=OK}, reject\"\n";
  };
  EXPECT_NE(of_lists(mailboxes("i"), mailboxes("")), Answer::same);
  EXPECT_EQ(of_lists(mailboxes("i"), mailboxes("i")), Answer::same);
  const auto senders = [&](const std::string& rules) {
    return base +
           "local_recipient_maps = \"\"\nsmtpd_sender_login_maps = 'regexp:{ {/[A-Z]/i ann} }'\n"
           "smtpd_sender_restrictions = '" +
           rules + "'\n";
  };
  EXPECT_NE(of_lists(senders("reject_unauthenticated_sender_login_mismatch"),
                     senders("permit_sasl_authenticated, check_sender_access regexp:{ {/[A-Z]/i "
                             "REJECT} }")),
            Answer::same);
  // One that does not is one question, whatever table it is in.
  EXPECT_EQ(of_lists(senders("reject_unauthenticated_sender_login_mismatch"),
                     senders("reject_unauthenticated_sender_login_mismatch, "
                             "reject_unauthenticated_sender_login_mismatch")),
            Answer::same);
  const auto logins = [](const std::string& table) {
    return "smtpd_sender_restrictions = 'check_sasl_access " + table + "'\n";
  };
  EXPECT_NE(
      compared_lists(logins("inline:{ {bob = REJECT} }"), logins("regexp:{ {/^bob$$/i REJECT} }"))
          .answer(),
      Answer::same);
}

// Tables are asked about a local part that needs quotes with them, and then without.
TEST(PlanCompareTest, LocalPartsInQuotesAreAskedTwice) {
  const auto senders = [](const std::string& rules) {
    return "smtpd_sender_restrictions = '" + rules + "'\n";
  };
  const Comparison found = compared_lists(
      senders("check_sender_access regexp:{ {/^a/ OK} {/^\"/ REJECT} }"),
      senders("check_sender_access regexp:{ {/^a/ OK} }, check_sender_access regexp:{ {/^\"/ "
              "REJECT} }"));
  EXPECT_EQ(found.answer(), Answer::accepts_more);
  ASSERT_FALSE(found.witnesses.empty());
  EXPECT_TRUE(found.witnesses.front().spoken.sender.starts_with('"'));
  // Patterns that cannot see the quotes, and no quotes are there to see.
  EXPECT_EQ(compared_lists(
                senders("check_sender_access regexp:{ {/@.*\\.top$$/ OK} {/noreply/ REJECT} }"),
                senders("check_sender_access regexp:{ {/@.*\\.top$$/ OK} }, "
                        "check_sender_access regexp:{ {/noreply/ REJECT} }"))
                .answer(),
            Answer::same);
}

// A group may be an enhanced code.
TEST(PlanCompareTest, RepliesWithGroupsMayBeOthers) {
  const auto senders = [](const std::string& action) {
    return "smtpd_sender_restrictions = 'check_sender_access regexp:{ {/^([0-9.]+)@/ " + action +
           "} }'\n";
  };
  EXPECT_NE(compared_lists(senders("REJECT $$1 x"), senders("REJECT x")).replies, Known::no);
  EXPECT_EQ(compared_lists(senders("REJECT $$1 x"), senders("REJECT $$1 x")).replies, Known::no);
  EXPECT_EQ(compared_lists(senders("REJECT no $$1"), senders("REJECT x")).replies, Known::no);
}

// That each pattern is searched to its end is said where that is not certain.
TEST(PlanCompareTest, PatternsThatMayGiveUpAreNamed) {
  const auto senders = [](const std::string& pattern) {
    return "smtpd_sender_restrictions = 'check_sender_access pcre:{ {/" + pattern + "/ DUNNO} }'\n";
  };
  for (const std::string pattern : {"^(a+)+@", "^(a|ab)*@", "^.*a.*b.*c@", "(x{2,}y?)+@"}) {
    EXPECT_EQ(compared_lists("", senders(pattern)).give_up.size(), 1u) << pattern;
  }
  for (const std::string pattern : {"^.*\\.dsl\\..*@", "^[+*]{2}(ab|c)[()+*]d+@", "^a\\+\\+\\+@"}) {
    EXPECT_TRUE(compared_lists("", senders(pattern)).give_up.empty()) << pattern;
  }
}

// A policy server is asked at each EHLO, of which there may be two, and is told of parameters.
TEST(PlanCompareTest, PolicyServersAreAskedTwiceAndToldOfParameters) {
  const auto lists = [](const std::string& more, const std::string& rules) {
    return more + "smtpd_helo_restrictions = \"" + rules + "\"\n";
  };
  const std::string server = "check_policy_service inet:127.0.0.1:9, ";
  const std::string at_once = "smtpd_delay_reject = \"no\"\n";
  EXPECT_NE(compared_lists(lists(at_once, server + "reject"),
                           lists(at_once, server + "reject_plaintext_session"))
                .answer(),
            Answer::same);
  EXPECT_EQ(
      compared_lists(lists(at_once, server + "reject"), lists(at_once, server + "reject")).answer(),
      Answer::same);
  EXPECT_EQ(compared_lists(lists("", server + "reject"),
                           lists("smtpd_peername_lookup = \"no\"\n", server + "reject"))
                .answer(),
            Answer::not_proved);
  EXPECT_EQ(compared_lists(lists("compatibility_level = \"2\"\n", server + "reject"),
                           lists("compatibility_level = \"3\"\n", server + "reject"))
                .answer(),
            Answer::not_proved);
  EXPECT_EQ(compared_lists("", "smtpd_peername_lookup = \"no\"\n").answer(), Answer::same);
  // It may answer with a rule that a parameter has changed.
  const std::string asked =
      "smtpd_client_restrictions = \"check_policy_service inet:127.0.0.1:9\"\n";
  EXPECT_NE(compared_lists(asked, asked + "maps_rbl_domains = \"bl.example\"\n").answer(),
            Answer::same);
}

// Behind the lists the gateway refuses mail to an address in brackets, whatever lists say.
TEST(PlanCompareTest, MailToLiteralsGoesNowhere) {
  const std::string rules = "reject_unauth_destination";
  const std::string row = "check_recipient_access inline:{ {[192.0.2.9] = OK} }, ";
  const auto lists = [](const std::string& relay) {
    return "smtpd_relay_restrictions = \"" + relay + "\"\n";
  };
  const Comparison found = compared_lists(lists(rules), lists(row + rules));
  // With a route through this host it is passed on.
  for (const Witness& one : found.witnesses) {
    EXPECT_NE(one.spoken.recipient.find('%'), std::string::npos) << one.spoken.recipient;
  }
  EXPECT_EQ(found.answer(), Answer::accepts_more) << comparison_words(found);
}

// Addresses that the session refuses by itself are none that lists tell apart.
TEST(PlanCompareTest, WhatTheSessionRefusesIsNoDialogue) {
  const auto lists = [](const std::string& rows) {
    return "smtpd_relay_restrictions = \"permit\"\nsmtpd_sender_restrictions = "
           "\"check_sender_access inline:{" +
           rows + "}\"\ni_know_this_is_an_open_relay = true\n";
  };
  const std::string friends = "{friend.example = OK}";
  const std::string row = " {192.0.2.250 = REJECT}";
  const std::string itself = "parent_domain_matches_subdomains = \"\"\n";
  EXPECT_EQ(compared_lists(itself + lists(friends), itself + lists(friends + row)).answer(),
            Answer::same);
  // Names below it are taken.
  EXPECT_EQ(compared_lists(lists(friends), lists(friends + row)).answer(), Answer::refuses_more);
}

/// Without surroundings.
Comparison compared_alone(const std::string& before, const std::string& after,
                          const std::string& both = "", std::optional<Group> only = std::nullopt) {
  EditOptions options;
  options.compare.time = std::chrono::minutes(1);
  options.compare.only = only;
  return judge_edit(edition_of("old.toml", both + before), edition_of("new.toml", both + after),
                    options)
      .comparison;
}

constexpr auto our_domain =
    "mydestination = 'ours.test'\nsmtpd_relay_restrictions = 'reject_unauth_destination'\n";

// What lets mail through in the version that takes it is not said of it again.
TEST(PlanCompareTest, OfWhatIsTakenTheRestIsSaid) {
  const std::string both =
      "mydestination = 'ours.example'\nlocal_recipient_maps = 'inline:{ {ann = x} }'\n"
      "smtpd_client_restrictions = 'reject_rbl_client bl.example, reject_invalid_helo_hostname'\n"
      "smtpd_relay_restrictions = 'permit_mynetworks, permit_sasl_authenticated, "
      "reject_unauth_destination'\nsmtpd_recipient_restrictions = "
      "'check_policy_service inet:127.0.0.1:9'\n";
  const auto senders = [&](const std::string& rows) {
    return both +
           "smtpd_sender_restrictions = 'check_sender_access inline:{ {spam.test = REJECT} " +
           rows + "}, reject_unknown_sender_domain'\n";
  };
  const auto conditions = [](const std::vector<Difference>& some) {
    std::string text;
    for (const Difference& one : some) {
      for (const Difference::Part& part : one.conditions) {
        text += fmt::format("{}{}: {}; ", part.negated ? "not " : "", part.name,
                            fmt::join(part.values, ", "));
      }
    }
    return text;
  };
  const Comparison fewer = compared_alone(senders(""), senders("{evil.test = REJECT} "));
  for (const Group group : {Group::ours, Group::foreign}) {
    const Differences& refused = fewer.groups[static_cast<std::size_t>(group)].refused;
    EXPECT_EQ(conditions(refused.of_taken), "sender: evil.test, below evil.test; ");
    EXPECT_TRUE(refused.all_of_taken);
    EXPECT_GT(refused.some.front().conditions.size(), 3u);
  }
  const Comparison more =
      compared_alone(senders("") + "mynetworks = '10.1.0.0/16'\n",
                     senders("") + "mynetworks = '10.1.0.0/16, 192.0.2.0/24'\n");
  const Differences& accepted = more.groups[static_cast<std::size_t>(Group::foreign)].accepted;
  ASSERT_FALSE(accepted.of_taken.empty());
  EXPECT_EQ(conditions({accepted.of_taken.front()}),
            "not session: signed in; client: 192.0.2.0/24; ");
  EXPECT_FALSE(accepted.all_of_taken) << "a server may answer permit_mynetworks, reject";
}

// Whose a domain is may be another program's answer, and each version may ask about another domain.
TEST(PlanCompareTest, DomainsOfTablesOfOtherPrograms) {
  const std::string lists =
      "mydestination = 'ours.test, tcp:127.0.0.1:9'\nlocal_recipient_maps = ''\n"
      "mydomain = 'postern.test'\nsmtpd_relay_restrictions = 'reject_unauth_destination'\n";
  const Comparison found =
      compared_alone("append_dot_mydomain = 'no'\n", "append_dot_mydomain = 'yes'\n", lists);
  const GroupAnswer& ours = found.groups[static_cast<std::size_t>(Group::ours)];
  EXPECT_EQ(ours.refuses_more, Known::yes) << comparison_words(found);
  EXPECT_EQ(ours.accepts_more, Known::yes) << comparison_words(found);
  EXPECT_TRUE(found.not_proved.empty()) << comparison_words(found);
}

// What holds or discards is named, and not what lets the mail through.
TEST(PlanCompareTest, OtherHandlingIsExplainedByTheRowThatSaysIt) {
  for (const std::string action : {"HOLD", "DISCARD"}) {
    const auto lists = [&](const std::string& row) {
      return std::string(our_domain) +
             "local_recipient_maps = ''\nsmtpd_recipient_restrictions = 'check_recipient_access "
             "inline:{ {anna@ours.test = " +
             row + "} }'\n";
    };
    const Comparison other = judge_edit(edition_of("old.toml", lists(action)),
                                        edition_of("new.toml", lists("DUNNO")), {})
                                 .comparison;
    ASSERT_FALSE(other.witnesses.empty()) << comparison_words(other);
    EXPECT_EQ(other.witnesses.front().before.rule, "check_recipient_access") << action;
    EXPECT_EQ(other.witnesses.front().before.at, "smtpd_recipient_restrictions:1") << action;
    EXPECT_EQ(other.witnesses.front().after.rule, "permit") << action;
  }
}

// A sender with a route through our domain is the address that it leads to.
TEST(PlanCompareTest, SendersMayHaveRoutes) {
  const std::string both =
      std::string(our_domain) +
      "smtpd_sender_restrictions = 'check_sender_access inline:{ {partner.test = REJECT} }'\n";
  for (const std::string name : {"allow_percent_hack", "swap_bangpath"}) {
    const Comparison found = compared_alone(name + " = 'yes'\n", name + " = 'no'\n", both);
    EXPECT_EQ(found.answer(), Answer::accepts_more) << name << comparison_words(found);
    EXPECT_EQ(compared_alone(name + " = 'no'\n", name + " = 'no'\n", both).answer(), Answer::same);
  }
}

// Forms of addresses and names that an edit may be about alone.
TEST(PlanCompareTest, RareFormsAreClasses) {
  const std::string ours = "mydestination = 'ours.test'\n";
  const std::string barrier = "smtpd_relay_restrictions = 'reject_unauth_destination'\n";
  const std::string bob_fails = "pcre:{ {/^bob@/ REJECT} }";
  const std::string networks =
      "mynetworks = '10.0.0.0/8'\nsmtpd_relay_restrictions = 'permit_mynetworks, "
      "reject_unauth_destination'\n";
  const auto inlined = [](const std::string& rows) { return "inline:{ " + rows + " }"; };
  const auto list = [](const std::string& which, const std::string& rules) {
    return "smtpd_" + which + "_restrictions = '" + rules + "'\n";
  };
  const struct {
    std::string what, both, before, after;
    Answer answer;
  } cases[] = {
      {"an extension and no domain",
       ours + barrier + "recipient_delimiter = '+'\nmyorigin = 'ours.test'\n",
       list("sender", "check_sender_access " + bob_fails + ", check_sender_access " +
                          inlined("{bob@ours.test=OK}") + ", reject_non_fqdn_sender"),
       list("sender", "check_sender_access " + bob_fails + ", reject_non_fqdn_sender"),
       Answer::refuses_more},
      {"an extension and a route at a domain that we relay for",
       "relay_domains = 'relay.test'\nrecipient_delimiter = '+'\n" + networks,
       list("recipient", "check_recipient_access " + inlined("{ann@relay.test=OK}") +
                             ", check_recipient_access " + inlined("{ann@relay.test=REJECT}")),
       list("recipient", "check_recipient_access " + inlined("{ann@relay.test=OK}")),
       Answer::accepts_more},
      {"a HELO below a key, in another form",
       ours + barrier + "smtpd_restriction_classes = 'cls'\n",
       list("helo", "check_helo_access inline:{ {partner.test=cls} }") +
           "cls = 'check_helo_access pcre:{ {/^-[a-z]+\\.partner\\.test$$/ OK} }, "
           "reject_invalid_helo_hostname'\n",
       list("helo", "check_helo_access inline:{ {partner.test=cls} }") +
           "cls = 'reject_invalid_helo_hostname'\n",
       Answer::refuses_more},
      {"no local part", ours, list("relay", "reject_unauth_destination"),
       list("relay", "check_sender_access inline:{ {@z.test=OK} }, reject_unauth_destination"),
       Answer::accepts_more},
      {"no local part, at any domain", ours, list("relay", "reject_unauth_destination"),
       list("relay", "check_recipient_access inline:{ {@=OK} }, reject_unauth_destination"),
       Answer::accepts_more},
      {"no local part, at a literal", ours + barrier, list("sender", "permit"),
       list("sender", "check_sender_access inline:{ {@[192.0.2.1]=REJECT} }"),
       Answer::refuses_more},
      {"no local part, found by a pattern", ours + barrier,
       list("sender",
            "check_sender_access inline:{ {@z.test=OK} }, check_sender_access pcre:{ {/^@/ REJECT} "
            "}"),
       list("sender", "check_sender_access pcre:{ {/^@/ REJECT} }"), Answer::refuses_more},
      {"a name below an address", ours, list("relay", "reject_unauth_destination"),
       list("relay", "check_sender_access inline:{ {192.0.2.1=OK} }, reject_unauth_destination"),
       Answer::accepts_more},
      {"a HELO below an address", ours + barrier, list("helo", "permit"),
       list("helo", "check_helo_access inline:{ {192.0.2.1=REJECT} }"), Answer::refuses_more},
      {"a route to no host", ours + barrier + "smtpd_sasl_auth_enable = 'yes'\n",
       list("sender", "reject_sender_login_mismatch"),
       list("sender", "reject_sender_login_mismatch") +
           "smtpd_sender_login_maps = 'inline:{ {@=bob} }'\n",
       Answer::same},
      {"the sign of a route that is none", ours + networks,
       list("recipient",
            "permit_auth_destination, check_recipient_access inline:{ {ours.test=REJECT} }"),
       list("recipient", "permit_auth_destination"), Answer::accepts_more},
      {"another literal of this host",
       "mydestination = 'ours.test'\ninet_interfaces = '127.0.0.1, ::1'\n" + barrier,
       list("recipient", "check_recipient_access " + inlined("{[127.0.0.1]=REJECT}")) +
           "local_recipient_maps = 'inline:{ {bob=x} }'\n",
       list("recipient", "check_recipient_access " + inlined("{[127.0.0.1]=REJECT}")) +
           "local_recipient_maps = 'static:all'\n",
       Answer::accepts_more},
  };
  for (const auto& one : cases) {
    const Comparison found = compared_alone(one.before, one.after, one.both);
    EXPECT_EQ(found.answer(), one.answer) << one.what << comparison_words(found);
  }
}

// Reserved addresses are addresses: networks use them, and a proxy may say them.
TEST(PlanCompareTest, ClientsMayHaveAnyAddress) {
  const auto version = [](const std::string& networks) {
    return "mynetworks = '10.1.0.0/16" + networks +
           "'\nsmtpd_relay_restrictions = 'permit_mynetworks, reject_unauth_destination'\n";
  };
  for (const std::string network : {"0.0.0.0/8", "240.0.0.0/4", "224.0.0.0/8", "255.255.255.255",
                                    "[ff00::]/8", "[::]/128", "[fe80::]/10"}) {
    const Comparison found =
        compared_alone(version(""), version(", " + network), "mydestination = 'ours.test'\n");
    EXPECT_EQ(found.answer(), Answer::accepts_more) << network << comparison_words(found);
  }
}

// Where a route leads is not all that lists look at.
TEST(PlanCompareTest, RoutesThroughThisHostAreClasses) {
  const auto list = [](const std::string& which, const std::string& rules) {
    return "smtpd_" + which + "_restrictions = '" + rules + "'\n";
  };
  const auto row = [](const std::string& which, const std::string& rows) {
    return "check_" + which + "_access inline:{ " + rows + " }";
  };
  const auto relays_for = [&](const std::string& domains) {
    return "mydestination = '" + domains +
           "'\nlocal_recipient_maps = ''\nmynetworks = '10.0.0.0/8'\n" +
           list("relay", "permit_mynetworks, reject_unauth_destination");
  };
  const std::string relays = relays_for("ours.test");
  const std::string completes = "append_dot_mydomain = 'yes'\nmydomain = 'ours.test'\n";
  const std::string both_ours =
      "mydestination = 'ours.test, mail.ours.test'\nlocal_recipient_maps = 'inline:{ {bob=x} }'\n" +
      completes;
  const std::string barrier = list("relay", "reject_unauth_destination");
  const std::string origin = "myorigin = 'ours.test'\n";
  const std::string zed = row("sender", "{zed@mail=REJECT}");
  const struct {
    std::string what, both, before, after;
    Answer answer;
  } cases[] = {
      {"to a domain of one label, which is not completed", both_ours + barrier,
       list("sender", "reject_unlisted_sender, " + zed), list("sender", "reject_unlisted_sender"),
       Answer::accepts_more},
      {"to a domain of one label that has an owner",
       both_ours + barrier + "smtpd_sender_login_maps = 'inline:{ {zed@mail=zed} }'\n",
       list("sender", "reject_unlisted_sender, reject_known_sender_login_mismatch"),
       list("sender", "reject_unlisted_sender"), Answer::accepts_more},
      {"to a domain of one label, as a recipient", both_ours,
       list("relay", row("recipient", "{bob@mail=OK}") + ", reject_unauth_destination"), barrier,
       Answer::refuses_more},
      {"to an address literal", relays,
       list("recipient", row("recipient", "{[203.0.113.9]=REJECT}")), "", Answer::accepts_more},
      {"of a sender without a domain", relays + origin,
       list("sender", row("sender", "{bob@partner.test=OK}") + ", reject_non_fqdn_sender"),
       list("sender", "reject_non_fqdn_sender"), Answer::refuses_more},
      {"of a recipient without a domain", relays + origin,
       list("recipient", row("recipient", "{bob@partner.test=OK}") + ", reject_non_fqdn_recipient"),
       list("recipient", "reject_non_fqdn_recipient"), Answer::refuses_more},
      {"without a domain, by a sign that one version knows",
       relays + origin +
           list("sender", row("sender", "{partner.test=OK}") + ", reject_non_fqdn_sender"),
       "allow_percent_hack = 'yes'\n", "allow_percent_hack = 'no'\n", Answer::both},
      {"to the sender of probes", relays,
       list("recipient", row("recipient", "{double-bounce@mx.example.com=REJECT}")), "",
       Answer::accepts_more},
      {"to the sender of probes, beside a word that is no domain", relays_for("ours.test # one"),
       list("recipient", "reject_non_fqdn_recipient, " +
                             row("recipient", "{double-bounce@mx.example.com=REJECT}")),
       list("recipient", "reject_non_fqdn_recipient"), Answer::accepts_more},
  };
  for (const auto& one : cases) {
    const Comparison found = compared_alone(one.before, one.after, one.both);
    EXPECT_EQ(found.answer(), one.answer) << one.what << comparison_words(found);
    EXPECT_FALSE(found.witnesses.empty()) << one.what;
  }
  // To a literal of this host that only the lists know.
  const std::string literals = "mydestination = ''\ninet_interfaces = '127.0.0.1, 192.0.2.25'\n" +
                               barrier +
                               list("recipient", row("recipient", "{[127.0.0.1]=REJECT}"));
  EXPECT_EQ(compared_alone("local_recipient_maps = 'inline:{ {bob=x} }'\n",
                           "local_recipient_maps = 'static:all'\n", literals)
                .winding.accepts_more,
            Known::yes);
  const auto senders = [&](const std::string& rules) {
    return list("sender", rules + ", reject_non_fqdn_sender");
  };
  // A text that a pattern finds is put where the route leads.
  const Comparison shown =
      compared_alone(senders("check_sender_access pcre:{ {/^[a-z]+7@partner\\.test$$/ OK} }"),
                     list("sender", "reject_non_fqdn_sender"), relays + origin);
  EXPECT_EQ(shown.groups[static_cast<std::size_t>(Group::foreign)].refuses_more, Known::yes)
      << comparison_words(shown);
  // What such addresses do not tell apart is the same: a table in two, patterns in two tables, a
  // check that another one makes needless.
  const std::pair<std::string, std::string> alike[] = {
      {row("sender", "{bob@partner.test=OK} {[203.0.113.9]=REJECT} {zed@mail=REJECT}"),
       row("sender", "{bob@partner.test=OK}") + ", " +
           row("sender", "{[203.0.113.9]=REJECT} {zed@mail=REJECT}")},
      {"check_sender_access pcre:{ {/@a\\.test$$/ OK} {/\\.test$$/ REJECT} }",
       "check_sender_access pcre:{ {/@a\\.test$$/ OK} }, "
       "check_sender_access pcre:{ {/\\.test$$/ REJECT} }"},
      {"reject_non_fqdn_sender", "reject_non_fqdn_sender, reject_non_fqdn_sender"},
  };
  for (const auto& [before, after] : alike) {
    const Comparison found =
        compared_alone(senders(before), senders(after), relays + origin + completes);
    EXPECT_EQ(found.answer(), Answer::same) << after << comparison_words(found);
  }
}

// A table about the client finds a network in the end of a name, too. No name in DNS ends so, which
// is said where it counts.
TEST(PlanCompareTest, NamesThatEndLikeNetworksAreAssumedNotToBe) {
  const auto clients = [](const std::string& rules) {
    return "smtpd_client_restrictions = '" + rules + "'\n";
  };
  const std::string ours = std::string(our_domain) + "mynetworks = '10.9.0.0/16'\n";
  const std::string octets = "check_client_access inline:{ {10.9 = REJECT} }";
  const struct {
    std::string before, after;
    bool is_assumed;
  } cases[] = {
      {"check_client_access inline:{ {10.9 = OK} }, reject", "permit_mynetworks, reject", true},
      {octets, "check_client_access cidr:{ {10.9.0.0/16 REJECT} }", true},
      {octets, "check_client_access inline:{ {10.9 = REJECT please go} }", false},
      {octets, octets + ", " + octets, false},
      {octets + ", permit_mynetworks", octets + ", permit_mynetworks, permit_mynetworks", false},
  };
  for (const auto& one : cases) {
    const Comparison found = compared_alone(clients(one.before), clients(one.after), ours);
    EXPECT_EQ(found.answer(), Answer::same) << one.after << comparison_words(found);
    EXPECT_EQ(found.names_like_networks, one.is_assumed) << one.after;
  }
  // Names that are not verified may be anything.
  const std::string reverse = "check_reverse_client_hostname_access inline:{ {10.9 = REJECT} }";
  EXPECT_EQ(compared_alone(clients(reverse), "", ours).answer(), Answer::accepts_more);
}

// Rows do not permit addresses with a route, whatever domain they are of.
TEST(PlanCompareTest, RecipientsMayHaveRoutesThroughOtherDomains) {
  const std::string yes = "allow_untrusted_routing = 'yes'\n";
  EXPECT_EQ(compared_alone("", yes,
                           "mydestination = 'ours.test'\nsmtpd_relay_restrictions = "
                           "'check_recipient_access inline:{ {partner.test=OK} }, reject'\n")
                .answer(),
            Answer::accepts_more);
  EXPECT_NE(compared_alone("", yes,
                           "mydestination = ''\nrelay_domains = 'pcre:{ {/\\.partner\\.test$$/ x} "
                           "}'\nsmtpd_relay_restrictions = 'reject_unauth_destination'\n"
                           "smtpd_recipient_restrictions = 'check_recipient_access inline:{ "
                           "{mx.example.com = REJECT} {[127.0.0.1] = REJECT} }'\n")
                .answer(),
            Answer::same);
}

// Which group a recipient is of may be what a pattern says.
TEST(PlanCompareTest, PatternsMaySayWhichGroupADomainIsOf) {
  const std::string rule =
      "smtpd_recipient_restrictions = 'check_sender_access inline:{ {bad.test=REJECT} }'\n";
  for (const auto& [name, group] :
       {std::pair("mydestination", Group::ours), std::pair("relay_domains", Group::relay),
        std::pair("virtual_mailbox_domains", Group::ours)}) {
    const std::string both = std::string(name) +
                             " = 'pcre:{ {/^d\\.test$$/ x} }'\nlocal_recipient_maps = ''\n"
                             "smtpd_relay_restrictions = 'reject_unauth_destination'\n";
    for (const std::optional<Group> only : {std::optional<Group>(), std::optional(group)}) {
      const Comparison found = compared_alone("", rule, both, only);
      const GroupAnswer& answer = found.groups[static_cast<std::size_t>(group)];
      EXPECT_EQ(answer.refuses_more, Known::yes) << name << comparison_words(found);
      EXPECT_EQ(answer.accepts_more, Known::no) << name;
      EXPECT_EQ(found.groups[static_cast<std::size_t>(Group::foreign)].refuses_more, Known::no);
    }
  }
}

// Some addresses exist in each domain of ours, in whatever form they are written.
TEST(PlanCompareTest, AddressesThatAlwaysExistAreClasses) {
  const std::string rows =
      "check_recipient_access inline:{ {postmaster@=REJECT}, {double-bounce@=REJECT}, "
      "{zz@=REJECT} }'\n";
  EXPECT_EQ(compared_alone("smtpd_recipient_restrictions = 'check_recipient_access pcre:{ "
                           "{/^mailer-daemon@/ REJECT} }, " +
                               rows,
                           "smtpd_recipient_restrictions = '" + rows,
                           std::string(our_domain) + "local_recipient_maps = 'inline:{ {zz=x} }'\n")
                .answer(),
            Answer::accepts_more);
}

// An address without a domain is one of myorigin.
TEST(PlanCompareTest, AddressesMayLackTheirDomain) {
  EXPECT_EQ(compared_alone("smtpd_recipient_restrictions = 'reject_non_fqdn_recipient'\n",
                           "smtpd_recipient_restrictions = 'permit'\n",
                           "mydestination = 'ours.test'\nsmtpd_relay_restrictions = "
                           "'check_recipient_access inline:{ {bob@mx.example.com=OK} }, reject'\n")
                .answer(),
            Answer::accepts_more);
  const std::string rest =
      "check_sender_access inline:{ {bob@mx.example.com=OK}, {<>=OK} }, reject'\n";
  EXPECT_EQ(compared_alone("smtpd_sender_restrictions = 'reject_non_fqdn_sender, " + rest,
                           "smtpd_sender_restrictions = '" + rest, our_domain)
                .answer(),
            Answer::accepts_more);
}

// An address literal of this server is a domain of it.
TEST(PlanCompareTest, OwnLiteralsAreLocal) {
  const std::string both =
      "mydestination = ''\nrelay_domains = 'r.test'\n"
      "smtpd_relay_restrictions = 'reject_unauth_destination'\n";
  const std::string some = "local_recipient_maps = 'inline:{ {nn=x} }'\n";
  const std::string all = "local_recipient_maps = 'static:all'\n";
  EXPECT_EQ(compared_alone(some, all, both).answer(), Answer::accepts_more)
      << comparison_words(compared_alone(some, all, both));
  // Of the sender, too.
  const std::string foreign =
      "smtpd_reject_unlisted_sender = 'yes'\nsmtpd_reject_unlisted_recipient = 'no'\n";
  EXPECT_EQ(compared_alone(some, all, both + foreign).answer(), Answer::accepts_more);
}

// A domain of one label may be completed.
TEST(PlanCompareTest, DomainsOfOneLabelMayBeCompleted) {
  const std::string both =
      "mydestination = 'mail.ours.test'\nmydomain = 'ours.test'\n"
      "smtpd_relay_restrictions = 'reject_unauth_destination'\n";
  EXPECT_EQ(compared_alone("append_dot_mydomain = 'no'\n", "append_dot_mydomain = 'yes'\n", both)
                .answer(),
            Answer::accepts_more);
}

// Requests to a mailing list have no extension, if the versions say so.
TEST(PlanCompareTest, RequestsToListsAreTheirOwnAddresses) {
  const std::string both = std::string(our_domain) +
                           "recipient_delimiter = '-'\nsmtpd_recipient_restrictions = "
                           "'check_recipient_access inline:{ {bob@ours.test = OK} }, reject'\n";
  EXPECT_EQ(
      compared_alone("owner_request_special = 'yes'\n", "owner_request_special = 'no'\n", both)
          .answer(),
      Answer::accepts_more);
}

// With all interfaces, a client that has connected to its own address is this host.
TEST(PlanCompareTest, ClientsMayReachThemselves) {
  const std::string both =
      "mydestination = 'ours.test'\nmynetworks = '192.0.2.0/24'\nsmtpd_client_restrictions = "
      "'check_client_access cidr:{ {127.0.0.1/32 REJECT}, {::1/128 REJECT} }'\n";
  const auto lists = [](const std::string& rules) {
    return "smtpd_relay_restrictions = '" + rules + "reject_unauth_destination'\n";
  };
  const Comparison found = compared_alone(lists("permit_inet_interfaces, "), lists(""), both);
  EXPECT_EQ(found.groups[static_cast<std::size_t>(Group::foreign)].refuses_more, Known::unknown);
  EXPECT_EQ(found.groups[static_cast<std::size_t>(Group::ours)].answer(), Answer::same)
      << comparison_words(found);
  EXPECT_EQ(compared_alone(lists("permit_inet_interfaces, "),
                           lists("permit_inet_interfaces, permit_inet_interfaces, "), both)
                .answer(),
            Answer::same);
}

// A name in HELO below a key may be no name of a host.
TEST(PlanCompareTest, NamesBelowAKeyHaveForms) {
  const std::string rest = "check_helo_access inline:{ {partner.test=OK} }, reject'\n";
  const std::string both = std::string(our_domain) + "smtpd_helo_required = 'yes'\n";
  EXPECT_EQ(compared_alone("smtpd_helo_restrictions = 'reject_invalid_helo_hostname, "
                           "reject_non_fqdn_helo_hostname, " +
                               rest,
                           "smtpd_helo_restrictions = '" + rest, both)
                .answer(),
            Answer::accepts_more);
  EXPECT_NE(compared_alone("smtpd_helo_restrictions = 'reject_invalid_helo_hostname, "
                           "permit_naked_ip_address'\n",
                           "smtpd_helo_restrictions = 'reject_invalid_helo_hostname'\n", our_domain)
                .answer(),
            Answer::same);
}

// What the session itself refuses is in no diagram.
TEST(PlanCompareTest, StrictEnvelopesAreNotCalledTheSame) {
  const std::string lists = "smtpd_relay_restrictions = 'permit_mynetworks, reject'\n";
  const Comparison found = compared_alone("", "strict_rfc821_envelopes = 'yes'\n", lists);
  EXPECT_EQ(found.answer(), Answer::not_proved) << comparison_words(found);
  ASSERT_FALSE(found.not_proved.empty());
  EXPECT_EQ(found.not_proved.back().reason, "other_layers");
  const std::string strict = lists + "strict_rfc821_envelopes = 'yes'\n";
  EXPECT_EQ(compared_alone("", "smtpd_client_restrictions = 'permit'\n", strict).answer(),
            Answer::same);
}

// What another program answers may hang on a setting, also where a permit alone would do nothing.
TEST(PlanCompareTest, AnswersOfProgramsHangOnSettings) {
  const std::string asks =
      "relay_domains = \"relay.example\"\nsmtpd_reject_unlisted_recipient = \"no\"\n"
      "smtpd_relay_restrictions = \"reject_unauth_destination\"\n"
      "smtpd_recipient_restrictions = \"check_policy_service inet:127.0.0.1:10023\"\n";
  const std::string listed = asks + "relay_recipient_maps = \"inline:{ {b@relay.example = x} }\"\n";
  const std::string owned =
      asks + "smtpd_sender_login_maps = \"inline:{ {a@partner.example = alice} }\"\n";
  const std::tuple<std::string, std::string, std::string> pairs[] = {
      {asks, "mynetworks = \"10.9.0.0/16\"\n", "mynetworks = \"10.8.0.0/16\"\n"},
      {listed, "recipient_delimiter = \"+\"\n", "recipient_delimiter = \"-\"\n"},
      {owned, "smtpd_sasl_auth_enable = \"yes\"\n", "smtpd_sasl_auth_enable = \"no\"\n"},
      {asks, "relay_clientcerts = \"inline:{ {AA:BB = a} }\"\n",
       "relay_clientcerts = \"inline:{ {BB:AA = a} }\"\n"},
      {asks, "smtpd_peername_lookup = \"yes\"\n", "smtpd_peername_lookup = \"no\"\n"}};
  for (const auto& [both, before, after] : pairs) {
    const Comparison found = compared_alone(before, after, both);
    EXPECT_NE(found.answer(), Answer::same) << after;
  }
}

// Values of a table are not compiled if they are too many; rules in them are rules.
TEST(PlanCompareTest, RulesInRowsOfLargeTables) {
  const auto table = [](const std::string& action) {
    std::string rows = "{198.51.100.0/24 " + action + "}";
    for (int i = 0; i <= 10'000; ++i) {
      rows += fmt::format(", {{10.{}.{}.0/24 REJECT ticket {}}}", i / 250, i % 250, i);
    }
    return "relay_domains = \"relay.example\"\nsmtpd_relay_restrictions = "
           "\"reject_unauth_destination\"\nsmtpd_client_restrictions = \"check_client_access "
           "cidr:{ " +
           rows + " }\"\n";
  };
  EXPECT_EQ(compared_alone(table("reject_unauth_pipelining"), table("DUNNO")).answer(),
            Answer::not_proved);
}

}  // namespace
}  // namespace postern::plan
