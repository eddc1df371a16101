#include "dialect/vsl/layer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "dialect/mail_gatherer_test.h"
#include "dialect/script_record.h"
#include "policy/inquiry.h"
#include "policy/record.h"
#include "policy/testing.h"
#include "policy/trace.h"
#include "replay/rederive.h"
#include "script/test_world.h"

namespace postern::dialect::vsl {
namespace {

using policy::Route;
using policy::Stage;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::UnorderedElementsAre;

constexpr const char* local_error = "451 4.3.0 Requested action aborted: local error in processing";

/// A session of an unknown client with doe.example, decided by one policy.
class VslLayerTest : public ::testing::Test {
 protected:
  VslLayerTest() {
    options_.path = "main.vsl";
    options_.site.domain = options_.site.hostname = "doe.example";
    options_.run = run_alone;
    evidence_ = policy::testing::from_client("203.0.113.10");
    evidence_.session.esmtp = true;
  }

  void load(const std::string& text) {
    options_.files = std::make_shared<const std::map<std::string, std::string>>(
        std::map<std::string, std::string>{{"main.vsl", text}});
    auto loaded = VslPolicy::load(options_, world_);
    ASSERT_TRUE(loaded.has_value()) << loaded.error().front().to_string();
    engine_ = std::make_unique<policy::Engine>(
        std::vector<policy::LayerEntry>{{std::make_shared<VslLayer>(*loaded)}});
  }
  /// Decides a stage: "pass", the reply, or the reply that a rule wrote. Keeps every decision.
  std::string say(Stage stage) {
    const policy::Decision decision = tests::run(engine_->decide(stage, evidence_, *gatherer_));
    trace_.note(decision);
    if (policy::refused(decision)) {
      return decision.reply.to_string() +
             (decision.reply.after == smtp::After::close ? ", closes" : "");
    }
    if (decision.quarantine) return "quarantine " + *decision.quarantine;
    return decision.permit ? decision.permit->to_string() : "pass";
  }
  std::string mail(const std::string& local = "john") {
    evidence_.reset_transaction();
    evidence_.reverse_path = mail::Mailbox{local, "sender.example"};
    return say(Stage::mail);
  }
  std::string rcpt(std::string local, std::string domain = "doe.example") {
    evidence_.consider({.address = {std::move(local), std::move(domain)}, .route = {}});
    std::string said = say(Stage::rcpt);
    const bool owned = evidence_.candidate->route.kind != Route::Kind::none;
    if (said == "pass" && !owned) said = "nobody's";
    if (owned && !policy::refused(trace_.decisions.back())) {
      evidence_.recipients.push_back(*evidence_.candidate);
    }
    evidence_.candidate.reset();
    return said;
  }
  std::string message(const std::string& text = "From: <john@sender.example>\r\n\r\nhello\r\n") {
    gatherer_->receive(text);
    evidence_.message = policy::MessageFacts{};
    return say(Stage::message);
  }
  std::vector<std::string> sent_to() const {
    std::vector<std::string> all;
    for (const mail::Mailbox& one : evidence_.copies.at(0).forward_paths) {
      all.push_back(one.text());
    }
    return all;
  }

  script::testing::TestWorld world_;
  VslPolicyOptions options_;
  std::unique_ptr<policy::Engine> engine_;
  std::unique_ptr<dialect::testing::MailGatherer> gatherer_ =
      std::make_unique<dialect::testing::MailGatherer>();
  policy::Evidence evidence_;
  policy::Trace trace_;
};

/// Arguments of each type, as a script writes them.
constexpr std::pair<std::string_view, std::string_view> arguments_by_type[] = {
    {"i64", "3"},     {"f64", "1.5"},
    {"bool", "true"}, {"array", "[]"},
    {"map", "#{}"},   {"string", "\"x\""},
    {"unit", "()"},   {"code", "a_code"},
    {"ip4", "an_ip"}, {"address", "an_address"},
};

TEST_F(VslLayerTest, calls_that_the_lint_refuses_fail) {
  const std::string objects =
      "object a_code code = \"550 5.7.1 no\"; object an_ip ip4 = \"192.0.2.1\"; "
      "object an_address address = \"x@doe.example\"; fn f(x) { x } #{ ";
  std::vector<std::string> calls = {"deny(\"no\")",
                                    "deny(\"250 ok\")",
                                    "accept(\"550 no\")",
                                    "quarantine(\"../x\")",
                                    "sign_dkim(\"s\", [\"To\"])",
                                    "sign_dkim(\"s\", [\"From\"], \"relax\")",
                                    "check_spf(\"al\")",
                                    "check_spf(\"spf\", \"strickt\")",
                                    "log(\"err\", 1)",
                                    "f()",
                                    "f(1, 2)",
                                    "m::g()",
                                    "deny(an_ip)",
                                    "check_mail_relay(an_address)",
                                    "check_mail_relay(a_code)"};
  for (const std::string_view name : function_names()) {
    const Signature signature = signature_of(name);
    const std::size_t most = std::min<std::size_t>(signature.most, 4);
    for (std::size_t count = 0; count <= most + 1; ++count) {
      for (const auto& [type, text] : arguments_by_type) {
        std::string call = std::string(name) + "(";
        for (std::size_t i = 0; i < count; ++i) call += (i > 0 ? ", " : "") + std::string(text);
        calls.push_back(call + ")");
        if (count < std::max<std::size_t>(signature.least, 1) || count > most) break;
      }
    }
  }
  constexpr std::pair<Stage, std::string_view> stages[] = {{Stage::mail, "mail"},
                                                           {Stage::message, "preq"}};
  int failing = 0;
  for (const std::string& call : calls) {
    for (const auto& [stage, word] : stages) {
      options_.files = std::make_shared<const std::map<std::string, std::string>>(
          std::map<std::string, std::string>{
              {"main.vsl",
               objects + std::string(word) + ": [ action \"a\" || { " + call + "; } ] }"}});
      auto loaded = VslPolicy::load(options_, world_);
      if (!loaded) break;
      const std::vector<Mistake>& found = (*loaded)->failing_calls();
      if (found.empty()) continue;
      ++failing;
      engine_ = std::make_unique<policy::Engine>(
          std::vector<policy::LayerEntry>{{std::make_shared<VslLayer>(*loaded)}});
      evidence_ = policy::testing::from_client("203.0.113.10");
      evidence_.session.esmtp = true;
      evidence_.reverse_path = mail::Mailbox{"john", "sender.example"};
      const std::string said = stage == Stage::message ? message() : say(stage);
      EXPECT_EQ(said.substr(0, 3), "451")
          << call << " at " << word << ": " << found.front().to_string();
      // The same words at the other stage say no more.
      if (found.front().message.find(" at `") == std::string::npos) break;
    }
  }
  EXPECT_GT(failing, 500);
}

TEST_F(VslLayerTest, one_mistake_does_not_hide_others) {
  const auto found = [&](std::map<std::string, std::string> files) {
    options_.files = std::make_shared<const std::map<std::string, std::string>>(std::move(files));
    options_.site.open_relay_is_known = false;
    const auto loaded = VslPolicy::load(options_, world_);
    std::string lines;
    if (loaded) return lines;
    for (const LoadMistake& one : loaded.error()) {
      lines += one.file + ":" + std::to_string(one.at.line) +
               (one.is_failing_call ? " fails" : "") + ", ";
    }
    return lines;
  };
  // A broken file, what it imports, and the rest of the policy.
  EXPECT_EQ(found({{"main.vsl",
                    "import \"a\" as a;\n"
                    "#{ mail: [ rule \"x\" || absent() ],\n"
                    "   nowhere: [],\n"
                    "   rcpt: [ rule \"r\" || check_rcpt_relay([\"0.0.0.0/0\"]),\n"
                    "           rule \"s\" || denny() ] }\n"},
                   {"a.vsl", "import \"b\" as b;\nlet = 1;\nfn f() { let = 2; }\n"},
                   {"b.vsl", "import \"none\" as none;\nlet x = absent();\n"}}),
            "a.vsl:2, a.vsl:3, b.vsl:1, b.vsl:2 fails, main.vsl:2 fails, main.vsl:3, main.vsl:4, "
            "main.vsl:5, ");
  // What runs while the policy loads stops at the first object.
  EXPECT_EQ(found({{"main.vsl",
                    "object one ip4 = \"192.0.2\";\n"
                    "object two code = \"no code\";\n"
                    "object good fqdn = \"doe.example\";\n"
                    "#{ mail: [ rule \"x\" || deny(\"250 ok\") ] }\n"}}),
            "main.vsl:1, main.vsl:2, main.vsl:4 fails, ");
  EXPECT_EQ(found({{"main.vsl", "#{ mail: [ rule \"x\" || deny(\"250 ok\") ] }\n"}}), "")
      << "alone it prevents no load";
}

TEST_F(VslLayerTest, statuses_become_replies) {
  const struct {
    std::string body;
    std::string said;
  } cases[] = {
      {"next()", "pass"},
      {"accept()", "pass"},
      {"accept(\"250 2.1.0 noted\")", "250 2.1.0 noted"},
      {"deny()", "554 5.7.1 permanent problems with the remote server, closes"},
      {"deny(\"450 4.7.1 later\")", "450 4.7.1 later, closes"},
      {"info(\"550 5.1.0 try another\")", "550 5.1.0 try another"},
      {"quarantine(\"q\")", "pass"},
      {"1", local_error},
      {"throw \"x\"", local_error},
      {"nobody_defines_this()", local_error},
      {"loop { }", local_error},
  };
  for (const auto& one : cases) {
    load("#{ mail: [ rule \"r\" || { " + one.body + " } ] }");
    evidence_.session.script.reset();
    EXPECT_EQ(mail(), one.said) << one.body;
    const auto& trouble = trace_.decisions.back().steps.back().verdict.trouble;
    EXPECT_EQ(trouble == policy::Trouble::script, one.said == local_error) << one.body;
  }
}

TEST_F(VslLayerTest, the_first_decisive_status_ends_the_stage) {
  load(R"(#{ mail: [ rule "a" || next(), action "b" || deny(), rule "c" || accept(),
                      rule "d" || deny() ] })");
  EXPECT_EQ(mail(), "pass");
  std::vector<std::string> asked;
  for (const policy::Step& step : trace_.decisions.back().steps) {
    asked.push_back(std::string(step.check) + " " + step.origin);
  }
  EXPECT_THAT(asked, ElementsAre("a main.vsl:1:12", "b main.vsl:1:32", "c main.vsl:1:54"));
}

TEST_F(VslLayerTest, faccept_and_quarantine_last_as_long_as_the_transaction) {
  load(R"(#{
    mail: [ rule "m" || switch mail_from().local_part {
              "friend" => faccept(), "foe" => quarantine("foes/x"), _ => next() } ],
    rcpt: [ rule "r" || deny() ],
    preq: [ rule "p" || deny() ],
    delivery: [ rule "d" || deny() ],
  })");
  EXPECT_EQ(mail("friend"), "pass");
  EXPECT_EQ(rcpt("jane"), "pass");
  EXPECT_EQ(rcpt("jane", "else.example"), "nobody's") << "a permit opens no relay";
  EXPECT_EQ(message(), "pass");
  EXPECT_EQ(say(Stage::delivery), "pass");
  EXPECT_EQ(mail("foe"), "pass");
  EXPECT_EQ(rcpt("jane"), "pass");
  EXPECT_EQ(message(), "quarantine foes/x");
  EXPECT_EQ(mail("other"), "pass");
  EXPECT_THAT(rcpt("jane"), HasSubstr("554 5.7.1"));
}

TEST_F(VslLayerTest, a_skip_at_helo_ends_with_the_next_helo) {
  load(R"(#{ helo: [ rule "h" || if helo() is "friend.example" { faccept() } else { next() } ],
             mail: [ rule "m" || deny() ] })");
  evidence_.session.helo = "friend.example";
  EXPECT_EQ(say(Stage::helo), "pass");
  EXPECT_EQ(mail(), "pass");
  EXPECT_EQ(mail(), "pass") << "the session's, not the transaction's";
  evidence_.session.helo = "other.example";
  EXPECT_EQ(say(Stage::helo), "pass");
  EXPECT_THAT(mail(), HasSubstr("554"));
}

// RFC 3207 §4.2: what was said in clear is forgotten, also by a client that says no other name.
TEST_F(VslLayerTest, a_skip_at_helo_ends_with_starttls) {
  load(R"(#{ helo: [ rule "h" || faccept() ], mail: [ rule "m" || deny() ] })");
  evidence_.session.helo = "friend.example";
  EXPECT_EQ(say(Stage::helo), "pass");
  EXPECT_EQ(mail(), "pass");
  evidence_.session.helo.clear();
  EXPECT_THAT(mail(), HasSubstr("554"));
}

// A layer behind the rules may refuse the recipient.
TEST_F(VslLayerTest, a_recipient_that_is_refused_changes_no_skip) {
  load(
      R"(#{ rcpt: [ rule "r" || if rcpt().local_part is "friend" { faccept() } else { deny() } ] })");
  EXPECT_EQ(mail(), "pass");
  EXPECT_EQ(rcpt("friend", "else.example"), "nobody's");
  EXPECT_THAT(rcpt("jane"), HasSubstr("554"));
  EXPECT_EQ(rcpt("friend"), "pass");
  EXPECT_EQ(rcpt("jane"), "pass") << "for the rest of the transaction";
  EXPECT_EQ(rcpt("friend", "else.example"), "nobody's");
  EXPECT_EQ(rcpt("john"), "pass");
}

// RFC 5321 §4.1.4. The rules may refuse a name, or a layer after them.
TEST_F(VslLayerTest, a_name_that_is_refused_changes_no_skip) {
  load(R"(#{ helo: [ rule "h" || if helo() is "friend.example" { faccept() }
                                 else if helo() is "foe.example" { deny() } else { next() } ],
             mail: [ rule "m" || deny() ] })");
  const auto greet = [&](const char* name, bool accepted) {
    policy::Evidence before = std::exchange(evidence_, evidence_.greeted(name, true));
    const std::string said = say(Stage::helo);
    if (!accepted) evidence_ = std::move(before);
    return said;
  };
  EXPECT_EQ(greet("friend.example", true), "pass");
  EXPECT_EQ(greet("other.example", false), "pass");
  EXPECT_THAT(greet("foe.example", false), HasSubstr("554"));
  EXPECT_EQ(mail(), "pass");
  EXPECT_EQ(greet("other.example", true), "pass");
  EXPECT_EQ(greet("friend.example", false), "pass");
  EXPECT_THAT(mail(), HasSubstr("554"));
}

TEST_F(VslLayerTest, whose_mail_is_taken) {
  options_.site.virtual_domains["other.example"] = nullptr;
  options_.site.relay_networks = CidrSet({*Cidr::parse("192.0.2.0/24")});
  load("#{}");
  EXPECT_EQ(mail(), "pass");
  EXPECT_EQ(rcpt("jane", "doe.example"), "pass");
  EXPECT_EQ(rcpt("jane", "DOE.example"), "pass");
  EXPECT_EQ(rcpt("jane", "other.example"), "pass");
  EXPECT_EQ(rcpt("jane", "sub.doe.example"), "nobody's");
  EXPECT_EQ(rcpt("jane", "else.example"), "nobody's");
  evidence_.session.client_ip = *IpAddress::parse("192.0.2.7");
  EXPECT_EQ(rcpt("jane", "else.example"), "pass");
}

TEST_F(VslLayerTest, nobody_opens_the_relay_to_everybody) {
  for (const char* network : {"rg4 = \"0.0.0.0/0\"", "rg6 = \"::/0\""}) {
    options_.files = std::make_shared<const std::map<std::string, std::string>>(
        std::map<std::string, std::string>{
            {"main.vsl", "object all " + std::string(network) +
                             ";\n#{ rcpt: [ rule \"r\" || check_rcpt_relay(all) ] }"}});
    const auto refused = VslPolicy::load(options_, world_);
    ASSERT_FALSE(refused.has_value()) << network;
    EXPECT_NE(refused.error().front().to_string().find("an open relay"), std::string::npos);
  }
}

TEST_F(VslLayerTest, an_unknown_address_of_a_webhook_domain_stays_unknown) {
  load("#{}");
  mail();
  evidence_.consider({.address = {"nobody", "doe.example"}, .route = {}});
  evidence_.candidate->route.missing = Route::Missing::unknown_address;
  EXPECT_EQ(say(Stage::rcpt), "pass");
  EXPECT_EQ(evidence_.candidate->route.kind, Route::Kind::none);
}

TEST_F(VslLayerTest, without_authentication_no_mail_where_it_must_be) {
  options_.must_be_authenticated = true;
  load("#{}");
  EXPECT_EQ(mail(), "530 5.7.0 Authentication required");
  evidence_.session.auth = policy::Authentication{.username = "jane"};
  EXPECT_EQ(mail(), "pass");
}

TEST_F(VslLayerTest, what_rules_make_of_a_message_is_one_copy) {
  load(R"(#{
    mail: [ action "early" || prepend_header("X-Early", "1") ],
    rcpt: [ action "bcc" || bcc("boss@doe.example") ],
    preq: [ action "late" || set_header("Subject", "changed") ],
    postq: [ action "rw" || {
      rewrite_rcpt_envelop("jane@doe.example", "jane2@doe.example");
      rewrite_mail_from_envelop("bounce@doe.example");
    } ],
    delivery: [ action "t" || forward("boss@doe.example", "192.0.2.7:2525") ],
  })");
  mail();
  rcpt("jane");
  EXPECT_EQ(message("Subject: first\r\nTo: jane\r\n\r\nhello\r\n"), "pass");
  EXPECT_EQ(evidence_.copies.at(0).header, "X-Early: 1\r\nSubject: changed\r\nTo: jane\r\n\r\n");
  EXPECT_THAT(sent_to(), UnorderedElementsAre("jane@doe.example", "boss@doe.example"));
  EXPECT_EQ(say(Stage::queued), "pass");
  EXPECT_EQ(say(Stage::delivery), "pass");
  ASSERT_EQ(evidence_.copies.size(), 1u);
  const policy::ScriptCopy& copy = evidence_.copies[0];
  EXPECT_THAT(sent_to(), UnorderedElementsAre("jane2@doe.example", "boss@doe.example"));
  EXPECT_EQ(copy.reverse_path->text(), "bounce@doe.example");
  EXPECT_EQ(policy::to_string(copy.transports.at("boss@doe.example")), "forward:192.0.2.7:2525");
}

TEST_F(VslLayerTest, nothing_changed_is_no_copy_and_no_recipient_left_is_nobody) {
  load("#{ preq: [ rule \"look\" || if has_header(\"From\") { next() } else { deny() } ] }");
  mail();
  rcpt("jane");
  EXPECT_EQ(message(), "pass");
  EXPECT_TRUE(evidence_.copies.at(0).is_as_it_came());
  load("#{ preq: [ action \"drop\" || remove_rcpt_envelop(\"jane@doe.example\") ] }");
  evidence_.session.script.reset();
  mail();
  rcpt("jane");
  EXPECT_EQ(message(), "pass");
  EXPECT_TRUE(evidence_.copies.at(0).to_nobody);
}

TEST_F(VslLayerTest, a_removed_recipient_may_be_named_again) {
  load(R"(#{ rcpt: [ action "drop" || {
      if rcpt() is "first@doe.example" && rcpt_list().len == 1 { remove_rcpt_envelop(rcpt()); } } ] })");
  mail();
  EXPECT_EQ(rcpt("first"), "pass");
  EXPECT_EQ(rcpt("jane"), "pass");
  EXPECT_EQ(rcpt("first"), "pass");
  EXPECT_EQ(message(), "pass");
}

TEST_F(VslLayerTest, copies_that_other_scripts_made_are_each_asked_about) {
  load(R"(#{ postq: [ action "mark" || prepend_header("X-To", rcpt_list()[0].to_string()) ] })");
  mail();
  rcpt("jane");
  rcpt("john");
  EXPECT_EQ(message(), "pass");
  evidence_.copies = {{.recipients = {0}, .header = "A: 1\r\n\r\n"},
                      {.recipients = {1}, .header = "B: 2\r\n\r\n"}};
  EXPECT_EQ(say(Stage::queued), "pass");
  ASSERT_EQ(evidence_.copies.size(), 2u);
  EXPECT_EQ(evidence_.copies[0].header, "X-To: jane@doe.example\r\nA: 1\r\n\r\n");
  EXPECT_EQ(evidence_.copies[1].header, "X-To: john@doe.example\r\nB: 2\r\n\r\n");
}

TEST_F(VslLayerTest, a_shadow_asks_every_stage_and_leaves_no_copy) {
  load(R"(#{ preq: [ action "mark" || prepend_header("X-A", "1") ],
             postq: [ rule "late" || deny() ], delivery: [ rule "last" || next() ] })");
  auto loaded = VslPolicy::load(options_, world_);
  ASSERT_TRUE(loaded.has_value());
  engine_ = std::make_unique<policy::Engine>(
      std::vector<policy::LayerEntry>{{std::make_shared<VslLayer>(*loaded), policy::Mode::shadow}});
  mail();
  rcpt("jane");
  EXPECT_EQ(message(), "pass");
  EXPECT_TRUE(evidence_.copies.empty());
  EXPECT_EQ(say(Stage::queued), "pass");
  ASSERT_EQ(trace_.decisions.back().steps.size(), 1u);
  EXPECT_THAT(trace_.decisions.back().steps[0].verdict.reply.to_string(), HasSubstr("554 5.7.1"));
  EXPECT_EQ(say(Stage::delivery), "pass");
  EXPECT_EQ(trace_.decisions.back().steps.size(), 1u);
}

TEST_F(VslLayerTest, questions_that_come_to_nothing_run_no_rule) {
  load("#{ rcpt: [ rule \"r\" || deny() ] }");
  mail();
  evidence_.vrfy = policy::Evidence::Vrfy::in_transaction;
  EXPECT_EQ(rcpt("jane"), "nobody's");
  evidence_.vrfy = policy::Evidence::Vrfy::no;
  EXPECT_THAT(rcpt("jane"), HasSubstr("554"));
}

TEST_F(VslLayerTest, a_session_keeps_the_policy_it_began_with) {
  load("#{ mail: [ rule \"r\" || deny(\"550 5.0.0 one\") ] }");
  EXPECT_EQ(mail(), "550 5.0.0 one, closes");
  load("#{ mail: [ rule \"r\" || deny(\"550 5.0.0 two\") ] }");
  EXPECT_EQ(mail(), "550 5.0.0 one, closes");
  evidence_.session.script.reset();
  EXPECT_EQ(mail(), "550 5.0.0 two, closes");
}

TEST_F(VslLayerTest, a_failure_names_rule_and_place_in_the_log_alone) {
  load("#{\n  preq: [\n    rule \"read\" || { let a = [1]; a[3] },\n  ],\n}");
  mail();
  rcpt("jane");
  EXPECT_EQ(message(), local_error);
  ASSERT_FALSE(world_.lines.empty());
  EXPECT_THAT(world_.lines.back(), HasSubstr("main.vsl:3:"));
  EXPECT_THAT(world_.lines.back(), HasSubstr("rule 'read'"));
  EXPECT_THAT(world_.lines.back(), HasSubstr("out of bounds"));
}

TEST_F(VslLayerTest, a_record_makes_the_same_decisions_again) {
  gatherer_ = std::make_unique<dialect::testing::MailGatherer>(
      R"({"sender.example": {"TXT": ["v=spf1 ip4:203.0.113.0/24 -all"]},
          "10.113.0.203.in-addr.arpa": {"PTR": ["mx.sender.example"]}})");
  load(R"(#{
    connect: [ action "c" || log("info", client_ip()) ],
    mail: [ rule "spf" || check_spf("both", "strict"),
            rule "ptr" || if "mx.sender.example" in rlookup(client_ip()) { next() } else { deny() },
            action "bcc" || bcc("archive@doe.example"),
            rule "skip" || if mail_from().local_part is "skip" { faccept() } else { next() } ],
    rcpt: [ rule "many" || if rcpt_list().len > 2 { info("452 4.5.3 enough") } else { next() } ],
    preq: [ rule "subject" || { let s = get_header("Subject"); deny(`550 5.7.1 ${s} ${rcpt_list().len}`) } ],
  })");
  say(Stage::connect);
  EXPECT_EQ(mail(), "pass");
  EXPECT_EQ(rcpt("jane"), "pass");
  EXPECT_EQ(rcpt("john"), "452 4.5.3 enough");
  EXPECT_EQ(message("Subject: hello\r\n\r\ntext\r\n"), "550 5.7.1 hello 2, closes");
  trace_.evidence = evidence_;
  const std::string record = policy::write_record(trace_);
  const auto engine = std::make_shared<const std::string>(engine_->definition());
  const auto read = policy::read_record(
      record,
      replay::definition_source(
          [&](const std::string&, std::uint64_t) -> Result<std::string> { return *engine; }));
  ASSERT_TRUE(read.has_value()) << read.error().message;
  const auto again = tests::run(replay::rederive(*read));
  ASSERT_TRUE(again.has_value()) << again.error().message;
  for (const auto& answer : again->answers) {
    EXPECT_THAT(answer.differences, ElementsAre()) << record;
    EXPECT_TRUE(answer.asked);
  }
}

TEST_F(VslLayerTest, the_id_of_a_message_is_its_queue_id_and_stays_in_records) {
  const auto answers = [this](const std::function<void(std::string&)>& change) {
    trace_.evidence = evidence_;
    std::string record = policy::write_record(trace_);
    change(record);
    const auto engine = std::make_shared<const std::string>(engine_->definition());
    const auto read = policy::read_record(
        record,
        replay::definition_source(
            [&](const std::string&, std::uint64_t) -> Result<std::string> { return *engine; }));
    EXPECT_TRUE(read.has_value());
    const auto again = tests::run(replay::rederive(*read));
    EXPECT_TRUE(again.has_value());
    std::vector<std::string> differences;
    for (const auto& one : again->answers) {
      differences.insert(differences.end(), one.differences.begin(), one.differences.end());
    }
    return differences;
  };
  const auto id_at_mail = [this] {
    evidence_.reset_transaction();
    evidence_.reverse_path = mail::Mailbox{"a", "sender.example"};
    evidence_.message_id = "01BX5ZZKBKACTAV9WEVGEMMVRZ";
    return say(Stage::mail);
  };
  load("#{ mail: [ rule \"id\" || deny(`550 5.0.0 ${message_id()}`) ] }");
  EXPECT_EQ(id_at_mail(), "550 5.0.0 01BX5ZZKBKACTAV9WEVGEMMVRZ, closes");
  EXPECT_THAT(answers([](std::string&) {}), ElementsAre());

  // Older versions gave the session's id, and recorded no other.
  const std::string session = evidence_.session.id;
  const auto old_record = [&](std::string& record) {
    const auto replace = [&](std::string_view from, std::string_view to) {
      std::size_t found = 0;
      for (std::size_t at = record.find(from); at != std::string::npos;
           at = record.find(from, at + to.size())) {
        record.replace(at, from.size(), to);
        ++found;
      }
      EXPECT_GT(found, 0u) << from << " in " << record;
    };
    replace(R"({\"id\":\"01BX5ZZKBKACTAV9WEVGEMMVRZ\"})", "");
    replace("01BX5ZZKBKACTAV9WEVGEMMVRZ", session);
  };
  EXPECT_THAT(answers(old_record), ElementsAre());
}

/// Knows one account.
class Accounts final : public policy::Verifier {
 public:
  std::string_view name() const override { return "static"; }
  bool serves(std::string_view) const override { return true; }
  Task<policy::AuthAnswer> verify(const policy::AuthAttempt& attempt, policy::Inquiry&,
                                  std::vector<policy::Step>&) const override {
    policy::AuthAnswer answer;
    if (attempt.authn_id == "down") {
      answer.kind = policy::AuthAnswer::Kind::unavailable;
    } else if (attempt.authn_id == "scott") {
      const bool right = attempt.password.equals("tiger");
      answer.kind = right ? policy::AuthAnswer::Kind::accepted : policy::AuthAnswer::Kind::refused;
      answer.identity.username = answer.identity.authz_id = "scott";
    }
    co_return answer;
  }
};

TEST_F(VslLayerTest, only_accept_authenticates) {
  using Kind = policy::AuthAnswer::Kind;
  const struct {
    std::string rules;
    std::string name;
    Kind kind;
  } cases[] = {
      {"", "scott", Kind::unknown},
      {"rule \"a\" || next()", "scott", Kind::unknown},
      {"rule \"a\" || accept()", "anybody", Kind::accepted},
      {"rule \"a\" || faccept()", "anybody", Kind::accepted},
      {"rule \"a\" || deny()", "scott", Kind::refused},
      {"rule \"a\" || throw \"x\"", "scott", Kind::unavailable},
      {"rule \"a\" || authenticate()", "scott", Kind::accepted},
      {"rule \"a\" || authenticate()", "nobody", Kind::refused},
      {"rule \"a\" || authenticate()", "down", Kind::unavailable},
      {"rule \"a\" || if auth().authpass == \"tiger\" { accept() } else { deny() }", "x",
       Kind::accepted},
      {"rule \"a\" || throw auth().authpass", "x", Kind::unavailable},
  };
  for (const auto& one : cases) {
    load("#{ authenticate: [ " + one.rules + " ] }");
    evidence_.session.script.reset();
    auto loaded = VslPolicy::load(options_, world_);
    ASSERT_TRUE(loaded.has_value());
    const VslVerifier verifier(*loaded, {std::make_shared<Accounts>()});
    const policy::AuthAttempt attempt{.mechanism = "PLAIN",
                                      .authz_id = {},
                                      .authn_id = one.name,
                                      .password = Secret(std::string("tiger"))};
    std::vector<policy::Step> steps;
    policy::Tape tape;
    policy::Inquiry inquiry(evidence_, *gatherer_, tape);
    const auto answer = tests::run(verifier.verify(attempt, inquiry, steps));
    EXPECT_EQ(answer.kind, one.kind) << one.rules << " of " << one.name << ": " << answer.detail;
    EXPECT_THAT(answer.detail, ::testing::Not(HasSubstr("tiger")));
    for (const std::string& line : world_.lines)
      EXPECT_THAT(line, ::testing::Not(HasSubstr("tiger")));
    if (answer.kind == Kind::accepted) EXPECT_EQ(answer.identity.authz_id, one.name);
    if (one.rules.empty()) {
      EXPECT_TRUE(steps.empty());
    } else {
      ASSERT_FALSE(steps.empty());
      EXPECT_EQ(steps.back().check, "a") << "the rule, behind the accounts that it asked";
      EXPECT_EQ(steps.back().origin, "main.vsl:1:20");
    }
    for (const policy::Step& step : steps) {
      EXPECT_THAT(step.verdict.detail, ::testing::Not(HasSubstr("tiger")));
    }
  }
}

// A rule edits a copy of the header, which is charged besides the message.
TEST_F(VslLayerTest, the_header_in_hand_is_charged_while_the_transaction_lasts) {
  const auto budget = world_.budget = std::make_shared<MemoryBudget>(64u << 20);
  load(R"(#{ preq: [ rule "p" || { append_header("X-Seen", "1"); next() } ] })");
  const std::string long_field = "X-Long: " + std::string(500, 'x') + "\r\n";
  std::string text;
  while (text.size() < 400'000) text += long_field;
  const std::uint64_t script = [&] {
    mail();
    rcpt("jane");
    EXPECT_EQ(message("From: a@sender.example\r\n\r\nhello\r\n"), "pass");
    mail();
    return budget->used();
  }();
  EXPECT_EQ(rcpt("jane"), "pass");
  EXPECT_EQ(message(text + "\r\nhello\r\n"), "pass");
  EXPECT_GT(budget->used(), script + 800'000) << "the fields, and the header that came of them";
  EXPECT_LT(budget->used(), script + 1'600'000);
  EXPECT_EQ(message(text + "\r\nhello\r\n"), "pass");
  mail();
  EXPECT_LT(budget->used(), script + 200'000) << "given back with the transaction";
}

TEST_F(VslLayerTest, a_header_for_which_there_is_no_room_stops_the_rule) {
  const auto budget = world_.budget = std::make_shared<MemoryBudget>(1u << 20);
  load(R"(#{ preq: [ rule "p" || { append_header("X-Seen", "1"); next() } ] })");
  mail();
  rcpt("jane");
  const std::string large = "X-Long: " + std::string(2'000'000, 'x') + "\r\n\r\nhello\r\n";
  EXPECT_EQ(message(large), local_error);
  EXPECT_THAT(trace_.decisions.back().steps.back().verdict.detail,
              HasSubstr("it has used up its memory"));
  EXPECT_FALSE(budget->used_up()) << "nothing of it is kept";
}

// Each edit is small, but all of them are charged.
TEST_F(VslLayerTest, fields_that_a_rule_writes_are_charged_one_by_one) {
  const auto budget = world_.budget = std::make_shared<MemoryBudget>(1u << 20);
  load(R"(#{ preq: [ rule "p" || {
      let long = "x"; for i in 0..9 { long += long; }
      for i in 0..9000 { append_header("X-Long", long); } next() } ] })");
  mail();
  rcpt("jane");
  EXPECT_EQ(message(), local_error);
  EXPECT_THAT(trace_.decisions.back().steps.back().verdict.detail,
              HasSubstr("it has used up its memory"));
  mail();
  EXPECT_FALSE(budget->used_up());
}

}  // namespace
}  // namespace postern::dialect::vsl
