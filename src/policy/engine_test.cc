// The engine with a second layer besides the gateway's, as restriction lists, Lua and .vsl are.
#include <gtest/gtest.h>

#include <functional>
#include <stdexcept>

#include "policy/catalogue.h"
#include "policy/gateway_layer.h"
#include "policy/inquiry.h"
#include "policy/testing.h"
#include "policy/trace.h"

namespace postern::policy {
namespace {

using testing::a_webhook;
using testing::CountingGatherer;
using testing::from_client;
using testing::recipient_of;
using testing::run;

/// A layer that returns what the test sets, at one stage.
class TrivialLayer final : public Layer {
 public:
  using Answer = std::function<Verdict(const Evidence&)>;
  TrivialLayer(std::string_view name, Stage stage, Answer answer)
      : name_(name), stage_(stage), answer_(std::move(answer)) {}

  std::string_view name() const override { return name_; }
  bool speaks_at(Stage stage) const override { return stage == stage_; }
  Task<Ruling> judge(Stage stage, Inquiry& inquiry, std::vector<Step>& steps) const override {
    ++asked;
    Verdict verdict = answer_(inquiry.evidence);
    steps.push_back({.stage = stage,
                     .layer = name_,
                     .check = "trivial",
                     .origin = "trivial:1:1",
                     .verdict = verdict});
    co_return verdict;
  }
  mutable int asked = 0;

 private:
  std::string_view name_;
  Stage stage_;
  Answer answer_;
};

/// Has all effects that a layer can have besides its verdict.
class DecidingLayer final : public Layer {
 public:
  std::string_view name() const override { return "deciding"; }
  bool speaks_at(Stage) const override { return true; }
  Task<Ruling> judge(Stage, Inquiry&, std::vector<Step>&) const override {
    ScriptCopy copy;
    copy.to_nobody = true;
    Ruling ruling(pass_on());
    ruling.effects = {
        {.what = GrantRelay{Grant::client}, .why = "grants", .check = "any", .place = "x:1:1"},
        {.what = TrustClient{}, .why = "trusts", .check = {}, .place = {}},
        {.what = Discard{}, .why = "thrown away", .check = {}, .place = {}},
        {.what = Hold{}, .why = "held", .check = {}, .place = {}},
        {.what = Edit{{copy}}, .why = {}, .check = {}, .place = {}},
        {.what = Offer{{"SIZE"}}, .why = {}, .check = {}, .place = {}}};
    co_return ruling;
  }
};

/// A second dialect over the shared checks: only a plan.
class PlanLayer final : public Layer {
 public:
  PlanLayer(std::string_view name, Plan plan) : name_(name), plan_(std::move(plan)) {}
  std::string_view name() const override { return name_; }
  bool speaks_at(Stage stage) const override { return !plan_.at(stage).empty(); }
  Task<Ruling> judge(Stage stage, Inquiry& inquiry, std::vector<Step>& steps) const override {
    Verdict verdict = co_await run_plan(name_, plan_, stage, inquiry, steps);
    co_return verdict;
  }

 private:
  std::string_view name_;
  Plan plan_;
};

std::shared_ptr<TrivialLayer> says(std::string_view name, Verdict verdict,
                                   Stage stage = Stage::rcpt) {
  return std::make_shared<TrivialLayer>(name, stage,
                                        [verdict](const Evidence&) { return verdict; });
}

Evidence at_rcpt() {
  Evidence evidence = from_client("203.0.113.10");
  evidence.consider(recipient_of(a_webhook("a")));
  return evidence;
}

Decision decide(std::vector<LayerEntry> layers, Evidence& evidence, Stage stage = Stage::rcpt) {
  const Engine engine(std::move(layers));
  CountingGatherer gatherer;
  return run(engine.decide(stage, evidence, gatherer));
}

const Verdict no = refuse(550, {5, 7, 1}, "no");
const Verdict later = refuse(451, {4, 7, 1}, "later");

/// Records two lines, and remembers what it is told when the tape is played.
class RecordingLayer final : public Layer {
 public:
  RecordingLayer(std::string_view name, std::string lines)
      : name_(name), lines_(std::move(lines)) {}
  std::string_view name() const override { return name_; }
  bool speaks_at(Stage) const override { return true; }
  Task<Ruling> judge(Stage, Inquiry& inquiry, std::vector<Step>&) const override {
    if (inquiry.tape.playing) {
      told = std::exchange(inquiry.tape.answers, {});
    } else {
      inquiry.tape.record += lines_;
    }
    co_return pass_on();
  }
  mutable std::string told;

 private:
  std::string_view name_;
  std::string lines_;
};

TEST(Engine, a_layer_that_is_gone_takes_no_lines_of_a_tape) {
  const auto first = std::make_shared<RecordingLayer>("first", "v1\n\n");
  const auto silent = std::make_shared<RecordingLayer>("silent", "");
  const auto second = std::make_shared<RecordingLayer>("second", "[]\n");
  Evidence evidence = from_client("203.0.113.10");
  CountingGatherer gatherer;
  const Engine all({{first}, {silent}, {second}});
  const std::string record = run(all.decide(Stage::mail, evidence, gatherer)).script;
  EXPECT_EQ(record, "@first 2\nv1\n\n@second 1\n[]\n");
  run(all.decide(Stage::mail, evidence, gatherer, Tape::of(record)));
  EXPECT_EQ(first->told + "," + silent->told + "," + second->told, "v1\n\n,,[]\n");
  const Engine less({{second}, {silent}});
  run(less.decide(Stage::mail, evidence, gatherer, Tape::of(record)));
  EXPECT_EQ(second->told, "[]\n");
  for (const std::string torn : {"@second", "@second x\n", "@second 3\n[]\n", "@first 1\n"}) {
    run(less.decide(Stage::mail, evidence, gatherer, Tape::of(torn)));
    EXPECT_EQ(second->told, "") << torn;
  }
  run(less.decide(Stage::mail, evidence, gatherer, Tape::of("old\n")));
  EXPECT_EQ(second->told, "old\n") << "a record without sections";
}

TEST(Engine, layers_and_and_the_first_refusal_answers) {
  struct {
    std::vector<Verdict> verdicts;
    std::string reply;
    std::vector<int> asked;
  } const cases[] = {
      {{pass_on(), pass_on(), pass_on()}, "", {1, 1, 1}},
      {{permit(), pass_on(), permit()}, "", {1, 1, 1}},
      {{permit(), permit(), no}, "550 5.7.1 no", {1, 1, 1}},
      {{permit(), no, permit()}, "550 5.7.1 no", {1, 1, 0}},
      {{no, permit(), permit()}, "550 5.7.1 no", {1, 0, 0}},
      {{later, no, pass_on()}, "451 4.7.1 later", {1, 0, 0}},
      {{no, later, pass_on()}, "550 5.7.1 no", {1, 0, 0}},
  };
  for (const auto& one : cases) {
    std::vector<std::shared_ptr<TrivialLayer>> layers;
    std::vector<LayerEntry> entries;
    for (const Verdict& verdict : one.verdicts) {
      layers.push_back(says("trivial", verdict));
      entries.push_back({layers.back()});
    }
    Evidence evidence = at_rcpt();
    const Decision decision = decide(entries, evidence);
    EXPECT_EQ(refused(decision) ? decision.reply.to_string() : "", one.reply);
    for (std::size_t i = 0; i < layers.size(); ++i) EXPECT_EQ(layers[i]->asked, one.asked[i]);
  }
}

TEST(Engine, no_permit_makes_a_relay) {
  Evidence evidence = from_client("203.0.113.10");
  evidence.consider({.address = {"victim", "example.org"}, .route = {}});
  const Decision decision = decide({{says("generous", permit())}, {gateway_layer()}}, evidence);
  EXPECT_EQ(decision.reply.to_string(), "550 5.7.1 relay not permitted to example.org");
  ASSERT_EQ(decision.steps.size(), 2u);
  EXPECT_EQ(decision.steps[0].verdict.kind, Verdict::Kind::permit);
  EXPECT_EQ(decision.steps[1].layer, "gateway");
}

TEST(Engine, asks_only_layers_that_speak_at_the_stage) {
  const auto at_mail = says("early", no, Stage::mail);
  const Engine engine({{at_mail}, {gateway_layer()}});
  EXPECT_TRUE(engine.speaks_at(Stage::mail));
  EXPECT_TRUE(engine.speaks_at(Stage::rcpt));
  EXPECT_TRUE(engine.speaks_at(Stage::message));
  EXPECT_FALSE(engine.speaks_at(Stage::connect));
  Evidence evidence = at_rcpt();
  EXPECT_FALSE(refused(decide({{at_mail}, {gateway_layer()}}, evidence)));
  EXPECT_EQ(at_mail->asked, 0);
}

TEST(Engine, a_shadow_layer_is_traced_and_never_enforced) {
  for (const Verdict& verdict : {no, later, Verdict{.kind = Verdict::Kind::quarantine}}) {
    Evidence evidence = at_rcpt();
    const Decision decision =
        decide({{says("draft", verdict), Mode::shadow}, {gateway_layer()}}, evidence);
    EXPECT_FALSE(refused(decision));
    EXPECT_FALSE(decision.quarantine);
    ASSERT_EQ(decision.steps.size(), 2u);
    EXPECT_FALSE(decision.steps[0].enforced);
    EXPECT_EQ(decision.steps[0].verdict.kind, verdict.kind);
    EXPECT_TRUE(decision.steps[1].enforced);
  }
}

TEST(Engine, effects_of_a_shadow_layer_are_noted_and_not_applied) {
  const auto deciding = std::make_shared<DecidingLayer>();
  for (const Mode mode : {Mode::enforce, Mode::shadow}) {
    Evidence evidence = at_rcpt();
    evidence.candidate->route = {};
    evidence.session.script = std::make_shared<ScriptSession>();
    const Decision decision = decide({{deciding, mode}}, evidence);
    const bool counts = mode == Mode::enforce;
    EXPECT_EQ(evidence.trusted_client, counts);
    EXPECT_EQ(evidence.discard.has_value(), counts);
    EXPECT_EQ(evidence.copies.size(), counts ? 1u : 0u);
    EXPECT_EQ(evidence.candidate->route.kind, counts ? Route::Kind::relay : Route::Kind::none);
    EXPECT_EQ(evidence.session.script->offered.has_value(), counts);
    EXPECT_EQ(decision.quarantine.has_value(), counts);
    ASSERT_EQ(decision.effects.size(), 6u);
    for (const EffectNote& note : decision.effects) {
      EXPECT_EQ(note.enforced, counts);
      EXPECT_EQ(note.layer, "deciding");
    }
    EXPECT_EQ(decision.effects.front().effect, "grant_relay");
    EXPECT_EQ(decision.effects.front().place, "x:1:1");
    EXPECT_EQ(decision.effects.front().why, "grants");
    EXPECT_EQ(relay_grant(decision) != nullptr, counts);
  }
}

TEST(Engine, of_a_refusal_no_effect_is_applied) {
  class Refusing final : public Layer {
   public:
    std::string_view name() const override { return "refusing"; }
    bool speaks_at(Stage) const override { return true; }
    Task<Ruling> judge(Stage, Inquiry&, std::vector<Step>&) const override {
      Ruling ruling(no);
      ruling.effects.push_back(
          {.what = GrantRelay{Grant::rules}, .why = {}, .check = {}, .place = {}});
      ruling.effects.push_back({.what = TrustClient{}, .why = {}, .check = {}, .place = {}});
      co_return ruling;
    }
  };
  Evidence evidence = at_rcpt();
  evidence.candidate->route = {};
  const Decision decision = decide({{std::make_shared<Refusing>()}}, evidence);
  EXPECT_TRUE(refused(decision));
  EXPECT_EQ(decision.effects.size(), 0u);
  EXPECT_FALSE(evidence.trusted_client);
  EXPECT_EQ(evidence.candidate->route.kind, Route::Kind::none);
}

TEST(Relaying, a_grant_gives_a_route_to_what_has_none) {
  const Route foreign;
  const Route unknown{.kind = Route::Kind::none, .missing = Route::Missing::unknown_address};
  const Route owned{.kind = Route::Kind::webhook};
  const struct {
    Grant grant;
    bool to_unknown;
  } cases[] = {{Grant::client, false},    {Grant::rules, false}, {Grant::domain, true},
               {Grant::postmaster, true}, {Grant::added, true},  {Grant::returned, true},
               {Grant::nowhere, true}};
  for (const auto& one : cases) {
    EXPECT_TRUE(gives_route(one.grant, foreign)) << to_string(one.grant);
    EXPECT_EQ(gives_route(one.grant, unknown), one.to_unknown) << to_string(one.grant);
    EXPECT_FALSE(gives_route(one.grant, owned)) << to_string(one.grant);
    Route route = foreign;
    EXPECT_TRUE(grant_relay(one.grant, route));
    EXPECT_EQ(route.kind, Route::Kind::relay);
    EXPECT_FALSE(grant_relay(one.grant, route)) << "it has one";
  }
}

TEST(Engine, a_shadow_layer_sees_refused_mail_too) {
  const auto draft = says("draft", permit());
  const auto late = says("late", pass_on());
  Evidence evidence = at_rcpt();
  const Decision decision = decide({{says("strict", no)}, {draft, Mode::shadow}, {late}}, evidence);
  EXPECT_EQ(decision.reply.to_string(), "550 5.7.1 no");
  EXPECT_EQ(draft->asked, 1);
  EXPECT_EQ(late->asked, 0);
}

TEST(Engine, trouble_in_a_layer_is_temporary_at_every_stage) {
  const std::pair<Stage, const char*> cases[] = {
      {Stage::connect, "421 4.3.0 temporary local problem, try again later"},
      {Stage::helo, "451 4.3.0 temporary local problem, try again later"},
      {Stage::auth, "454 4.7.0 temporary failure, try again later"},
      {Stage::message, "451 4.3.0 temporary local problem, try again later"},
  };
  for (const auto& [stage, reply] : cases) {
    const auto broken = std::make_shared<TrivialLayer>(
        "broken", stage, [](const Evidence&) -> Verdict { throw std::runtime_error("oops"); });
    Evidence evidence = at_rcpt();
    EXPECT_EQ(decide({{broken}}, evidence, stage).reply.to_string(), reply);
  }
}

TEST(Engine, trouble_in_a_layer_is_451_and_its_cause_stays_inside) {
  const std::function<void()> troubles[] = {
      [] { throw std::runtime_error("cannot open /var/lib/secret"); },
      [] { throw std::runtime_error(""); },
      [] { throw 42; },
  };
  for (const auto& trouble : troubles) {
    const auto broken = std::make_shared<TrivialLayer>("broken", Stage::rcpt, [&](const Evidence&) {
      trouble();
      return permit();
    });
    Evidence evidence = at_rcpt();
    const Decision decision = decide({{broken}, {says("after", permit())}}, evidence);
    EXPECT_EQ(decision.reply.to_string(), "451 4.3.0 temporary local problem, try again later");
    ASSERT_EQ(decision.steps.size(), 1u);
    EXPECT_EQ(decision.steps[0].check, "internal_error");
    EXPECT_EQ(decision.steps[0].verdict.trouble, Trouble::local);
  }
}

TEST(Engine, trouble_in_a_shadow_layer_disturbs_nobody) {
  const auto broken = std::make_shared<TrivialLayer>(
      "draft", Stage::rcpt, [](const Evidence&) -> Verdict { throw std::runtime_error("oops"); });
  Evidence evidence = at_rcpt();
  const Decision decision = decide({{broken, Mode::shadow}, {gateway_layer()}}, evidence);
  EXPECT_FALSE(refused(decision));
  EXPECT_EQ(decision.steps[0].verdict.detail, "oops");
  EXPECT_FALSE(decision.steps[0].enforced);
}

TEST(Engine, a_refusal_without_a_refusing_code_is_451) {
  Verdict odd = no;
  odd.reply.code = 250;
  Evidence evidence = at_rcpt();
  EXPECT_EQ(decide({{says("odd", odd)}}, evidence).reply.code, 451);
}

TEST(Engine, quarantine_is_kept_and_later_layers_still_refuse) {
  const Verdict hold{.kind = Verdict::Kind::quarantine, .reply = {}, .detail = "DMARC quarantine"};
  Evidence evidence = at_rcpt();
  const Decision held = decide({{says("dmarc", hold)}, {says("next", permit())}}, evidence);
  EXPECT_FALSE(refused(held));
  EXPECT_EQ(held.quarantine, "DMARC quarantine");
  EXPECT_TRUE(refused(decide({{says("dmarc", hold)}, {says("next", no)}}, evidence)));
}

Plan asks_for_rate(int times) {
  Plan plan;
  for (int i = 0; i < times; ++i) plan.add({&checks::rate_available, {}, "test"});
  return plan;
}

TEST(Engine, evidence_is_gathered_once_whichever_layers_ask) {
  const Engine engine({{std::make_shared<PlanLayer>("one", asks_for_rate(2))},
                       {std::make_shared<PlanLayer>("two", asks_for_rate(1)), Mode::shadow},
                       {std::make_shared<PlanLayer>("three", asks_for_rate(1))}});
  auto limited = a_webhook("limited");
  limited->rate_limit_per_minute = 10;
  Evidence evidence = from_client("203.0.113.10");
  CountingGatherer gatherer;
  evidence.consider(recipient_of(limited));
  EXPECT_EQ(run(engine.decide(Stage::rcpt, evidence, gatherer)).steps.size(), 4u);
  EXPECT_EQ(gatherer.calls, 1);
  evidence.consider(recipient_of(limited));
  run(engine.decide(Stage::rcpt, evidence, gatherer));
  EXPECT_EQ(gatherer.calls, 1) << "the same webhook again";
  auto other = a_webhook("other");
  other->rate_limit_per_minute = 10;
  evidence.consider(recipient_of(other));
  run(engine.decide(Stage::rcpt, evidence, gatherer));
  EXPECT_EQ(gatherer.calls, 2) << "another webhook's tokens are other evidence";
  evidence.reset_transaction();
  evidence.consider(recipient_of(limited));
  run(engine.decide(Stage::rcpt, evidence, gatherer));
  EXPECT_EQ(gatherer.calls, 3) << "a new transaction knows nothing";
}

TEST(Engine, nothing_is_gathered_that_no_check_needs) {
  Evidence evidence = at_rcpt();
  CountingGatherer gatherer;
  const Engine engine({{gateway_layer()}, {std::make_shared<PlanLayer>("p", asks_for_rate(1))}});
  run(engine.decide(Stage::rcpt, evidence, gatherer));
  EXPECT_EQ(gatherer.calls, 0) << "the webhook has no rate limit";
}

TEST(Engine, a_plan_stops_at_the_rule_that_decides_and_says_where_it_stands) {
  Plan plan;
  plan.add({&checks::client_in_networks, CidrSet({*Cidr::parse("203.0.113.0/24")}), "list:1:1"});
  plan.add({&checks::client_in_networks, CidrSet({*Cidr::parse("192.0.2.0/24")}), "list:2:17"});
  plan.add({&checks::client_authenticated, {}, "list:3:1"});
  Evidence evidence = at_rcpt();
  const Decision decision = decide({{std::make_shared<PlanLayer>("restrictions", plan)}}, evidence);
  ASSERT_EQ(decision.steps.size(), 2u);
  EXPECT_EQ(decision.steps[0].verdict.detail, "203.0.113.10 is in 203.0.113.0/24");
  EXPECT_EQ(decision.steps[1].origin, "list:2:17");
  EXPECT_EQ(decision.steps[1].layer, "restrictions");
}

TEST(Engine, describes_its_layers) {
  const Engine engine({{says("a", permit()), Mode::shadow}, {gateway_layer()}});
  EXPECT_EQ(
      engine.definition(),
      R"([{"layer":"a","mode":"shadow","definition":{}},)"
      R"({"layer":"gateway","mode":"enforce","definition":)"
      R"({"received_fields":100,"header_size":1048576,"header_fields":1000,"dmarc":"report"}}])");
}

TEST(GatewayLayer, refuses_loops_and_oversized_headers_at_the_end_of_data) {
  Evidence evidence = from_client("203.0.113.10");
  evidence.recipients.push_back(recipient_of(a_webhook("a")));
  evidence.message = MessageFacts{.received_fields = 101};
  EXPECT_EQ(decide({{gateway_layer()}}, evidence, Stage::message).reply.code, 554);
  evidence.message = MessageFacts{.header_fields = 1001};
  EXPECT_EQ(decide({{gateway_layer()}}, evidence, Stage::message).reply.enhanced,
            (smtp::EnhancedCode{5, 6, 0}));
  const Decision first = decide({{says("p", refuse(550, {5, 7, 20}, "no"))}, {gateway_layer()}},
                                evidence, Stage::message);
  EXPECT_EQ(first.reply.code, 554) << "what is not kept no other layer can judge";
  ASSERT_EQ(first.steps.size(), 1u);
  EXPECT_EQ(first.steps[0].check, "header_limits");
  evidence.message = MessageFacts{.header_fields = 2006, .received_fields = 2000};
  EXPECT_EQ(decide({{gateway_layer()}}, evidence, Stage::message).reply.enhanced,
            (smtp::EnhancedCode{5, 4, 6}))
      << "a loop, which is why it is so long";
  evidence.message = MessageFacts{.header_fields = 1000, .received_fields = 100};
  EXPECT_FALSE(refused(decide({{gateway_layer()}}, evidence, Stage::message)));
}

}  // namespace
}  // namespace postern::policy
