#include "serve/trace_rerun.h"

#include <gtest/gtest.h>

#include "base/temporary_folder_test.h"
#include "cli/commands_explain.h"
#include "config/engine.h"
#include "config/room_options.h"
#include "dialect/webhook/compile.h"
#include "dns/recorded_resolver.h"
#include "explain/live.h"
#include "policy/bcrypt.h"
#include "policy/testing.h"

namespace postern::app {
namespace {

using namespace postern::policy::testing;

constexpr std::string_view passes = R"({"example.com": {"TXT": ["v=spf1 ip4:203.0.113.10 -all"]}})";

/// Records decisions for one webhook with a policy; then the test changes policies and DNS.
class TraceRerunTest : public ::testing::Test {
 protected:
  TraceRerunTest() {
    config_ = default_config().config;
    config_.server.data_dir = folder_.path();
    fields_.name = "strict";
    fields_.allowed_source_ips = {*Cidr::parse("203.0.113.0/24")};
    webhook_ = a_webhook("tickets");
    webhook_->policy_id = "pol_1";
    const auto other = a_webhook("other");
    other->account_id = "acc_2";
    directory_.apply({.put_webhooks = {webhook_, other}, .put_domains = {"hooks.example.net"}});
    put_policy(1);
    options_.client_ip = *IpAddress::parse("203.0.113.10");
    options_.mail_from = "alerts@example.com";
    options_.recipients = {"tickets@hooks.example.net"};
    options_.message =
        folder_.write("a.eml", "From: alerts@example.com\r\nSubject: x\r\n\r\nbody\r\n");
    options_.dns = folder_.write("then.json", std::string(passes));
    dns_today_ = passes;
    writer_ = store::TraceWriter::open(path()).value();
  }

  void put_policy(std::uint64_t version) {
    directory_.apply(
        {.put_policies = {dialect::webhook::compile("pol_1", "acc_1", version, version, fields_)}});
  }
  /// Decides and keeps the trace.
  void record() {
    Result<policy::Trace> trace = decide_live(config_, options_, directory_);
    ASSERT_TRUE(trace) << trace.error().message;
    id_ = trace->id;
    writer_->post(std::move(*trace));
  }
  std::optional<admin::TraceRerunResult> again(std::optional<std::string> account = "acc_1") {
    const auto resolver = dns::RecordedResolver::parse(dns_today_).value();
    TraceRerunPort port(*writer_, path(), disk_, directory_, *resolver, [this] {
      return replay::Draft{engine_for(config_), authentication_options(config_)};
    });
    const auto result = run(port.run(std::move(account), id_));
    EXPECT_TRUE(result) << result.error().message;
    return result ? *result : std::nullopt;
  }
  std::string path() const { return folder_.file("traces.db"); }
  static std::string joined(const std::vector<std::string>& sentences) {
    std::string out;
    for (const std::string& one : sentences) out += one + "\n";
    return out;
  }

  tests::TemporaryFolder folder_;
  Config config_;
  dialect::webhook::PolicyFields fields_;
  std::shared_ptr<policy::Webhook> webhook_;
  policy::Directory directory_;
  ExplainOptions options_;
  std::string dns_today_;
  std::string id_;
  net::WorkPool disk_{1, 10};
  std::unique_ptr<store::TraceWriter> writer_;
};

TEST_F(TraceRerunTest, nothing_has_changed) {
  fields_.require_spf = true;
  fields_.allowed_spf_domains = {"example.com"};
  put_policy(2);
  record();
  const auto result = again();
  ASSERT_TRUE(result);
  EXPECT_EQ(result->then.outcome, "accepted");
  EXPECT_TRUE(result->same) << joined(result->changes);
  EXPECT_EQ(joined(result->changes), "");
  EXPECT_EQ(result->now.outcome, "accepted");
  EXPECT_EQ(joined(result->cannot_tell),
            "DKIM and ARC: the message's text is not kept, so the recorded results are used\n");
}

TEST_F(TraceRerunTest, todays_policy_decides) {
  options_.client_ip = *IpAddress::parse("198.51.100.1");
  record();
  fields_.allowed_source_ips.push_back(*Cidr::parse("198.51.100.0/24"));
  put_policy(2);
  const auto result = again();
  ASSERT_TRUE(result);
  EXPECT_FALSE(result->same);
  EXPECT_EQ(joined(result->changes),
            "rcpt <tickets@hooks.example.net>: was 550 5.7.1 source address 198.51.100.1 is not in "
            "the policy's allowlist, would be accepted\n");
  EXPECT_EQ(result->then.outcome, "rejected");
  EXPECT_EQ(result->then.rule, "client_in_networks");
  EXPECT_EQ(result->now.outcome, "accepted");
  EXPECT_EQ(result->now.code, 0);
  EXPECT_EQ(result->now.rule, "");
  EXPECT_EQ(result->now.id, result->then.id);
  EXPECT_EQ(joined(result->cannot_tell), "message: depends on what the client did not send\n");
}

TEST_F(TraceRerunTest, what_was_accepted_may_be_refused_today) {
  record();
  fields_.allowed_source_ips = {*Cidr::parse("192.0.2.0/24")};
  put_policy(2);
  const auto result = again();
  ASSERT_TRUE(result);
  EXPECT_EQ(result->now.outcome, "rejected");
  EXPECT_EQ(result->now.code, 550);
  EXPECT_EQ(result->now.enhanced, "5.7.1");
  EXPECT_EQ(result->now.layer, "webhook");
  EXPECT_EQ(result->now.rule, "client_in_networks");
  EXPECT_EQ(result->now.origin, "pol_1/allowed_source_ips");
  EXPECT_EQ(result->now.reason, "203.0.113.10 is not in 192.0.2.0/24");
  EXPECT_NE(joined(result->changes).find(": was accepted, would be refused: 550 5.7.1 "),
            std::string::npos)
      << joined(result->changes);
}

TEST_F(TraceRerunTest, spf_is_asked_of_todays_dns) {
  fields_.require_spf = true;
  fields_.allowed_spf_domains = {"example.com"};
  put_policy(2);
  record();
  dns_today_ = R"({"example.com": {"TXT": ["v=spf1 -all"]}})";
  auto result = again();
  ASSERT_TRUE(result);
  EXPECT_EQ(result->then.outcome, "accepted");
  EXPECT_EQ(result->now.outcome, "rejected");
  EXPECT_EQ(result->now.enhanced, "5.7.23");
  const std::string changes = joined(result->changes);
  EXPECT_NE(changes.find("was accepted, would be refused: 550 5.7.23 "), std::string::npos);
  EXPECT_NE(changes.find("DNS example.com TXT: was v=spf1 ip4:203.0.113.10 -all, is v=spf1 -all\n"),
            std::string::npos)
      << changes;
  dns_today_ = R"({"example.com": {"*": "TIMEOUT"}})";
  result = again();
  ASSERT_TRUE(result);
  EXPECT_EQ(result->now.outcome, "deferred");
  EXPECT_NE(joined(result->cannot_tell).find("DNS example.com TXT: timeout\n"), std::string::npos)
      << joined(result->cannot_tell);
}

TEST_F(TraceRerunTest, a_webhook_that_is_gone_takes_no_mail) {
  record();
  directory_.apply({.remove_webhooks = {webhook_->id}});
  const auto result = again();
  ASSERT_TRUE(result);
  EXPECT_EQ(result->then.outcome, "accepted");
  EXPECT_EQ(result->now.outcome, "rejected");
  EXPECT_EQ(result->now.enhanced, "5.1.1");
}

TEST_F(TraceRerunTest, signed_in_users_stay_signed_in_as_long_as_the_policy_has_them) {
  fields_.require_smtp_auth = true;
  fields_.smtp_credentials = {{"sender1", policy::unmatched_hash(12)}};
  put_policy(2);
  options_.auth = "sender1";
  record();
  fields_.smtp_credentials = {{"sender1", policy::unmatched_hash(11)}};
  put_policy(3);
  auto result = again();
  ASSERT_TRUE(result);
  EXPECT_TRUE(result->same) << joined(result->changes);
  EXPECT_NE(joined(result->cannot_tell).find("AUTH: the password is not recorded"),
            std::string::npos);
  fields_.smtp_credentials = {{"sender2", policy::unmatched_hash(12)}};
  put_policy(4);
  result = again();
  ASSERT_TRUE(result);
  EXPECT_EQ(result->now.outcome, "rejected") << "nobody of that name is in the policy";
}

TEST_F(TraceRerunTest, other_accounts_recipients_are_left_out) {
  options_.recipients = {"tickets@hooks.example.net", "other@hooks.example.net"};
  record();
  directory_.apply({.remove_webhooks = {"wh_other"}});
  const auto own = again();
  ASSERT_TRUE(own);
  EXPECT_EQ(joined(own->changes).find("other@"), std::string::npos) << joined(own->changes);
  EXPECT_EQ(own->now.outcome, "accepted");
  EXPECT_FALSE(again("acc_2")) << "the trace is the first recipient's account's";
  EXPECT_TRUE(again(std::nullopt)) << "an operator";
}

TEST_F(TraceRerunTest, an_unknown_trace_is_none) {
  id_ = "01HX0000000000000000000000";
  EXPECT_FALSE(again());
}

}  // namespace
}  // namespace postern::app
