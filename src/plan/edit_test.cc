#include "plan/edit.h"

#include <gmock/gmock.h>

#include "base/temporary_folder_test.h"
#include "plan/edition_test.h"

namespace postern::plan {
namespace {

const std::string server_text =
    "[server]\nhostname = \"mx.example.com\"\n[restrictions]\nmydestination = \"example.com, "
    "example.org\"\nlocal_recipient_maps = \"\"\n";

std::string answer(const Edition& before, const Edition& after) {
  EditOptions options;
  options.compare.time = std::chrono::minutes(10);  // of a sanitized program
  return std::string(to_string(judge_edit(before, after, options).comparison.answer()));
}

std::string answer(const std::string& before, const std::string& after) {
  return answer(edition_of_text("old.toml", before), edition_of_text("new.toml", after));
}

// Commands may begin to come ahead of replies at any command.
TEST(EditTest, ItMattersSinceWhenCommandsComeAhead) {
  const auto with = [](const std::string& list, const std::string& more = "") {
    std::string text =
        server_text + "smtpd_relay_restrictions = \"reject_unauth_destination\"\n" + more;
    for (const std::string kind :
         {"client", "helo", "sender", "recipient", "data", "end_of_data"}) {
      text += "smtpd_" + kind + "_restrictions = \"" +
              (kind == list ? "reject_unauth_pipelining" : "") + "\"\n";
    }
    return text;
  };
  EXPECT_EQ(answer(with("recipient"), with("recipient")), "same");
  EXPECT_EQ(answer(with("recipient"), with("data")), "refuses_more");
  EXPECT_EQ(answer(with("data"), with("end_of_data")), "same");
  const std::string at_once = "smtpd_delay_reject = \"no\"\n";
  EXPECT_EQ(answer(with("sender", at_once), with("client", at_once)), "accepts_more");
  EXPECT_EQ(answer(with("helo", at_once), with("sender", at_once)), "refuses_more");
}

// Behind warn_if_reject the next rule of the row or of the server's answer runs.
TEST(EditTest, RowsBehindAWarningGoOn) {
  const auto with = [](const std::string& rule) {
    return server_text + "smtpd_relay_restrictions = \"" + rule + ", reject\"\n";
  };
  for (const std::string rule :
       {"check_listener_access inline:{ {submission = reject_unauth_destination, permit} }",
        "check_policy_service inet:127.0.0.1:9"}) {
    EXPECT_EQ(answer(with(rule), with(rule)), "same") << rule;
    EXPECT_NE(answer(with(rule), with("warn_if_reject " + rule)), "same") << rule;
    EXPECT_NE(answer(with(rule), with("warn_if_reject " + rule)), "refuses_more") << rule;
  }
}

// A server's answer that is an error of the configuration refuses there, too.
TEST(EditTest, WarningsDoNotHideErrors) {
  const auto with = [](const std::string& end_of_data) {
    return server_text +
           "smtpd_relay_restrictions = \"permit_mynetworks, reject_unauth_destination\"\n" +
           "smtpd_end_of_data_restrictions = \"" + end_of_data + "\"\n";
  };
  EXPECT_EQ(answer(with(""), with("warn_if_reject check_policy_service inet:127.0.0.1:9")),
            "refuses_more");
}

// Of a domain of [vsl] with a key it matters which one it is; the others are in the diagrams.
TEST(EditTest, KeysOfVirtualDomainsAreTheirs) {
  const auto with = [](const std::string& one, const std::string& other, const std::string& key) {
    return server_text +
           "smtpd_relay_restrictions = \"reject_unauth_destination\"\n[vsl]\ndomain = "
           "\"main.example\"\n[[vsl.virtual]]\ndomain = \"" +
           one + "\"\n" + key + "[[vsl.virtual]]\ndomain = \"" + other + "\"\n";
  };
  const std::string key = "dkim_key = \"k.pem\"\n";
  EXPECT_EQ(answer(with("a.example", "b.example", key), with("a.example", "b.example", key)),
            "same");
  EXPECT_EQ(answer(with("a.example", "b.example", key), with("b.example", "a.example", key)),
            "not_proved");
  EXPECT_EQ(answer(with("a.example", "b.example", ""), with("b.example", "a.example", "")), "same");
}

// A definition has no server and no login, but tells two of them apart.
TEST(EditTest, OneTableOnTwoServersIsNotCalledTheSame) {
  const tests::TemporaryFolder folder;
  const auto asking = [&](const std::string& settings) {
    const std::string file =
        folder.write("pg", "dbname = mail\nquery = SELECT v FROM t WHERE k = '%s'\n" + settings);
    return edition_of_text("x.toml", server_text +
                                         "smtpd_relay_restrictions = \"reject_unauth_destination"
                                         "\"\nsmtpd_sender_restrictions = "
                                         "\"check_sender_access pgsql:" +
                                         file + "\"\n");
  };
  const auto answer = [&](const std::string& one, const std::string& other) {
    const Edition before = asking(one);
    const Edition after = asking(other);
    return postern::plan::answer(before, after);
  };
  const std::string first = "hosts = db1.example.com\nuser = postern\npassword = abc\n";
  EXPECT_EQ(answer(first, first), "same");
  EXPECT_EQ(answer(first, "hosts = db1.example.com\nuser = postern\npassword = def\n"), "same");
  EXPECT_EQ(answer(first, "hosts = db2.example.com\nuser = postern\npassword = abc\n"),
            "not_proved");
  EXPECT_EQ(answer(first, "hosts = db1.example.com\nuser = other\npassword = abc\n"), "not_proved");
}

// What another program may answer with hangs on parameters.
TEST(EditTest, AnswersThatAParameterMakesAPermitAreNotCalledTheSame) {
  for (const char* asks : {"check_policy_service inet:127.0.0.1:10023",
                           "check_sender_access "
                           "tcp:127.0.0.1:9"}) {
    const std::string lists = server_text + "relay_domains = \"relay.example\"\n" +
                              "smtpd_sender_restrictions = \"permit\"\n" +
                              "smtpd_relay_restrictions = \"reject_unauth_destination\"\n" +
                              "smtpd_recipient_restrictions = \"" + asks + "\"\n";
    for (const char* parameter :
         {"unverified_sender_reject_code = \"250\"", "unverified_sender_defer_code = \"250\"",
          "unverified_recipient_reject_code = \"250\"", "unverified_recipient_defer_code = \"250\"",
          "smtpd_sasl_auth_enable = \"no\""}) {
      const std::string found = answer(lists, lists + parameter + "\n");
      EXPECT_THAT(found, testing::AnyOf("accepts_more", "refuses_more", "both"))
          << asks << " " << parameter;
    }
    EXPECT_EQ(answer(lists, lists + "unverified_sender_reject_code = \"550\"\n"), "same");
  }
}

// Classes are answers, too, with what stands behind them.
TEST(EditTest, ClassesThatOtherProgramsMayNameAreCompared) {
  for (const char* asks :
       {"check_policy_service inet:127.0.0.1:10023", "check_sender_access tcp:127.0.0.1:9"}) {
    const auto lists = [&](const std::string& in_class) {
      return server_text + "smtpd_restriction_classes = \"k\"\nk = \"" + in_class + "\"\n" +
             "mynetworks = \"10.0.0.0/8\"\n" +
             "smtpd_relay_restrictions = \"reject_unauth_destination\"\n" +
             "smtpd_recipient_restrictions = \"" + asks + "\"\n";
    };
    EXPECT_EQ(answer(lists("permit_mynetworks"), lists("permit_mynetworks")), "same");
    EXPECT_EQ(answer(lists("permit_mynetworks"), lists("permit")), "accepts_more");
    EXPECT_EQ(answer(lists("permit_mynetworks"), lists("")), "refuses_more");
    EXPECT_EQ(answer(lists("permit_mynetworks"), lists("check_sender_access inline:{ s.test=OK }")),
              "both");
  }
}

// A class hangs on what its rules ask, and a list may end in front of what tells them apart.
TEST(EditTest, ClassesHangOnAllParameters) {
  const std::string lists =
      server_text +
      "smtpd_relay_restrictions = \"reject_unauth_destination\"\nsmtpd_recipient_restrictions = "
      "\"check_policy_service inet:127.0.0.1:10023, reject\"\n";
  const auto with = [&](const std::string& in_class, const std::string& more = "") {
    return lists + "smtpd_restriction_classes = \"k\"\nk = \"" + in_class + "\"\n" + more;
  };
  EXPECT_EQ(answer(with(""), lists), "refuses_more");
  const std::string sender = "check_sender_access inline:{ {joe@s.test = REJECT} }";
  EXPECT_EQ(answer(with(sender), with(sender, "recipient_delimiter = \"+\"\n")), "refuses_more");
  const std::string below = "check_sender_access inline:{ {s.test = REJECT} }";
  const std::string exact = "parent_domain_matches_subdomains = \"\"\n";
  EXPECT_EQ(answer(with(below), with(below, exact)), "accepts_more");
  const std::string null = "check_sender_access inline:{ {<> = REJECT} }";
  EXPECT_EQ(answer(with(null), with(null, "smtpd_null_access_lookup_key = \"null\"\n")),
            "accepts_more");
}

// Domains below one of relay_domains are of it, or not.
TEST(EditTest, DomainsBelowOthersMayBeOfThem) {
  const std::string lists =
      server_text +
      "relay_domains = \"relay.example\"\nrelay_recipient_maps = \"inline:{ {a@relay.example = x} "
      "}\"\nsmtpd_delay_reject = \"no\"\nsmtpd_reject_unlisted_recipient = \"no\"\n"
      "smtpd_sender_restrictions = \"check_policy_service inet:127.0.0.1:10023\"\n"
      "smtpd_relay_restrictions = \"reject_unauth_destination\"\n";
  EXPECT_NE(answer(lists, lists + "parent_domain_matches_subdomains = \"smtpd_access_maps\"\n"),
            "same");
}

// How an address is read may decide any rule about it.
TEST(EditTest, RulesAboutAddressesThatOthersAnswerAreNotCalledTheSame) {
  const std::string lists = server_text +
                            "smtpd_relay_restrictions = \"reject_unauth_destination\"\n" +
                            "smtpd_recipient_restrictions = \"check_policy_service "
                            "inet:127.0.0.1:10023\"\nappend_dot_mydomain = \"no\"\n";
  for (const char* reads :
       {"myorigin = \"other.example\"", "swap_bangpath = \"no\"", "allow_percent_hack = \"no\""}) {
    EXPECT_EQ(answer(lists, lists + reads + "\n"), "not_proved") << reads;
  }
  EXPECT_EQ(answer(lists, lists + "mydomain = \"other.example\"\n"), "same");
}

// A login that new's lists would let pass is not offered there.
TEST(EditTest, WhatASessionDoesNotServeIsNotTaken) {
  const std::string lists =
      server_text + "smtpd_sender_login_maps = \"inline:{ {a@example.com=alice} }\"\n" +
      "smtpd_sender_restrictions = \"reject_authenticated_sender_login_mismatch\"\n" +
      "smtpd_relay_restrictions = \"permit_sasl_authenticated, reject_unauth_destination\"\n";
  const std::string off = lists + "smtpd_sasl_auth_enable = \"no\"\n";
  EXPECT_EQ(answer(lists, off), "refuses_more");
  EXPECT_EQ(answer(off, lists), "accepts_more");
  // Lists that ask nothing of a login decide the same; a webhook may ask.
  const std::string open =
      server_text + "smtpd_relay_restrictions = \"reject_unauth_destination\"\n";
  EXPECT_EQ(answer(open, open + "smtpd_sasl_auth_enable = \"no\"\n"), "same");
  Edition before = edition_of_text("old.toml", open);
  Edition after = edition_of_text("new.toml", open + "smtpd_sasl_auth_enable = \"no\"\n");
  policy::Webhook webhook;
  webhook.address = "in@hooks.example.net";
  for (Edition* one : {&before, &after}) {
    one->webhooks = {std::make_shared<const policy::Webhook>(webhook)};
  }
  EXPECT_EQ(answer(before, after), "not_proved");
}

TEST(EditTest, AnswersOfOthersStandBehindAColon) {
  const std::string lists =
      server_text + "smtpd_relay_restrictions = \"reject_unauth_destination\"\n";
  EditOptions options;
  options.compare.time = std::chrono::minutes(10);  // of a sanitized program
  const Report found = judge_edit(
      edition_of_text("old.toml", lists),
      edition_of_text("new.toml", lists + "smtpd_client_restrictions = \"reject_rbl_client "
                                          "bl.test=127.0.0.2, reject_rbl_client "
                                          "other.test=127.0.0.3\"\n"),
      options);
  EXPECT_THAT(
      report_text(found),
      testing::HasSubstr("ours     refuses more, of what old takes: other.test about the client's "
                         "address: 127.0.0.3; bl.test about the client's address: 127.0.0.2"));
}

// A mistake of a list is answered 451 where it is reached, with `errors = "defer"`.
TEST(EditTest, ListsWithMistakesAreCompared) {
  constexpr std::string_view kinds[] = {"client",    "helo", "sender",      "relay",
                                        "recipient", "data", "end_of_data", "etrn"};
  EditOptions options;
  options.compare.time = std::chrono::minutes(10);  // of a sanitized program
  for (const std::string mistake :
       {"reject_unauth_pipeling", "warn_if_reject reject_unauth_pipeling", "reject_rbl_client",
        "check_client_access", "check_policy_service", "sleep", "check_sender_access nosuch:x",
        "missing_class", "check_client_access inline:{ {10 = reject_misspelt} }"}) {
    for (const std::string_view kind : kinds) {
      const auto edition = [&](const std::string& name, const std::string& first,
                               const std::string& last) {
        std::string text =
            "errors = 'defer'\nmydestination = 'own.test'\nlocal_recipient_maps = ''\n";
        for (const std::string_view one : kinds) {
          std::string list = one == kind ? first + mistake + last : "";
          if (one == "relay") {
            list += (list.empty() ? "" : ", ") + std::string("reject_unauth_destination");
          }
          text += fmt::format("smtpd_{}_restrictions = '{}'\n", one, list);
        }
        return edition_of(name, text);
      };
      const Report found = judge_edit(edition("old.toml", "permit_mynetworks, ", ""),
                                      edition("new.toml", "", ", permit_mynetworks"), options);
      EXPECT_TRUE(found.comparison.not_proved.empty()) << mistake << " in " << kind;
    }
  }
}

// Its mail is taken before any list.
TEST(EditTest, AnotherSenderOfProbesIsNotCalledTheSame) {
  const std::string lists =
      server_text +
      "smtpd_relay_restrictions = \"reject_unauth_destination\"\n"
      "smtpd_recipient_restrictions = \"check_recipient_access inline:{ {probe@example.com = "
      "REJECT} }";
  const std::string after = lists + ", permit_auth_destination\"\n";
  EXPECT_EQ(answer(lists + "\"\n", after), "same");
  EXPECT_EQ(answer(lists + "\"\n", after + "address_verify_sender = \"probe@example.com\"\n"),
            "not_proved");
}

// A server may answer reject_non_fqdn_sender, as parameters differ on which that hangs.
TEST(EditTest, APolicyServerMayAskForTheForm) {
  const auto with = [](const std::string& relayed, const std::string& last) {
    return server_text + "relay_domains = \"" + relayed +
           "\"\nsmtpd_relay_restrictions = \"reject_unauth_destination\"\n"
           "smtpd_recipient_restrictions = \"check_policy_service inet:127.0.0.1:9" +
           last + "\"\n";
  };
  EXPECT_EQ(answer(with("relay.test", ""), with("relay.test, relay.test", ", permit")), "same");
}

// What decides beside the lists.
TEST(EditTest, WhatDecidesElsewhereIsNotCalledTheSame) {
  const std::string lists =
      server_text +
      "smtpd_relay_restrictions = \"permit_sasl_authenticated, reject_unauth_destination\"\n";
  const auto operators = [&](const std::string& account) {
    return lists + "[api]\noperators = [\"" + account + "\"]\n";
  };
  EXPECT_EQ(answer(operators("acc_a"), operators("acc_a")), "same");
  EXPECT_EQ(answer(operators("acc_a"), operators("acc_b")), "not_proved");
  EXPECT_EQ(answer(lists, lists + "[api]\naddress = \"127.0.0.1:8026\"\n"), "same");

  const std::string route =
      "[[route]]\nmatch = [\"example.org\"]\nto = [\"error:550 5.1.1 moved\"]\n";
  const auto completed = [&](const std::string& origin, const std::string& routes) {
    return lists + "myorigin = \"" + origin + "\"\n" + routes;
  };
  EXPECT_EQ(answer(completed("example.com", route), completed("example.org", route)), "not_proved");

  Edition before = edition_of_text("old.toml", lists);
  Edition after = edition_of_text("new.toml", lists + "relay_domains = \"hooks.example.net\"\n");
  policy::Webhook webhook;
  webhook.address = "in@hooks.example.net";
  for (Edition* one : {&before, &after}) {
    one->webhooks = {std::make_shared<const policy::Webhook>(webhook)};
  }
  EXPECT_EQ(answer(before, after), "not_proved");
}

}  // namespace
}  // namespace postern::plan
