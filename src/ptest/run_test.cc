#include "ptest/run.h"

#include <gmock/gmock.h>

#include <fmt/format.h>

#include "ptest/coverage.h"
#include "ptest/directory.h"
#include "ptest/report.h"
#include "ptest/test_of_trace.h"

namespace postern::ptest {
namespace {

using ::testing::AllOf;
using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Pair;

constexpr std::string_view lists = R"([server]
hostname = "mx.local.test"
[restrictions]
compatibility_level = "3.6"
mynetworks = "10.1.0.0/16"
mydestination = "local.test"
local_recipient_maps = ""
smtpd_sasl_auth_enable = "yes"
smtpd_sender_restrictions = "check_sender_access inline:{ {spam.test = 550 5.7.1 not wanted} {hold.test = HOLD} }"
smtpd_relay_restrictions = "permit_mynetworks, permit_sasl_authenticated, reject_unauth_destination"
smtpd_recipient_restrictions = "reject_rbl_client bl.test, check_policy_service inet:127.0.0.1:10023"
)";

class Played : public ::testing::Test {
 protected:
  /// The outcomes of the tests of a file.
  std::vector<Outcome>& run(const std::string& text, std::string_view config = lists) {
    parsed_ = parse_file(text, "t.ptest");
    EXPECT_TRUE(parsed_.ok()) << parsed_.diagnostics.render();
    const app::ConfigResult loaded = app::parse_config(config, "postern.toml");
    EXPECT_TRUE(loaded.ok()) << loaded.diagnostics.render();
    Player player(parsed_.file, [this](const std::string& name) -> Result<std::string> {
      const auto found = files_.find(name);
      if (found == files_.end()) return fail(Fault::not_found, "no " + name);
      return found->second;
    });
    player.prepare(parsed_.diagnostics);
    EXPECT_TRUE(parsed_.ok()) << parsed_.diagnostics.render();
    outcomes_.clear();
    for (const ptest::Test& test : parsed_.file.tests) {
      outcomes_.push_back(player.play(test, loaded.config));
    }
    unasked_answers_ = player.unasked_answers();
    return outcomes_;
  }

  static std::string test(const std::string& more, const std::string& rcpt = "\"b@local.test\"") {
    return "[[test]]\nname = \"x\"\nclient = \"192.0.2.7\"\nhelo = \"mx.client.test\"\n"
           "from = \"a@sender.test\"\nrcpt = " +
           rcpt + "\n" + more;
  }

  Parsed parsed_;
  std::vector<Outcome> outcomes_;
  std::vector<Unasked> unasked_answers_;
  std::map<std::string, std::string> files_;
};

constexpr const char* dunno = "answers.\"inet:127.0.0.1:10023\" = \"DUNNO\"\n";

TEST_F(Played, dns_is_that_of_the_test) {
  const auto& listed =
      run(test(std::string(dunno) + "dns.\"7.2.0.192.bl.test\" = { A = [\"127.0.0.2\"] }\n"
                                    "dns.\"unused.test\" = { A = [\"127.0.0.2\"] }\n"
                                    "expect.rule = \"reject_rbl_client\"\n"))
          .front();
  EXPECT_TRUE(listed.passed()) << listed.trace;
  ASSERT_EQ(listed.unasked.size(), 1u);
  EXPECT_EQ(listed.unasked.front().what, "asked for unused.test");
  EXPECT_THAT(listed.got, Contains(Pair("at", "smtpd_recipient_restrictions:1")));
  EXPECT_TRUE(run(test(std::string(dunno) + "expect.verdict = \"taken\"\n")).front().passed());
}

TEST_F(Played, other_programs_answer_what_the_test_says) {
  EXPECT_THAT(run(test("answers.\"inet:127.0.0.1:10023\" = \"550 5.7.1 no\"\nexpect.code = 550\n"))
                  .front()
                  .differs,
              IsEmpty());
  const auto& silent = run(test("expect.verdict = \"taken\"\n")).front();
  EXPECT_THAT(silent.got, Contains(Pair("code", "451"))) << "nobody is asked: " << silent.trace;
}

/// As the session does (RFC 5321 §4.1.1: blanks at the end of a line are no part of it).
TEST_F(Played, blanks_behind_the_name_in_helo_are_left_out) {
  constexpr std::string_view lists =
      "[restrictions]\nmydestination = \"local.test\"\nlocal_recipient_maps = \"\"\n"
      "smtpd_relay_restrictions = \"reject_unauth_destination\"\n"
      "smtpd_helo_restrictions = \"check_helo_access inline:{ {mx.partner.test=554 5.7.1 no} }\"\n";
  std::string text = test("expect.code = 554\n");
  const std::string name = "mx.client.test";
  text.replace(text.find(name), name.size(), "mx.partner.test  ");
  const auto& outcome = run(text, lists).front();
  EXPECT_TRUE(outcome.passed()) << outcome.trace;
}

TEST_F(Played, a_golden_trace_has_no_times) {
  files_["x.trace"] = "other";
  const std::string text = test(std::string(dunno) + "expect.trace = \"x.trace\"\n");
  const std::string trace = run(text).front().trace;
  EXPECT_THAT(trace, HasSubstr("RCPT TO:<b@local.test>   stage rcpt\n"));
  EXPECT_FALSE(outcomes_.front().passed());
  files_["x.trace"] = trace;
  EXPECT_TRUE(run(text).front().passed());
}

TEST_F(Played, each_recipient_has_its_own_values) {
  const auto& outcome =
      run(test(std::string(dunno) + "expect.verdict = \"taken\"\n"
                                    "expect.rcpt.\"b@local.test\".verdict = \"taken\"\n"
                                    "expect.rcpt.\"c@foreign.test\".code = 554\n",
               "[\"b@local.test\", \"c@foreign.test\"]"))
          .front();
  EXPECT_TRUE(outcome.passed()) << outcome.trace;
}

TEST_F(Played, evidence_wins_over_computing_it) {
  constexpr std::string_view dmarc =
      "[restrictions]\nrelay_domains = \"local.test\"\n"
      "[authentication]\ndmarc = \"enforce\"\n";
  const auto& outcome =
      run(test("evidence = { dmarc = \"fail\", dmarc_policy = \"reject\", author = \"x.test\" }\n"
               "expect.enhanced = \"5.7.26\"\nexpect.stage = \"message\"\n"),
          dmarc)
          .front();
  EXPECT_TRUE(outcome.passed()) << outcome.trace;
  EXPECT_TRUE(run(test("evidence = { dmarc = \"pass\" }\nexpect.verdict = \"taken\"\n"), dmarc)
                  .front()
                  .passed());
}

TEST_F(Played, webhooks_of_the_file) {
  const std::string hooks =
      "[policy.strict]\nallowed_source_ips = \"198.51.100.0/24\"\n"
      "[webhook.\"in@hooks.test\"]\npolicy = \"strict\"\n";
  const auto& outcome = run(hooks + test("expect.code = 550\nexpect.layer = \"webhook\"\n"
                                         "expect.at = \"strict/allowed_source_ips\"\n",
                                         "\"in@hooks.test\""),
                            "")
                            .front();
  EXPECT_TRUE(outcome.passed()) << outcome.trace;
}

TEST_F(Played, the_greeting_knows_neither_tls_nor_login) {
  constexpr std::string_view early = R"([restrictions]
compatibility_level = "3.6"
smtpd_delay_reject = "no"
smtpd_sasl_auth_enable = "yes"
mydestination = "local.test"
local_recipient_maps = ""
)";
  const std::string said = test("auth = \"alice\"\nexpect.code = 554\n");
  for (const char* const list : {"client", "helo"}) {
    const std::string config = fmt::format(
        "{}smtpd_{}_restrictions = \"permit_sasl_authenticated, reject\"\n", early, list);
    const auto& outcome = run(said, config).front();
    EXPECT_TRUE(outcome.passed()) << outcome.trace;
    EXPECT_THAT(outcome.got,
                Contains(Pair("stage", std::string_view(list) == "helo" ? "helo" : "connect")));
  }
  // The first EHLO is in clear, the second one is not.
  const auto& plain = run(said, fmt::format("{}smtpd_helo_restrictions = "
                                            "\"reject_plaintext_session\"\n",
                                            early))
                          .front();
  EXPECT_THAT(plain.got, Contains(Pair("stage", "helo"))) << plain.trace;
}

TEST_F(Played, a_login_comes_as_the_listener_takes_it) {
  const auto got = [&](const std::string& listener, const std::string& tls) {
    const std::string config =
        std::string(lists) + "[[listener]]\naddress = \"127.0.0.1:25\"\n" + listener;
    const auto& outcome =
        run(test("answers.\"inet:127.0.0.1:10023\" = \"DUNNO\"\nauth = \"alice\"\n" + tls +
                     "expect.verdict = \"taken\"\n",
                 "\"b@far.test\""),
            config)
            .front();
    const auto code = outcome.got.find("code");
    return (code == outcome.got.end() ? outcome.got.at("verdict") : code->second) +
           (outcome.decided.evidence.session.tls ? " in TLS" : " in clear");
  };
  EXPECT_EQ(got("tls = \"none\"\nauth_without_tls = true\n", ""), "taken in clear");
  EXPECT_EQ(got("tls = \"none\"\nauth_without_tls = true\n", "tls = false\n"), "taken in clear");
  EXPECT_EQ(got("tls = \"none\"\n", ""), "502 in clear");
  EXPECT_EQ(got("auth_without_tls = true\n", ""), "taken in TLS");
  EXPECT_EQ(got("auth_without_tls = true\n", "tls = false\n"), "taken in clear");
  EXPECT_EQ(got("", "tls = false\n"), "538 in clear");
  const std::string clear =
      std::string(lists) + "[[listener]]\naddress = \"127.0.0.1:25\"\nauth_without_tls = true\n";
  for (const std::string tls : {"", "tls = false\n"}) {
    const std::string said =
        test("answers.\"inet:127.0.0.1:10023\" = \"DUNNO\"\nauth = \"alice\"\n" + tls +
                 "expect.verdict = \"taken\"\n",
             "\"b@far.test\"");
    const policy::Trace decided = run(said, clear).front().decided;
    EXPECT_EQ(as_test(decided, {.name = "x", .redact = false, .message = std::nullopt})
                      .find("tls = false\n") != std::string::npos,
              !tls.empty());
  }
}

TEST_F(Played, a_client_that_does_not_wait_for_replies) {
  constexpr std::string_view pipelining = R"([restrictions]
mydestination = "local.test"
local_recipient_maps = ""
smtpd_recipient_restrictions = "reject_unauth_pipelining"
)";
  const auto& early =
      run(test("early = true\nexpect.rule = \"reject_unauth_pipelining\"\n"), pipelining).front();
  EXPECT_TRUE(early.passed()) << early.trace;
  const std::string written = as_test(early.decided, {.name = "again"});
  // Nothing decides before RCPT.
  EXPECT_THAT(written, HasSubstr("early = \"RCPT\"\n"));
  EXPECT_TRUE(run(written, pipelining).front().passed()) << written;
  EXPECT_TRUE(run(test("expect.verdict = \"taken\"\n"), pipelining).front().passed());
}

// They are often misspelt, and the test may pass all the same.
TEST_F(Played, answers_that_nothing_asked_for_are_told) {
  run(
      test("answers.\"inet:127.0.0.1:10024\" = \"DUNNO\"\n"
           "answers.\"inet:127.0.0.1:10023\" = { RCPT = \"DUNNO\", RCTP = \"REJECT\" }\n"
           "expect.verdict = \"taken\"\n"));
  std::vector<std::string> told;
  for (const Unasked& one : unasked_answers_) {
    EXPECT_GT(one.spot.line, 0u);
    told.push_back(one.what);
  }
  EXPECT_THAT(told, testing::ElementsAre("asked inet:127.0.0.1:10024",
                                         "asked inet:127.0.0.1:10023 at RCTP"));
}

// The rule takes the command before, and refuses this one.
TEST_F(Played, a_client_that_begins_to_hurry) {
  constexpr std::string_view at_once = R"([restrictions]
mydestination = "local.test"
local_recipient_maps = ""
smtpd_delay_reject = "no"
smtpd_helo_restrictions = "reject_unauth_pipelining"
smtpd_sender_restrictions = "reject_unauth_pipelining"
smtpd_recipient_restrictions = "reject_unauth_pipelining"
smtpd_data_restrictions = "reject_unauth_pipelining"
)";
  for (const char* from : {"EHLO", "MAIL", "RCPT", "DATA"}) {
    const auto given = run(test(fmt::format("early = \"{}\"\n"
                                            "expect.rule = \"reject_unauth_pipelining\"\n",
                                            from)),
                           at_once)
                           .front();
    ASSERT_TRUE(given.passed()) << given.trace;
    const std::string written = as_test(given.decided, {.name = "again"});
    EXPECT_THAT(written,
                HasSubstr(from == std::string("EHLO") ? "early = true\n"
                                                      : fmt::format("early = \"{}\"\n", from)));
    EXPECT_TRUE(run(written, at_once).front().passed()) << written;
  }
}

TEST_F(Played, a_decision_is_a_test_that_passes) {
  const std::string given = std::string(dunno) +
                            "dns.\"7.2.0.192.bl.test\" = { A = [\"127.0.0.2\"] }\n"
                            "expect.verdict = \"taken\"\n";
  for (const std::string& rcpt :
       {std::string("\"b@local.test\""), std::string("[\"b@foreign.test\", \"c@local.test\"]")}) {
    const policy::Trace trace = run(test(given, rcpt)).front().decided;
    const std::string written = as_test(trace, {.name = "again"});
    EXPECT_THAT(written, HasSubstr("expect.verdict = \"refused\"\n"));
    EXPECT_TRUE(run(written).front().passed()) << written;
    const std::string redacted = as_test(trace, {.name = "again", .redact = true});
    EXPECT_THAT(redacted, testing::Not(HasSubstr("\"a@sender.test\"")));
    EXPECT_TRUE(run(redacted).front().passed()) << redacted;
  }
}

TEST(AsTest, redacts_addresses_in_what_others_said) {
  policy::Trace trace;
  policy::Evidence& evidence = trace.evidence;
  evidence.reverse_path = mail::Mailbox{"a", "sender.test"};
  for (const std::string service : {"verify", "mysql:/etc/owners.cf"}) {
    policy::Consultation one{.service = service, .request = "bob.b@local.test"};
    one.answer = (service == "verify" ? "undeliverable " : "found ") +
                 std::string("550 <BOB.b@local.test>, bob.b@local.test; not rob.bob.b@local.test");
    evidence.consulted.push_back(std::move(one));
  }
  policy::Decision decision{.stage = policy::Stage::rcpt, .reply = {.code = 550, .text = "no"}};
  decision.candidate = policy::Recipient{.address = {"bob.b", "local.test"}, .route = {}};
  decision.recipient = "bob.b@local.test";
  trace.note(std::move(decision));
  EXPECT_THAT(as_test(trace, {.name = "x"}), HasSubstr("550 <BOB.b@local.test>"));
  const std::string redacted = as_test(trace, {.name = "x", .redact = true});
  for (const char* const wanted : {"\"undeliverable 550 <someone-2@local.test>, someone-2@local",
                                   "\"550 <someone-2@local.test>, someone-2@local"}) {
    EXPECT_THAT(redacted, HasSubstr(wanted));
  }
  EXPECT_THAT(redacted, HasSubstr("rob.bob.b@local.test")) << "another address";
}

TEST(Directory, another_password_has_another_stamp) {
  const auto stamp = [](const std::string& password) {
    const Parsed parsed = parse_file(
        "[policy.p]\nrequire_smtp_auth = true\nsmtp_credentials = [{username = \"app\", "
        "password = \"" +
            password + "\"}]\n",
        "t.ptest");
    policy::Directory directory;
    app::Diagnostics diagnostics;
    fill_directory(parsed.file, directory, diagnostics);
    EXPECT_EQ(diagnostics.errors(), 0u) << diagnostics.render();
    return directory.policy("p")->credential("app")->stamp;
  };
  EXPECT_EQ(stamp("correct horse 1"), stamp("correct horse 1"));
  EXPECT_NE(stamp("correct horse 1"), stamp("correct horse 2"));
}

TEST_F(Played, coverage_counts_rows) {
  const std::string config =
      "[restrictions]\nmydestination = \"local.test\"\nlocal_recipient_maps = \"\"\n"
      "smtpd_client_restrictions = \"\"\"check_client_access cidr:{ {192.0.2.0/24 DUNNO} "
      "{0.0.0.0/0 REJECT} },\n check_client_access inline:{ unknown=DUNNO }\"\"\"\n"
      "smtpd_sender_restrictions = \"check_sender_access inline:{ {sender.test = 550 5.7.1 no} "
      "{b@other.test = OK} {zzz.test = OK} }\"\n";
  const app::ConfigResult loaded = app::parse_config(config, "postern.toml");
  ASSERT_TRUE(loaded.ok()) << loaded.diagnostics.render();
  Coverage coverage;
  for (const Outcome& one : run(test("expect.code = 550\n"), config)) {
    coverage.add_rules(loaded.config);
    coverage.add_test(one.decided);
  }
  std::string rows;
  // Another configuration has its own rules.
  Coverage two = coverage;
  two.begin("other.toml");
  two.add_rules(loaded.config);
  EXPECT_EQ(two.json().at("all").to_number<std::size_t>(),
            2 * coverage.json().at("all").to_number<std::size_t>());
  EXPECT_EQ(two.json().at("decided"), coverage.json().at("decided"));
  EXPECT_THAT(two.text(), HasSubstr(" of other.toml\n"));
  const boost::json::object counts = coverage.json();
  for (const auto& rule : counts.at("rules").as_array()) {
    rows += boost::json::serialize(rule.at("rows")) + "\n";
  }
  EXPECT_EQ(
      rows,
      R"([{"row":"0.0.0.0/0","decided":0,"found":0},{"row":"192.0.2.0/24","decided":0,"found":1}])"
      "\n"
      R"([{"row":"unknown","decided":0,"found":1}])"
      "\nnull\nnull\nnull\n"
      R"([{"row":"b@other.test","decided":0,"found":0},{"row":"sender.test","decided":1,"found":1},{"row":"zzz.test","decided":0,"found":0}])"
      "\n");
  EXPECT_THAT(coverage.text(),
              AllOf(HasSubstr("  rows   restrictions check_client_access at "
                              "smtpd_client_restrictions:1: 1 of 2 found; not found: 0.0.0.0/0\n"),
                    HasSubstr("smtpd_sender_restrictions:1: 1 of 3 found; not found: "
                              "b@other.test, zzz.test\n")));
}

TEST_F(Played, reports) {
  Results results;
  FileResult& file = results.files.emplace_back();
  file.outcomes = run(test(std::string(dunno) + "expect.code = 554\nexpect.rule = \"<&>\"\n") +
                      "[[test]]\nname = \"a # b\"\nclient = \"192.0.2.7\"\nfrom = \"\"\n"
                      "rcpt = \"b@local.test\"\n" +
                      dunno +
                      "dns.\"unused.test\" = { A = [\"192.0.2.10\"] }\n"
                      "expect.verdict = \"taken\"\n");
  file.name = "t.ptest";
  file.file = parsed_.file;
  EXPECT_EQ(report_text(results, Format::tap, false).substr(0, 39),
            "TAP version 14\n1..2\nnot ok 1 - x\n  ---\n");
  EXPECT_THAT(report_text(results, Format::tap, false), HasSubstr("\nok 2 - a \\# b\n"));
  const std::string junit = report_text(results, Format::junit, false);
  EXPECT_THAT(junit, HasSubstr("<testsuite name=\"t.ptest\" tests=\"2\" failures=\"1\""));
  EXPECT_THAT(junit, HasSubstr("message=\"code: expected 554, got nothing\""));
  const std::string json = report_text(results, Format::json, false);
  EXPECT_THAT(json, HasSubstr(R"("name":"x","result":"fail","got":{"verdict":"taken"})"));
  EXPECT_THAT(json, HasSubstr(R"({"key":"code","expected":554,"got":null})"));
  const std::string asked_nothing = ": no rule of `a # b` asked for unused.test";
  EXPECT_THAT(json, HasSubstr("\"warnings\":[\"warning: t.ptest:"));
  EXPECT_THAT(json, HasSubstr(asked_nothing + "\"]"));
  EXPECT_THAT(report_text(results, Format::tap, false), HasSubstr(asked_nothing + "\n"));
  EXPECT_THAT(report_text(results, Format::human, false),
              HasSubstr("2 tests, 1 passed, 1 failed\n"));
  const std::string failures = report_text(results, Format::failures, false);
  EXPECT_THAT(failures, HasSubstr("t.ptest\n  FAIL  x\n"));
  EXPECT_THAT(failures, HasSubstr("2 tests, 1 passed, 1 failed\n"));
  EXPECT_THAT(failures, testing::Not(HasSubstr("a # b")));
}

}  // namespace
}  // namespace postern::ptest
