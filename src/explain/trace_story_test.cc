#include "explain/trace_story.h"

#include <gtest/gtest.h>

#include <boost/json.hpp>

#include "base/temporary_folder_test.h"
#include "dialect/webhook/compile.h"
#include "explain/live.h"
#include "explain/options.h"
#include "policy/deferral.h"
#include "policy/testing.h"
#include "serve/trace_port.h"

namespace postern::app {
namespace {

using namespace postern::policy::testing;
namespace json = boost::json;

/// Decides on one message for acc_1 and asks for its trace.
class TraceStory : public ::testing::Test {
 protected:
  TraceStory() {
    config_ = default_config().config;
    config_.server.data_dir = folder_.path();
    const auto own = a_webhook("tickets");
    own->policy_id = "pol_1";
    const auto other = a_webhook("other");
    other->account_id = "acc_2";
    other->policy_id = "pol_2";
    dialect::webhook::PolicyFields theirs;
    theirs.name = "theirs";
    theirs.allowed_source_ips = {*Cidr::parse("192.0.2.8/30")};
    fields_.name = "high-security";
    directory_.apply({.put_webhooks = {own, other},
                      .put_policies = {dialect::webhook::compile("pol_2", "acc_2", 1, 1, theirs)},
                      .put_domains = {"hooks.example.net"}});
    options_.client_ip = *IpAddress::parse("203.0.113.77");
    options_.helo = "mail.partner.example.com";
    options_.tls = true;
    options_.mail_from = "invoice@partner.example.com";
    options_.recipients = {"tickets@hooks.example.net"};
    options_.message = folder_.write("a.eml", "From: invoice@partner.example.com\r\n\r\nbody\r\n");
    options_.dns =
        folder_.write("dns.json", R"({"partner.example.com": {"TXT": ["v=spf1 -all"]}})");
    writer_ = store::TraceWriter::open(folder_.file("traces.db")).value();
  }

  policy::Trace decided() {
    directory_.apply(
        {.put_policies = {dialect::webhook::compile("pol_1", "acc_1", 3, 1, fields_)}});
    return decide_live(config_, options_, directory_).value();
  }
  std::optional<json::object> told(policy::Trace trace,
                                   std::optional<std::string> account = "acc_1") {
    TracePort port(*writer_, folder_.file("traces.db"), disk_);
    const std::string id = trace.id;
    writer_->post(std::move(trace));
    const auto story = run(port.story(std::move(account), id));
    EXPECT_TRUE(story) << story.error().message;
    return *story;
  }
  static std::string text_at(const json::object& story, std::string_view pointer) {
    const json::value all(story);
    const json::value& found = all.at_pointer(pointer);
    return found.is_string() ? std::string(found.as_string()) : json::serialize(found);
  }
  static std::string states(const json::object& story) {
    std::string out;
    for (const json::value& one : story.at("stages").as_array()) {
      out += std::string(out.empty() ? "" : " ") + std::string(one.at("state").as_string());
    }
    return out;
  }

  tests::TemporaryFolder folder_;
  Config config_;
  dialect::webhook::PolicyFields fields_;
  policy::Directory directory_;
  ExplainOptions options_;
  net::WorkPool disk_{1, 10};
  std::unique_ptr<store::TraceWriter> writer_;
};

TEST_F(TraceStory, says_who_refused_and_what_would_have_passed) {
  fields_.require_spf = true;
  const auto story = told(decided());
  ASSERT_TRUE(story);
  EXPECT_EQ(states(*story), "passed passed skipped passed passed refused not_reached");
  EXPECT_EQ(text_at(*story, "/stages/0/summary"), "from 203.0.113.77");
  EXPECT_EQ(text_at(*story, "/stages/1/summary"),
            "EHLO mail.partner.example.com, then STARTTLS (TLSv1.3)");
  EXPECT_EQ(text_at(*story, "/stages/2/summary"), "the client did not sign in");
  EXPECT_EQ(text_at(*story, "/stages/5/code"), "550");
  EXPECT_EQ(text_at(*story, "/decided_by/policy_name"), "high-security");
  EXPECT_EQ(text_at(*story, "/decided_by/policy_version"), "3");
  EXPECT_EQ(text_at(*story, "/decided_by/field"), "require_spf");
  EXPECT_EQ(text_at(*story, "/would_pass_if"),
            R"(["partner.example.com listed 203.0.113.77 in its SPF record"])");
  EXPECT_EQ(text_at(*story, "/dns/0/records"), R"(["v=spf1 -all"])");
  EXPECT_EQ(text_at(*story, "/again/agrees"), "true");
  EXPECT_EQ(text_at(*story, "/stages/5/decisions/0/layers/0/name"), "high-security");
}

/// Every check of the list has its own words, though they share the field.
TEST_F(TraceStory, says_which_offered_check_refused) {
  fields_.checks = {"helo_literal_is_client"};
  options_.helo = "[192.0.2.9]";
  const auto story = told(decided());
  ASSERT_TRUE(story);
  EXPECT_EQ(text_at(*story, "/decided_by/field"), "checks");
  EXPECT_EQ(text_at(*story, "/would_pass_if"),
            R"(["this held: an address literal in HELO is the client's address"])");
  EXPECT_EQ(text_at(*story, "/again/agrees"), "true");
}

TEST_F(TraceStory, names_the_rule_that_had_the_reason_to_defer) {
  policy::Trace trace = decided();
  trace.outcome = "deferred";
  policy::Decision& last = trace.decisions.back();
  last.reply = {.code = 450, .enhanced = {4, 7, 1}, .text = "later"};
  last.steps = {{.stage = last.stage,
                 .layer = "restrictions",
                 .check = "end_of_lists",
                 .origin = {},
                 .verdict = policy::refuse(
                     450, {4, 7, 1}, "later",
                     policy::with_raiser({"defer_if_permit", "list:2"}, "no rule refused"))}};
  const auto story = told(trace);
  ASSERT_TRUE(story);
  EXPECT_EQ(text_at(*story, "/decided_by/rule"), "end_of_lists");
  EXPECT_EQ(text_at(*story, "/decided_by/raised_by/rule"), "defer_if_permit");
  EXPECT_EQ(text_at(*story, "/decided_by/raised_by/origin"), "list:2");
  EXPECT_EQ(text_at(*story, "/would_pass_if"), R"(["defer_if_permit had no reason to defer"])");
}

TEST_F(TraceStory, shadow_rules_never_answer) {
  fields_.shadow = true;
  fields_.require_spf = true;
  const auto story = told(decided());
  EXPECT_EQ(states(*story), "passed passed skipped passed passed passed passed");
  EXPECT_EQ(text_at(*story, "/decided_by"), "null");
  EXPECT_EQ(text_at(*story, "/would_pass_if"), "[]");
  EXPECT_EQ(text_at(*story, "/stages/5/decisions/0/layers/0/mode"), "shadow");
}

TEST_F(TraceStory, the_endpoint_refuses_whatever_a_recipient_met_before) {
  options_.recipients = {"other@hooks.example.net", "tickets@hooks.example.net"};
  policy::Trace trace = decided();
  trace.outcome = "deferred";
  trace.reply = {.code = 451, .enhanced = {4, 4, 0}, .text = "endpoint answered 503"};
  const auto story = told(std::move(trace));
  EXPECT_EQ(states(*story), "passed passed skipped passed passed passed deferred");
  EXPECT_EQ(text_at(*story, "/decided_by/stage"), "delivery");
  EXPECT_EQ(text_at(*story, "/decided_by/text"), "endpoint answered 503");
}

TEST_F(TraceStory, an_account_does_not_hear_of_the_others) {
  options_.recipients = {"other@hooks.example.net", "tickets@hooks.example.net"};
  policy::Trace trace = decided();
  const std::string id = trace.id;
  const auto own = told(trace, "acc_1");
  const std::string text = json::serialize(*own);
  EXPECT_EQ(text_at(*own, "/recipients/0"), R"({"hidden":true})");
  EXPECT_EQ(text_at(*own, "/recipients/1/address"), "tickets@hooks.example.net");
  EXPECT_EQ(text_at(*own, "/stages/4/decisions/0"), R"({"hidden":true,"layers":[],"effects":[]})");
  EXPECT_NE(text.find("wh_tickets"), std::string::npos);
  for (const char* secret : {"192.0.2.8", "pol_2", "wh_other", "theirs", "other@"}) {
    EXPECT_EQ(text.find(secret), std::string::npos) << secret;
  }
  EXPECT_EQ(text_at(*own, "/again/differences"), "[]");
  EXPECT_FALSE(told(trace, "acc_2")) << "the message was not theirs";
  const std::string all = json::serialize(*told(trace, std::nullopt));
  for (const char* part : {"192.0.2.8", "pol_2", "wh_other", "wh_tickets"}) {
    EXPECT_NE(all.find(part), std::string::npos) << part;
  }
}

TEST_F(TraceStory, an_account_does_not_hear_what_others_refused_before_the_client_left) {
  options_.recipients = {"tickets@hooks.example.net", "other@hooks.example.net"};
  policy::Trace trace = decided();
  trace.outcome = "aborted";
  trace.reply = {.code = 0, .enhanced = {}, .text = {}};
  const auto own = told(trace, "acc_1");
  ASSERT_TRUE(own);
  EXPECT_EQ(text_at(*own, "/reply"), "null");
  EXPECT_EQ(text_at(*own, "/decided_by"), "null");
  EXPECT_EQ(text_at(*own, "/stages/4/state"), "passed");
  EXPECT_EQ(json::serialize(*own).find("other@"), std::string::npos);
  EXPECT_EQ(text_at(*told(trace, std::nullopt), "/stages/4/state"), "refused");
}

TEST_F(TraceStory, a_password_that_was_wrong_is_the_gateways_refusal) {
  policy::Trace trace;
  trace.id = decided().id;
  trace.started = std::chrono::system_clock::now();
  trace.outcome = "rejected";
  trace.evidence = from_client("203.0.113.77");
  trace.evidence.reverse_path.reset();
  policy::Decision decision{.stage = policy::Stage::auth};
  decision.reply = {.code = 535, .enhanced = {5, 7, 8}, .text = "authentication failed"};
  trace.note(std::move(decision));
  const auto story = told(std::move(trace), std::nullopt);
  EXPECT_EQ(states(*story),
            "passed passed refused not_reached not_reached not_reached not_reached");
  EXPECT_EQ(text_at(*story, "/decided_by/text"), "authentication failed");
}

TEST_F(TraceStory, the_null_reverse_path_is_named) {
  options_.mail_from = "";
  const auto story = told(decided());
  EXPECT_EQ(text_at(*story, "/stages/3/summary"), "<>, the null reverse-path");
}

// Regression: a webhook's account saw the other recipients of a transaction that were refused.
TEST_F(TraceStory, a_recipient_of_nobody_is_not_named_to_an_account) {
  options_.recipients = {"tickets@hooks.example.net", "secret-name@elsewhere.example.org"};
  policy::Trace trace = decided();
  trace.outcome = "rejected";
  trace.reply = {.code = 0, .enhanced = {}, .text = {}};
  ASSERT_EQ(trace.settling()->recipient, "secret-name@elsewhere.example.org");
  const auto own = told(trace, "acc_1");
  ASSERT_TRUE(own);
  EXPECT_EQ(text_at(*own, "/recipients/0/address"), "tickets@hooks.example.net");
  EXPECT_EQ(text_at(*own, "/recipients/1"), R"({"hidden":true})");
  EXPECT_EQ(text_at(*own, "/reply"), "null");
  EXPECT_EQ(json::serialize(*own).find("secret-name"), std::string::npos);
  const std::string all = json::serialize(*told(trace, std::nullopt));
  EXPECT_NE(all.find("secret-name"), std::string::npos) << "operators see it";
}

}  // namespace
}  // namespace postern::app
