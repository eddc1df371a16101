#include "dialect/webhook/layer.h"

#include <gtest/gtest.h>

#include "dialect/webhook/compile.h"
#include "policy/bcrypt.h"
#include "policy/catalogue.h"
#include "policy/credentials.h"
#include "policy/directory.h"
#include "policy/gateway_layer.h"
#include "policy/inquiry.h"
#include "policy/testing.h"
#include "policy/trace.h"

namespace postern::dialect::webhook {
namespace {

using namespace postern::policy::testing;
using policy::Decision;
using policy::Evidence;
using policy::Stage;

PolicyFields fields_with(std::vector<std::string> networks, bool auth) {
  PolicyFields fields;
  fields.name = "high-security";
  for (const std::string& text : networks) fields.allowed_source_ips.push_back(*Cidr::parse(text));
  fields.require_smtp_auth = auth;
  if (auth) fields.smtp_credentials.push_back({"sender1", policy::unmatched_hash(12)});
  return fields;
}

std::shared_ptr<const policy::WebhookPolicy> compiled(const PolicyFields& fields) {
  return compile("pol_1", "acc_1", 3, 2, fields, {});
}

struct Judged {
  std::string reply;
  std::vector<std::string> steps;
  int gathered = 0;
};

Judged judge(Evidence& evidence, Stage stage = Stage::rcpt, double tokens = 100,
             std::uint64_t limit = default_webhook_recipients) {
  const policy::Engine engine({{std::make_shared<WebhookLayer>(limit)}, {policy::gateway_layer()}});
  CountingGatherer gatherer;
  gatherer.tokens = tokens;
  const Decision decision = run(engine.decide(stage, evidence, gatherer));
  Judged judged{.gathered = gatherer.calls};
  if (refused(decision)) judged.reply = decision.reply.to_string();
  for (const policy::Step& step : decision.steps) judged.steps.emplace_back(step.check);
  return judged;
}

using Names = std::vector<std::string>;

TEST(WebhookLayer, asks_its_checks_in_the_contracts_order) {
  Evidence evidence = from_client("203.0.113.10");
  auto limited = a_webhook("a");
  limited->rate_limit_per_minute = 60;
  evidence.consider(recipient_of(limited, compiled(fields_with({"203.0.113.0/24"}, false))));
  const Judged judged = judge(evidence);
  EXPECT_EQ(judged.reply, "");
  EXPECT_EQ(judged.steps,
            (Names{"webhook_active", "policy_loaded", "client_in_networks", "rate_available",
                   "one_webhook_a_message", "webhook_recipients", "recipient_known"}));
  EXPECT_EQ(judged.gathered, 1);
}

/// Everything is wrong at first; each case corrects one more thing, in the order of the checks.
TEST(WebhookLayer, an_earlier_check_answers_for_a_later_one) {
  auto bad = a_webhook("a");
  bad->is_active = false;
  bad->rate_limit_per_minute = 1;
  Evidence evidence = from_client("198.51.100.43");
  const auto strict = compiled(fields_with({"203.0.113.0/24"}, true));
  evidence.consider(recipient_of(bad, strict));
  evidence.recipients.assign(2, recipient_of(a_webhook("other")));
  const auto reply = [&](double tokens) { return judge(evidence, Stage::rcpt, tokens, 2).reply; };

  EXPECT_EQ(reply(0), "550 5.2.1 recipient is deactivated");
  auto active = std::make_shared<policy::Webhook>(*bad);
  active->is_active = true;
  evidence.consider(recipient_of(active, strict));
  EXPECT_EQ(reply(0), "550 5.7.1 source address 198.51.100.43 is not in the policy's allowlist");
  evidence.session.client_ip = *IpAddress::parse("203.0.113.10");
  EXPECT_EQ(reply(0), "530 5.7.0 authentication required: use STARTTLS, then AUTH");
  evidence.session.auth =
      policy::Authentication{"sender1", "PLAIN", {{"pol_1", strict->credentials[0].stamp}}};
  EXPECT_EQ(reply(0), "450 4.2.1 rate limit of this recipient is reached, try again later");
  evidence.rate_tokens.reset();
  EXPECT_EQ(reply(1), "452 4.5.3 one webhook a message: send to this recipient separately");
  evidence.recipients.assign(2, recipient_of(a_webhook("a")));
  evidence.recipients[1].address.local_part = evidence.recipients[0].address.local_part = "a+x";
  EXPECT_EQ(reply(1), "452 4.5.3 too many recipients: 2 a message at most");
  evidence.recipients.pop_back();
  EXPECT_EQ(reply(1), "");
}

TEST(WebhookLayer, asks_the_offered_checks_that_its_policy_names) {
  PolicyFields fields = fields_with({"192.0.2.0/24"}, false);
  fields.checks = {"helo_literal_is_client"};
  const auto owner = compiled(fields);
  Evidence evidence = from_client("192.0.2.7");
  evidence.consider(recipient_of(a_webhook("a"), owner));
  evidence.session.helo = "[192.0.2.9]";
  const Judged judged = judge(evidence);
  EXPECT_EQ(judged.reply, "550 5.7.1 the address literal in HELO is not the client's address");
  EXPECT_EQ(judged.steps, (Names{"webhook_active", "policy_loaded", "client_in_networks",
                                 "helo_literal_is_client"}));
  EXPECT_EQ(owner->plan.at(Stage::rcpt).back().origin, "pol_1/checks");
  evidence.session.helo = "[192.0.2.7]";
  EXPECT_EQ(judge(evidence).reply, "");
  fields.checks.clear();
  evidence.consider(recipient_of(a_webhook("a"), compiled(fields)));
  evidence.session.helo = "[192.0.2.9]";
  EXPECT_EQ(judge(evidence).reply, "");
}

TEST(WebhookLayer, what_a_policy_in_shadow_mode_finds_out_is_not_evidence_for_others) {
  class Spf final : public policy::Gatherer {
   public:
    Task<void> gather(policy::Need, Evidence& evidence) override {
      evidence.spf = mailauth::spf::Result{.status = mailauth::spf::Status::fail};
      evidence.dns.push_back({.question = {"example.com", dns::Type::txt}, .answer = {}});
      co_return;
    }
  };
  for (const bool shadow : {false, true}) {
    PolicyFields fields = fields_with({}, false);
    fields.require_spf = true;
    fields.shadow = shadow;
    Evidence evidence = from_client("198.51.100.43");
    evidence.recipients.push_back(recipient_of(a_webhook("a"), compiled(fields)));
    evidence.message.emplace();
    const policy::Engine engine({{std::make_shared<WebhookLayer>()}, {policy::gateway_layer()}});
    Spf gatherer;
    const Decision decision = run(engine.decide(Stage::message, evidence, gatherer));
    EXPECT_EQ(refused(decision), !shadow);
    EXPECT_TRUE(decision.steps.front().verdict.refuses());
    EXPECT_EQ(evidence.spf.has_value(), !shadow);
    ASSERT_EQ(evidence.dns.size(), 1u);
    EXPECT_EQ(evidence.dns[0].in_shadow, shadow);
  }
}

TEST(WebhookLayer, a_policy_in_shadow_mode_is_judged_and_refuses_nothing) {
  PolicyFields fields = fields_with({"203.0.113.0/24"}, false);
  fields.require_spf = true;
  fields.shadow = true;
  const auto owner = compiled(fields);
  EXPECT_TRUE(fields_of(owner->definition)->shadow);
  Evidence evidence = from_client("198.51.100.43");
  evidence.consider(recipient_of(a_webhook("a"), owner));
  evidence.spf = mailauth::spf::Result{.status = mailauth::spf::Status::fail};
  const policy::Engine engine({{std::make_shared<WebhookLayer>()}, {policy::gateway_layer()}});
  CountingGatherer gatherer;
  for (const Stage stage : {Stage::rcpt, Stage::message}) {
    const Decision decision = run(engine.decide(stage, evidence, gatherer));
    EXPECT_FALSE(refused(decision));
    std::vector<std::string> overlooked;
    for (const policy::Step& step : decision.steps) {
      if (step.enforced) {
        EXPECT_FALSE(step.verdict.refuses());
      } else if (step.verdict.refuses()) {
        overlooked.emplace_back(step.check);
      }
    }
    EXPECT_EQ(overlooked, Names{stage == Stage::rcpt ? "client_in_networks" : "spf_authorised"});
    evidence.recipients.push_back(*evidence.candidate);
    evidence.message = policy::MessageFacts{};
  }
  // Checks that are not the policy's stay enforced.
  auto inactive = a_webhook("b");
  inactive->is_active = false;
  Evidence other = from_client("198.51.100.43");
  other.consider(recipient_of(inactive, owner));
  EXPECT_EQ(judge(other).reply, "550 5.2.1 recipient is deactivated");
}

TEST(WebhookLayer, has_no_opinion_on_recipients_of_others) {
  Evidence evidence = from_client("203.0.113.10");
  evidence.consider({.address = address("nobody"), .route = {}});
  const Judged judged = judge(evidence);
  EXPECT_EQ(judged.steps, Names{"recipient_known"});
  EXPECT_EQ(judged.reply, "550 5.7.1 relay not permitted to hooks.example.net");
}

TEST(WebhookLayer, a_webhook_without_policy_and_an_empty_policy_accept) {
  for (const auto& owner : {std::shared_ptr<const policy::WebhookPolicy>(), compiled({})}) {
    Evidence evidence = from_client("203.0.113.10");
    evidence.consider(recipient_of(a_webhook("a"), owner));
    EXPECT_EQ(judge(evidence).reply, "");
    evidence.recipients.push_back(*evidence.candidate);
    evidence.message = policy::MessageFacts{};
    EXPECT_EQ(judge(evidence, Stage::message).reply, "");
  }
}

/// Judges a message with these results of SPF and DKIM under a policy with `fields`.
Judged authenticated(mailauth::spf::Status spf, std::optional<mailauth::dkim::Status> dkim,
                     const PolicyFields& fields) {
  Evidence evidence = from_client("203.0.113.10");
  evidence.recipients.push_back(recipient_of(a_webhook("a"), compiled(fields)));
  evidence.message = policy::MessageFacts{};
  evidence.spf = mailauth::spf::Result{.status = spf, .domain = "example.com"};
  evidence.dkim.emplace();
  evidence.dkim->from_fields = 1;
  if (dkim) {
    mailauth::dkim::SignatureResult signature;
    signature.signature.domain = "example.com";
    signature.status = *dkim;
    signature.acceptable = *dkim == mailauth::dkim::Status::pass;
    evidence.dkim->signatures.push_back(std::move(signature));
  }
  Judged judged = judge(evidence, Stage::message);
  judged.reply = judged.reply.substr(0, judged.reply.find(' ', 4));
  return judged;
}

TEST(WebhookLayer, both_controls_are_asked_and_give_one_answer) {
  using Spf = mailauth::spf::Status;
  using Dkim = mailauth::dkim::Status;
  PolicyFields both;
  both.require_spf = both.require_dkim = true;
  struct {
    Spf spf;
    std::optional<Dkim> dkim;
    std::string reply;
  } const cases[] = {
      {Spf::pass, Dkim::pass, ""},
      {Spf::fail, Dkim::pass, "550 5.7.23"},
      {Spf::permerror, Dkim::pass, "550 5.7.24"},
      {Spf::temperror, Dkim::pass, "451 4.7.24"},
      {Spf::pass, {}, "550 5.7.20"},
      {Spf::pass, Dkim::temperror, "451 4.7.5"},
      {Spf::fail, {}, "550 5.7.26"},
      {Spf::permerror, Dkim::fail, "550 5.7.26"},
      {Spf::fail, Dkim::temperror, "550 5.7.23"},
      {Spf::temperror, Dkim::fail, "550 5.7.20"},
      {Spf::temperror, Dkim::temperror, "451 4.7.24"},
  };
  for (const auto& one : cases) {
    const Judged judged = authenticated(one.spf, one.dkim, both);
    EXPECT_EQ(judged.reply, one.reply);
    EXPECT_EQ(judged.steps.at(0), "spf_authorised");
    EXPECT_EQ(judged.steps.at(1), "dkim_signed");
    EXPECT_EQ(judged.gathered, 0) << "everything was there";
  }
}

TEST(WebhookLayer, a_domain_that_is_not_listed_is_refused_without_spf) {
  PolicyFields fields;
  fields.require_spf = true;
  fields.allowed_spf_domains = {"example.net"};
  const Judged refused = authenticated(mailauth::spf::Status::pass, {}, fields);
  EXPECT_EQ(refused.reply, "550 5.7.1");
  EXPECT_EQ(refused.steps, Names{"spf_domain_listed"});
  fields.require_dkim = true;
  const Judged both = authenticated(mailauth::spf::Status::pass, {}, fields);
  EXPECT_EQ(both.reply, "550 5.7.26");
  EXPECT_EQ(both.steps, (Names{"spf_domain_listed", "dkim_signed"}));
  fields.allowed_spf_domains = {"example.com"};
  const Judged listed =
      authenticated(mailauth::spf::Status::pass, mailauth::dkim::Status::pass, fields);
  EXPECT_EQ(listed.reply, "");
}

TEST(WebhookLayer, authentication_and_directory_work_together) {
  PolicyFields fields = fields_with({}, true);
  fields.smtp_credentials[0].hash = *policy::bcrypt_hash(Secret("s3cret"), 4);
  auto attached = a_webhook("a");
  attached->policy_id = "pol_1";
  policy::Directory directory;
  directory.apply({.put_webhooks = {attached}, .put_policies = {compiled(fields)}});
  const auto check = policy::plan_password_check(directory, "sender1", Secret("s3cret"));
  const auto granted = check_password(check, policy::bcrypt_verify);
  ASSERT_TRUE(granted);

  Evidence evidence = from_client("203.0.113.10");
  evidence.session.auth = policy::Authentication{check.username, "PLAIN", *granted};
  const auto rcpt = [&] {
    evidence.consider({address("a"), directory.resolve(address("a"))});
    return judge(evidence).reply;
  };
  EXPECT_EQ(rcpt(), "");
  fields.smtp_credentials.push_back({"another", policy::unmatched_hash(12)});
  directory.apply({.put_policies = {compiled(fields)}});
  EXPECT_EQ(rcpt(), "") << "another user's credential changes nothing for this one";
  fields.smtp_credentials[0].hash = *policy::bcrypt_hash(Secret("changed"), 4);
  directory.apply({.put_policies = {compiled(fields)}});
  EXPECT_EQ(rcpt(), "550 5.7.1 these credentials do not open this recipient's policy");
}

TEST(WebhookCompile, says_where_each_rule_stands) {
  PolicyFields fields = fields_with({"203.0.113.0/24"}, true);
  fields.require_spf = true;
  const auto policy = compiled(fields);
  ASSERT_EQ(policy->plan.at(Stage::rcpt).size(), 2u);
  EXPECT_EQ(policy->plan.at(Stage::rcpt)[0].origin, "pol_1/allowed_source_ips");
  EXPECT_EQ(policy->plan.at(Stage::rcpt)[1].origin, "pol_1/require_smtp_auth");
  EXPECT_EQ(policy->plan.at(Stage::message)[0].origin, "pol_1/require_spf");
  EXPECT_EQ(policy->version, 3u);
  EXPECT_EQ(policy->credentials_version, 2u);
}

TEST(WebhookCompile, credentials_can_be_found_and_keep_their_order) {
  PolicyFields fields;
  for (const char* user : {"zoe", "adam", "mia"}) {
    fields.smtp_credentials.push_back({user, policy::unmatched_hash(12)});
  }
  const auto policy = compile("pol_1", "acc_1", 1, 1, fields, {30, 10, 20});
  EXPECT_EQ(policy->credential("zoe")->order, 30u);
  EXPECT_EQ(policy->credential("adam")->order, 10u);
  EXPECT_EQ(policy->credential("mia")->order, 20u);
  EXPECT_EQ(policy->credential("eve"), nullptr);
}

TEST(WebhookCompile, the_definition_compiles_to_the_same_plan_and_holds_no_credential) {
  PolicyFields fields = fields_with({"203.0.113.0/24", "2001:db8::/32"}, true);
  fields.allowed_spf_domains = {"example.com", ".example.org"};
  fields.require_spf = true;
  const auto policy = compiled(fields);
  EXPECT_EQ(policy->definition.find("sender1"), std::string::npos);
  EXPECT_EQ(policy->definition.find("$2"), std::string::npos);
  const auto again = fields_of(policy->definition);
  ASSERT_TRUE(again) << again.error().message;
  EXPECT_EQ(again->allowed_source_ips, fields.allowed_source_ips);
  EXPECT_EQ(again->allowed_spf_domains, fields.allowed_spf_domains);
  const auto twin = compiled(*again);
  EXPECT_EQ(twin->definition, policy->definition);
  EXPECT_EQ(twin->plan.at(Stage::rcpt).size(), policy->plan.at(Stage::rcpt).size());
}

TEST(WebhookCompile, broken_definitions_are_errors) {
  for (const char* bad :
       {"", "[]", "{}", R"({"name":1})", "{\"name\":\"x\",\"allowed_source_ips\":[\"x\"]}"}) {
    EXPECT_FALSE(fields_of(bad)) << bad;
  }
}

}  // namespace
}  // namespace postern::dialect::webhook
