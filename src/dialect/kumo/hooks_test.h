// What tests of hooks share: a policy from a text, and a session and a message that are judged.
#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "base/patience_test.h"
#include "dialect/kumo/layer.h"
#include "dialect/mail_gatherer_test.h"
#include "dialect/script_record.h"
#include "policy/testing.h"
#include "policy/trace.h"
#include "script/test_world.h"

namespace postern::dialect::kumo::testing {

using dialect::testing::MailGatherer;

/// A session by the listener "smtp" of a policy, judged stage by stage.
class Hooks : public ::testing::Test {
 protected:
  Hooks() {
    options_.path = "policy.lua";
    options_.limits.time = tests::patience;
    options_.run = run_alone;
    options_.listeners["smtp"] = {.address = "192.0.2.1:25",
                                  .hostname = "mx.example.org",
                                  .relay_hosts = CidrSet({*Cidr::parse("198.51.100.0/24")}),
                                  .meta = {{"x_listener", "smtp"}}};
    evidence_ = policy::testing::from_client("203.0.113.10");
    evidence_.session.listener = "smtp";
    evidence_.session.esmtp = true;
    evidence_.message = policy::MessageFacts{};
  }

  void load(const std::string& text) {
    options_.text = text;
    auto loaded = LuaPolicy::load(options_, world_);
    ASSERT_TRUE(loaded.has_value()) << loaded.error().message;
    policy_ = *loaded;
    engine_ = std::make_unique<policy::Engine>(
        std::vector<policy::LayerEntry>{{std::make_shared<KumoLayer>(policy_)}});
  }
  /// The decision of a stage; what scripts were told is in it.
  const policy::Decision& decide(policy::Stage stage) {
    decision_ = script::testing::run(
        engine_->decide(stage, evidence_, *gatherer_, std::exchange(tape_, {})));
    return decision_;
  }
  /// "pass" or the reply.
  std::string verdict(policy::Stage stage) {
    const policy::Decision& decision = decide(stage);
    if (!policy::refused(decision)) return "pass";
    smtp::Reply told = decision.reply;
    told.masked.clear();  // as the client sees it
    return told.to_string();
  }
  /// RCPT of an address that is no webhook's, unless `ours`; true: it has a route afterwards.
  bool has_route(std::string local, std::string domain) {
    evidence_.consider({.address = {std::move(local), std::move(domain)}, .route = {}});
    decide(policy::Stage::rcpt);
    return evidence_.candidate->route.kind != policy::Route::Kind::none;
  }
  void recipients(const std::vector<std::string>& names) {
    evidence_.recipients.clear();
    for (const std::string& name : names) {
      evidence_.recipients.push_back(
          {.address = {name, "example.net"}, .route = {.kind = policy::Route::Kind::relay}});
    }
  }
  void receive(std::string text) { gatherer_->receive(std::move(text)); }
  void zone(const std::string& text) { gatherer_ = std::make_unique<MailGatherer>(text); }
  /// What the script said with `kumo.log_info`.
  std::vector<std::string> said() const {
    std::vector<std::string> lines;
    for (const std::string& line : world_.lines) {
      if (line.starts_with("info ")) lines.push_back(line.substr(line.find(' ', 5) + 1));
    }
    return lines;
  }

  script::testing::TestWorld world_;
  LuaPolicyOptions options_;
  std::shared_ptr<const LuaPolicy> policy_;
  std::unique_ptr<policy::Engine> engine_;
  std::unique_ptr<MailGatherer> gatherer_ = std::make_unique<MailGatherer>();
  policy::Evidence evidence_;
  policy::Tape tape_;  ///< of the next decision
  policy::Decision decision_;
};

}  // namespace postern::dialect::kumo::testing
