// Webhooks, policies and credentials edited between RCPT and the end of data.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "dialect/webhook/compile.h"
#include "dialect/webhook/layer.h"
#include "policy/bcrypt.h"
#include "policy/gateway_layer.h"
#include "policy/testing.h"
#include "policy/trace.h"
#include "replay/rederive.h"
#include "replay/replay.h"

namespace postern::replay {
namespace {

using namespace postern::policy::testing;
using policy::Decision;
using policy::Evidence;
using policy::Route;
using policy::Stage;
using policy::Trace;
using testing::ElementsAre;
using testing::HasSubstr;

class EditedPolicy : public testing::Test {
 protected:
  /// Version `version` of a policy that allows `network`, or any network if it is empty.
  std::shared_ptr<const policy::WebhookPolicy> version(std::uint64_t version,
                                                       std::string_view network,
                                                       bool authenticated = false) {
    dialect::webhook::PolicyFields fields;
    fields.name = "strict";
    if (!network.empty()) fields.allowed_source_ips = {*Cidr::parse(network)};
    fields.require_smtp_auth = authenticated;
    fields.smtp_credentials = {{"sender1", policy::unmatched_hash(12)}};
    return dialect::webhook::compile("pol_1", "acc_1", version, version, fields, {5});
  }
  std::shared_ptr<policy::Webhook> hook(std::string name = "a") {
    auto made = a_webhook(std::move(name));
    made->policy_id = "pol_1";
    return made;
  }
  Decision decide(Stage stage) {
    Decision decision = run(engine_.decide(stage, evidence_, gatherer_));
    trace_.note(decision);
    return decision;
  }
  void accept(policy::Recipient recipient) {
    evidence_.consider(recipient);
    EXPECT_FALSE(policy::refused(decide(Stage::rcpt)));
    evidence_.recipients.push_back(std::move(recipient));
    evidence_.candidate.reset();
  }
  /// Changes the routes as the gateway does at the end of data.
  void edit(Route now) {
    for (policy::Recipient& one : evidence_.recipients) one.judged = std::exchange(one.route, now);
  }
  std::string end_of_data() {
    evidence_.message = policy::MessageFacts{.size = 3};
    evidence_.spf = mailauth::spf::Result{};
    evidence_.dkim = mailauth::dkim::Results{};
    const Decision decision = decide(Stage::message);
    steps_.clear();
    for (const policy::Step& step : decision.steps) {
      steps_.push_back(std::string(step.check));
      details_ += step.verdict.detail + "\n";
    }
    return policy::refused(decision) ? decision.reply.to_string() : "accepted";
  }
  /// The record, written and read, gives the same decisions: in explain, and in replay with the
  /// same layers.
  void agrees_offline() {
    trace_.id = "01HX0000000000000000000000";
    trace_.outcome = "accepted";
    trace_.evidence = evidence_;
    const auto kept = policy::definitions_of(trace_);
    const auto text = [&](const std::string& id, std::uint64_t version) -> Result<std::string> {
      for (const policy::Definition& one : kept)
        if (one.id == id && one.version == version) return one.text;
      return fail(Fault::not_found, id);
    };
    const auto read = policy::read_record(policy::write_record(trace_), definition_source(text));
    ASSERT_TRUE(read) << read.error().message;
    const auto again = run(rederive(*read));
    ASSERT_TRUE(again) << again.error().message;
    for (std::size_t i = 0; i < again->answers.size(); ++i)
      EXPECT_THAT(again->answers[i].differences, ElementsAre()) << i;
    const Draft draft{.engine = *engine_from(engine_.definition()), .authentication = {}};
    for (const Replayed& one : run(replay(*read, draft)))
      EXPECT_EQ(one.change, Change::same) << one.recorded << " / " << one.draft << one.lack.kind;
  }

  policy::Engine engine_{
      {{std::make_shared<dialect::webhook::WebhookLayer>()}, {policy::gateway_layer()}}};
  CountingGatherer gatherer_;
  Evidence evidence_ = from_client("203.0.113.10");
  Trace trace_;
  std::vector<std::string> steps_;
  std::string details_;
};

TEST_F(EditedPolicy, an_unchanged_one_is_not_asked_again) {
  accept(recipient_of(hook(), version(1, "203.0.113.0/24")));
  EXPECT_EQ(end_of_data(), "accepted");
  EXPECT_THAT(steps_, ElementsAre("received_loop", "header_limits"));
  agrees_offline();
}

TEST_F(EditedPolicy, a_tightened_one_refuses_at_the_end_of_data) {
  const auto webhook = hook();
  accept(recipient_of(webhook, version(1, "203.0.113.0/24")));
  edit(recipient_of(webhook, version(2, "198.51.100.0/24")).route);
  EXPECT_EQ(end_of_data(),
            "550 5.7.1 source address 203.0.113.10 is not in the policy's allowlist");
  EXPECT_THAT(details_,
              HasSubstr("RCPT was judged by pol_1 version 1; in force is pol_1 version 2"));
  agrees_offline();
}

TEST_F(EditedPolicy, one_that_still_lets_it_through_accepts) {
  const auto webhook = hook();
  accept(recipient_of(webhook, version(1, "203.0.113.0/24")));
  edit(recipient_of(webhook, version(2, "203.0.0.0/8")).route);
  EXPECT_EQ(end_of_data(), "accepted");
  EXPECT_THAT(steps_, ElementsAre("policy_in_force", "webhook_active", "policy_loaded",
                                  "client_in_networks", "recipient_still_owned", "received_loop",
                                  "header_limits"));
  agrees_offline();
}

TEST_F(EditedPolicy, one_attached_meanwhile_counts) {
  auto without = hook();
  without->policy_id.reset();
  accept(recipient_of(without));
  edit(recipient_of(hook(), version(1, "198.51.100.0/24")).route);
  EXPECT_THAT(end_of_data(), HasSubstr("550 5.7.1 source address"));
  agrees_offline();
}

TEST_F(EditedPolicy, a_webhook_that_was_switched_off_or_deleted_takes_nothing) {
  accept(recipient_of(hook(), version(1, "")));
  auto off = hook();
  off->is_active = false;
  edit(recipient_of(off, version(1, "")).route);
  EXPECT_EQ(end_of_data(), "550 5.2.1 recipient is deactivated");
  agrees_offline();

  trace_ = {};
  evidence_.reset_transaction();
  evidence_.reverse_path = mail::Mailbox{"alerts", "example.com"};
  accept(recipient_of(hook(), version(1, "")));
  edit({.kind = Route::Kind::none, .missing = Route::Missing::unknown_address});
  EXPECT_EQ(end_of_data(), "550 5.2.1 no such webhook any more");
  agrees_offline();
}

TEST_F(EditedPolicy, an_address_that_changed_hands_is_tried_again) {
  accept(recipient_of(hook("a"), version(1, "")));
  auto other = hook("b");
  edit(recipient_of(other, version(1, "")).route);
  EXPECT_THAT(end_of_data(), HasSubstr("451 4.3.0"));
  agrees_offline();
}

TEST_F(EditedPolicy, a_revoked_credential_counts_as_not_signed_in) {
  const auto webhook = hook();
  const auto strict = version(1, "", true);
  evidence_.session.tls = policy::Tls{"TLSv1.3", "TLS_AES_256_GCM_SHA384"};
  evidence_.session.auth =
      policy::Authentication{"sender1", "PLAIN", {{"pol_1", strict->credentials[0].stamp}}};
  evidence_.session.auth->authz_id = "sender1";
  accept(recipient_of(webhook, strict));
  dialect::webhook::PolicyFields fields;
  fields.name = "strict";
  fields.require_smtp_auth = true;
  edit(recipient_of(webhook, dialect::webhook::compile("pol_1", "acc_1", 2, 2, fields)).route);
  evidence_.session.revoked = std::exchange(evidence_.session.auth, std::nullopt);
  evidence_.revoked_meanwhile = true;
  EXPECT_EQ(end_of_data(), "550 5.7.1 these credentials do not open this recipient's policy");
  agrees_offline();
}

TEST_F(EditedPolicy, nothing_is_relayed_for_a_credential_that_was_revoked) {
  policy::Recipient elsewhere{.address = address("x", "example.org"), .route = {}};
  elsewhere.route.kind = Route::Kind::relay;
  evidence_.recipients.push_back(elsewhere);
  evidence_.revoked_meanwhile = true;
  EXPECT_EQ(end_of_data(), "530 5.7.0 authentication required");
  evidence_.revoked_meanwhile = false;
  EXPECT_EQ(end_of_data(), "accepted");
}

}  // namespace
}  // namespace postern::replay
