#include "serve/adapters.h"

#include <gtest/gtest.h>

#include <algorithm>

#include <fmt/format.h>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/use_future.hpp>
#include <boost/json.hpp>

#include "base/temporary_folder_test.h"
#include "dialect/webhook/compile.h"
#include "dialect/webhook/controls.h"
#include "dns/recorded_resolver.h"
#include "policy/catalogue.h"
#include "policy/testing.h"

namespace postern::app {
namespace {

namespace json = boost::json;
namespace testing = policy::testing;
using dialect::webhook::PolicyFields;

std::string suite_file(const std::string& name) {
  return tests::read_file(POSTERN_SOURCE_DIR "/tests/suites/conduit/" + name);
}

/// Counts the queries.
class SuiteResolver final : public dns::Resolver {
 public:
  SuiteResolver() : zone_(*dns::RecordedResolver::parse(suite_file("dns/zone.json"))) {}
  Task<dns::Answer> lookup(dns::Question question, std::chrono::milliseconds limit) override {
    ++asked;
    return zone_->lookup(std::move(question), limit);
  }
  int asked = 0;

 private:
  std::unique_ptr<dns::RecordedResolver> zone_;
};

class DryRunTest : public ::testing::Test {
 protected:
  DryRunTest() {
    fields_.name = "dry";
    request_.client_ip = *IpAddress::parse("203.0.113.10");
    request_.helo = "mx.partner.example.com";
    request_.mail_from = "alerts@partner.example.com";
  }

  /// "reject data 550 5.7.20", then the results of the controls that are on: "source_ip=pass
  /// spf=fail". The answer has every control, in the order of the table; of the offered checks
  /// those that are on.
  std::string decided() {
    request_.policy = dialect::webhook::compile("pol_1", "acc_1", 1, 1, fields_);
    DryRunPort port({.receiver = "mx.example.org"}, caches_, resolver_);
    auto answer = testing::run(port.decide(request_));
    EXPECT_TRUE(answer);
    answer_ = *answer;
    const json::object& reply = answer_.at("reply").as_object();
    std::string text = std::string(answer_.at("decision").as_string()) + " " +
                       std::string(answer_.at("stage").as_string()) + " " +
                       json::serialize(reply.at("code")) + " " +
                       std::string(reply.at("enhanced").as_string());
    const json::array& checks = answer_.at("checks").as_array();
    std::size_t next = 0;
    for (const dialect::webhook::Control& control : dialect::webhook::controls()) {
      const bool on =
          std::ranges::any_of(control.rules, [&](const auto& rule) { return rule.is_on(fields_); });
      if (control.named && !on) continue;
      const json::object& check = checks.at(next++).as_object();
      const std::string outcome(check.at("result").as_string());
      EXPECT_EQ(check.at("control").as_string(), control.name);
      EXPECT_EQ(check.at("enabled").as_bool(), on) << control.name;
      if (on)
        text += fmt::format(" {}={}", control.name, outcome);
      else
        EXPECT_EQ(outcome, "not_evaluated") << control.name;
    }
    EXPECT_EQ(checks.size(), next);
    return text;
  }
  std::string detail(std::size_t check) const {
    return std::string(answer_.at("checks").at(check).at("detail").as_string());
  }
  void use(const std::string& message) { request_.message = suite_file("messages/" + message); }
  std::string result(const char* method) const {
    return std::string(answer_.at(method).at("result").as_string());
  }

  PolicyFields fields_;
  admin::DryRunRequest request_;
  policy::AuthenticationCaches caches_;
  SuiteResolver resolver_;
  json::object answer_;
};

TEST_F(DryRunTest, of_all_controls_accepts) {
  fields_.allowed_source_ips = {*Cidr::parse("203.0.113.0/24")};
  fields_.require_spf = fields_.require_dkim = true;
  fields_.allowed_spf_domains = fields_.allowed_dkim_domains = {"partner.example.com"};
  use("dkim-ok-partner.eml");
  EXPECT_EQ(decided(), "accept data 250 2.0.0 source_ip=pass spf=pass dkim=pass");
  EXPECT_EQ(detail(2).rfind("partner.example.com is listed; SPF pass", 0), 0u) << detail(2);
  EXPECT_EQ(result("spf"), "pass");
  EXPECT_EQ(answer_.at("dkim").at(0).at("result"), "pass");
  EXPECT_EQ(result("dmarc"), "pass");
  EXPECT_EQ(result("arc"), "none");
}

TEST_F(DryRunTest, refuses_what_the_gateway_would) {
  struct Case {
    const char* mail_from;
    const char* message;
    const char* want;
  };
  fields_.require_spf = fields_.require_dkim = true;
  const Case cases[] = {
      {"alerts@partner.example.com", "plain-unsigned.eml", "reject data 550 5.7.20"},
      {"alerts@partner.example.com", "dkim-body-altered.eml", "reject data 550 5.7.20"},
      {"alerts@partner.example.com", "dkim-key-servfail.eml", "defer data 451 4.7.5"},
      {"x@fail.example", "dkim-ok-partner.eml", "reject data 550 5.7.23"},
      {"x@permerror.example", "dkim-ok-partner.eml", "reject data 550 5.7.24"},
      {"x@temperror.example", "dkim-ok-partner.eml", "defer data 451 4.7.24"},
      {"x@fail.example", "dkim-body-altered.eml", "reject data 550 5.7.26"},
      {"x@temperror.example", "plain-unsigned.eml", "reject data 550 5.7.20"},
  };
  for (const Case& c : cases) {
    request_.mail_from = c.mail_from;
    use(c.message);
    EXPECT_EQ(decided().rfind(c.want, 0), 0u) << c.mail_from << " " << c.message << decided();
  }
}

TEST_F(DryRunTest, names_undecided_controls) {
  fields_.require_spf = true;
  request_.mail_from = "x@temperror.example";
  EXPECT_EQ(decided(), "defer data 451 4.7.24 spf=temperror");
}

TEST_F(DryRunTest, judges_every_control_though_the_address_is_refused) {
  fields_.allowed_source_ips = {*Cidr::parse("198.51.100.0/24")};
  fields_.require_spf = true;
  request_.mail_from = "x@fail.example";
  EXPECT_EQ(decided(), "reject rcpt 550 5.7.1 source_ip=fail spf=fail");
}

TEST_F(DryRunTest, names_offered_checks_that_are_on) {
  fields_.checks = {"helo_literal_is_client"};
  EXPECT_EQ(decided(), "accept data 250 2.0.0 helo_literal_is_client=pass");
  request_.helo = "[192.0.2.9]";
  EXPECT_EQ(decided(), "reject rcpt 550 5.7.1 helo_literal_is_client=fail");
  EXPECT_EQ(detail(2), "HELO is [192.0.2.9], the client 203.0.113.10");
}

TEST_F(DryRunTest, without_a_message_leaves_dkim_open) {
  fields_.require_spf = fields_.require_dkim = true;
  EXPECT_EQ(decided(), "accept data 250 2.0.0 spf=pass dkim=not_evaluated");
  EXPECT_EQ(detail(3), "no message given");
  EXPECT_NE(answer_.at("reply").at("text").as_string().find("not evaluated"), std::string::npos);
  EXPECT_EQ(answer_.at("dkim"), json::array());
  EXPECT_EQ(result("dmarc"), "none");
}

TEST_F(DryRunTest, reports_what_the_policy_does_not_ask_for) {
  use("dkim-body-altered.eml");
  EXPECT_EQ(decided(), "accept data 250 2.0.0");
  EXPECT_EQ(result("spf"), "pass");
  EXPECT_EQ(answer_.at("dkim").at(0).at("result"), "fail");
  EXPECT_EQ(answer_.at("dmarc").at("policy"), "reject");
}

TEST_F(DryRunTest, asks_nothing_of_a_domain_that_is_not_listed) {
  fields_.require_spf = true;
  fields_.allowed_spf_domains = {"partner.example.com"};
  request_.mail_from = "x@fail.example";
  EXPECT_EQ(decided().rfind("reject data 550 5.7.1 ", 0), 0u);
  EXPECT_EQ(resolver_.asked, 0);
  EXPECT_EQ(result("spf"), "skipped");
}

TEST_F(DryRunTest, sends_lines_of_a_unix_file_with_crlf) {
  fields_.require_dkim = true;
  use("dkim-ok-partner.eml");
  std::erase(*request_.message, '\r');
  EXPECT_EQ(decided().rfind("accept data 250", 0), 0u) << json::serialize(answer_);
}

class RecorderTest : public ::testing::Test {
 protected:
  RecorderTest() {
    log_ = std::move(*store::DeliveryLog::open(folder_.file("delivery.db")));
    traces_ = std::move(*store::TraceWriter::open(folder_.file("traces.db"), {}));
    webhook_ = testing::a_webhook("tickets");
    trace_.evidence = testing::from_client("203.0.113.10");
    trace_.evidence.recipients = {testing::recipient_of(webhook_)};
    trace_.evidence.message.emplace();
  }

  /// The only log record of a transaction with one refusal.
  store::LogRecord record(policy::Stage stage, const std::vector<const policy::Check*>& refusing) {
    policy::Decision decision{
        .stage = stage, .steps = {}, .reply = {550, {5, 7, 26}, "no"}, .candidate = {}};
    if (stage == policy::Stage::rcpt) decision.candidate = trace_.evidence.recipients.front();
    for (const policy::Check* check : refusing) {
      decision.steps.push_back({.stage = stage,
                                .layer = "webhook",
                                .check = check->name,
                                .origin = {},
                                .verdict = policy::refuse(550, {5, 7, 23}, "no", "")});
    }
    trace_.id = "trc_1";
    trace_.outcome = "rejected";
    trace_.decisions = {decision};
    Recorder(*log_, *traces_).ended(trace_);
    const auto listed = log_->list(webhook_->id, {}, {});
    EXPECT_EQ(listed->rows.size(), 1u);
    return listed->rows.empty() ? store::LogRecord() : listed->rows.front();
  }

  tests::TemporaryFolder folder_;
  std::unique_ptr<store::DeliveryLog> log_;
  std::unique_ptr<store::TraceWriter> traces_;
  std::shared_ptr<policy::Webhook> webhook_;
  policy::Trace trace_;
};

TEST_F(RecorderTest, logs_verdicts_of_a_refused_message_and_the_first_control) {
  trace_.evidence.spf = mailauth::spf::Result{.status = mailauth::spf::Status::softfail};
  trace_.evidence.dkim.emplace();
  trace_.evidence.dkim->signatures.push_back({.status = mailauth::dkim::Status::fail});
  trace_.evidence.dkim->signatures[0].signature.domain = "example.com";
  trace_.evidence.dkim->signatures[0].signature.selector = "s1";
  trace_.evidence.dmarc = mailauth::dmarc::Result{.status = mailauth::dmarc::Status::fail};
  const store::LogRecord logged = record(
      policy::Stage::message, {&policy::checks::spf_authorised, &policy::checks::dkim_signed});
  EXPECT_EQ(logged.failed_control, "spf");
  EXPECT_EQ(logged.spf_result, "softfail");
  EXPECT_EQ(logged.dkim_results, std::vector<std::string>{"fail example.com/s1"});
  EXPECT_EQ(logged.dmarc_result, "fail");
}

TEST_F(RecorderTest, says_that_spf_was_skipped) {
  const store::LogRecord logged =
      record(policy::Stage::message, {&policy::checks::spf_domain_listed});
  EXPECT_EQ(logged.failed_control, "spf");
  EXPECT_EQ(logged.spf_result, "skipped");
}

TEST_F(RecorderTest, has_no_verdicts_of_a_refused_recipient) {
  trace_.evidence.spf = mailauth::spf::Result{.status = mailauth::spf::Status::pass};
  const store::LogRecord logged =
      record(policy::Stage::rcpt, {&policy::checks::client_authenticated});
  EXPECT_EQ(logged.failed_control, "smtp_auth");
  EXPECT_FALSE(logged.spf_result);
  EXPECT_FALSE(logged.dmarc_result);
}

TEST_F(RecorderTest, tells_who_watches) {
  admin::TraceHub watchers;
  boost::asio::io_context loop;  // outlives the subscription, whose timer is the loop's
  const auto subscription = watchers.subscribe("acc_1", false, std::nullopt);
  trace_.id = "01HX0000000000000000000000";
  trace_.outcome = "accepted";
  Recorder(*log_, *traces_, &watchers).ended(trace_);
  auto next = boost::asio::co_spawn(loop, subscription->next(std::chrono::steady_clock::now()),
                                    boost::asio::use_future);
  loop.run();
  const admin::TraceHub::Batch batch = next.get();
  ASSERT_EQ(batch.events.size(), 1u);
  EXPECT_EQ(batch.events[0].row->id, trace_.id);
  EXPECT_EQ(batch.events[0].row->webhook_id, webhook_->id);
}

}  // namespace
}  // namespace postern::app
