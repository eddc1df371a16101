// What a layer in shadow finds out, and uses up, changes nothing for layers that are enforced.
#include <gtest/gtest.h>

#include <functional>
#include <random>

#include "dns/recorded_resolver.h"
#include "mailauth/dkim/sign.h"
#include "policy/answers.h"
#include "policy/authentication.h"
#include "policy/inquiry.h"
#include "policy/layer.h"
#include "policy/testing.h"
#include "policy/trace.h"

namespace postern::policy {
namespace {

using testing::from_client;
using testing::run;

constexpr Need verdicts = Need::spf | Need::dkim | Need::dmarc | Need::arc;

/// Gathers as the gateway does, from a zone; counts the queries.
class ZoneGatherer final : public Gatherer, private dns::Resolver {
 public:
  ZoneGatherer(const std::string& zone, std::size_t queries)
      : zone_(*dns::RecordedResolver::parse(zone)),
        options_{.receiver = "mx.example.org", .queries = queries} {}
  void receive(std::string_view message) {
    authentication_.begin(nullptr);
    authentication_.feed(message);
  }
  Task<void> gather(Need needs, Evidence& evidence) override {
    return authentication_.gather(needs, evidence);
  }
  Task<void> ask(dns::Question question, Evidence& evidence) override {
    return authentication_.ask(std::move(question), evidence);
  }
  Task<void> consult(Consultation question, Evidence& evidence) override {
    question.answer = std::to_string(++consulted);
    evidence.consulted.push_back(std::move(question));
    co_return;
  }
  Task<void> report(Evidence& evidence) {
    return authentication_.report(reported_needs(true, evidence), evidence);
  }
  std::vector<std::string> queries;
  int consulted = 0;

 private:
  Task<dns::Answer> lookup(dns::Question question, std::chrono::milliseconds limit) override {
    queries.push_back(question.name);
    return zone_->lookup(std::move(question), limit);
  }

  std::unique_ptr<dns::RecordedResolver> zone_;
  const AuthenticationOptions options_;
  AuthenticationCaches caches_;
  MessageAuthentication authentication_{options_, caches_, *this};
};

/// Does what the test says, at every stage.
class ActingLayer final : public Layer {
 public:
  using Act = std::function<Task<Verdict>(Stage, Inquiry&)>;
  explicit ActingLayer(Act act) : act_(std::move(act)) {}
  std::string_view name() const override { return "acting"; }
  bool speaks_at(Stage) const override { return true; }
  Task<Ruling> judge(Stage stage, Inquiry& inquiry, std::vector<Step>& steps) const override {
    Verdict verdict = co_await act_(stage, inquiry);
    steps.push_back(
        {.stage = stage, .layer = name(), .check = "acting", .origin = {}, .verdict = verdict});
    co_return verdict;
  }

 private:
  Act act_;
};

LayerEntry layer(ActingLayer::Act act, Mode mode) {
  return {std::make_shared<ActingLayer>(std::move(act)), mode};
}

Task<std::string> told(Inquiry& inquiry, std::string name) {
  Answers answers(inquiry.evidence);
  if (answers.find(name, dns::Type::a) == nullptr) {
    co_await inquiry.ask({.name = name, .type = dns::Type::a});
  }
  const dns::Answer* answer = answers.find(name, dns::Type::a);
  co_return answer == nullptr ? "nothing" : std::string(dns::to_string(answer->status));
}

ActingLayer::Act asks(std::vector<std::string> names) {
  return [names](Stage, Inquiry& inquiry) -> Task<Verdict> {
    std::string all;
    for (const std::string& name : names) {
      const std::string one = co_await told(inquiry, name);
      all += (all.empty() ? "" : " ") + one;
    }
    co_return pass_on(std::move(all));
  };
}

std::string words_of(const Evidence& evidence) {
  std::string words;
  const auto add = [&](std::string_view one) {
    words += words.empty() ? "" : " ";
    words += one;
  };
  if (evidence.spf) add(mailauth::spf::to_string(evidence.spf->status));
  if (evidence.dkim) add(mailauth::dkim::to_text(evidence.dkim->overall()));
  if (evidence.dmarc) add(mailauth::dmarc::to_string(evidence.dmarc->status));
  if (evidence.arc) add(mailauth::arc::to_text(evidence.arc->status));
  return words;
}

Task<Verdict> gathers(Stage, Inquiry& inquiry) {
  co_await inquiry.gather(verdicts);
  co_return pass_on(words_of(inquiry.evidence));
}

Decision decide_with(std::vector<LayerEntry> layers, Evidence& evidence, Gatherer& gatherer,
                     Stage stage = Stage::message) {
  const Engine engine(std::move(layers));
  return run(engine.decide(stage, evidence, gatherer));
}

const mailauth::dkim::SigningKey& shadow_key() {
  static const auto made = *mailauth::dkim::SigningKey::generate_ed25519();
  return made;
}

std::string shadow_zone() {
  return R"({"example.com": {"TXT": ["v=spf1 include:_spf.example.com -all"]},
             "_spf.example.com": {"TXT": ["v=spf1 ip4:203.0.113.0/24 -all"]},
             "_dmarc.example.com": {"TXT": ["v=DMARC1; p=reject"]},
             "s1._domainkey.example.com": {"TXT": [")" +
         shadow_key().public_record() +
         R"("]},
             "a.example.com": {"A": ["192.0.2.1"]},
             "b.example.com": {"A": ["192.0.2.2"]},
             "silent.example.com": "SERVFAIL"})";
}

std::string signed_note() {
  const std::string message = "From: <alerts@example.com>\r\n\r\nall is well\r\n";
  const auto field = mailauth::dkim::sign_message(
      {{&shadow_key(), "s1"}}, {.domain = "example.com", .selector = "s1", .signed_at = 1700000000},
      message);
  return *field + message;
}

TEST(Shadow, has_dns_questions_of_its_own) {
  std::vector<std::string> many;
  for (int i = 0; i < 150; ++i) many.push_back("n" + std::to_string(i) + ".example.com");
  many.emplace_back("a.example.com");
  ZoneGatherer gatherer(shadow_zone(), 100);
  Evidence evidence = from_client("203.0.113.10");
  const Decision decision =
      decide_with({layer(asks(many), Mode::shadow), layer(asks({"a.example.com"}), Mode::enforce)},
                  evidence, gatherer);
  EXPECT_TRUE(decision.steps[0].verdict.detail.ends_with("server_failure"));
  EXPECT_EQ(decision.steps[1].verdict.detail, "found");
  EXPECT_EQ(gatherer.queries.size(), 101u);
}

TEST(Shadow, has_verdicts_of_its_own) {
  ZoneGatherer gatherer(shadow_zone(), 4);
  gatherer.receive(signed_note());
  Evidence evidence = from_client("203.0.113.10");
  const auto uses_up = [](Stage stage, Inquiry& inquiry) -> Task<Verdict> {
    for (const char* name : {"x.example.com", "y.example.com", "z.example.com"}) {
      co_await told(inquiry, name);
    }
    Verdict verdict = co_await gathers(stage, inquiry);
    co_return verdict;
  };
  const Decision decision = decide_with(
      {layer(uses_up, Mode::shadow), layer(gathers, Mode::enforce)}, evidence, gatherer);
  EXPECT_EQ(decision.steps[0].verdict.detail, "temperror temperror temperror none");
  EXPECT_EQ(decision.steps[1].verdict.detail, "pass pass pass none");
  EXPECT_EQ(words_of(evidence), "pass pass pass none");
}

TEST(Shadow, takes_no_questions_from_the_report) {
  ZoneGatherer gatherer(shadow_zone(), 1);
  gatherer.receive(signed_note());
  Evidence evidence = from_client("203.0.113.10");
  decide_with({layer(gathers, Mode::shadow)}, evidence, gatherer);
  EXPECT_EQ(words_of(evidence), "") << "SPF of a refused message is not looked up for the report";
  EXPECT_FALSE(evidence.author);
  run([](ZoneGatherer& asked, Evidence& found) -> Task<int> {
    co_await asked.report(found);
    co_return 0;
  }(gatherer, evidence));
  EXPECT_EQ(words_of(evidence), "pass");
}

TEST(Shadow, an_answer_that_it_got_costs_an_enforced_layer_a_question) {
  ZoneGatherer gatherer(shadow_zone(), 1);
  Evidence evidence = from_client("203.0.113.10");
  const std::vector<LayerEntry> layers = {
      layer(asks({"a.example.com"}), Mode::shadow),
      layer(asks({"a.example.com", "b.example.com"}), Mode::enforce)};
  const Decision decision = decide_with(layers, evidence, gatherer);
  EXPECT_EQ(decision.steps[1].verdict.detail, "found server_failure") << "as without the other";
  EXPECT_EQ(gatherer.queries, std::vector<std::string>{"a.example.com"}) << "DNS is asked once";
  ASSERT_EQ(evidence.dns.size(), 2u);
  EXPECT_FALSE(evidence.dns[0].in_shadow);
}

TEST(Shadow, keeps_its_answers_for_its_next_turn) {
  ZoneGatherer gatherer(shadow_zone(), 100);
  Evidence evidence = from_client("203.0.113.10");
  const auto trial = layer(asks({"a.example.com", "silent.example.com"}), Mode::shadow);
  const Decision first = decide_with({trial}, evidence, gatherer, Stage::mail);
  const Decision second = decide_with({trial}, evidence, gatherer);
  EXPECT_EQ(first.steps[0].verdict.detail, "found server_failure");
  EXPECT_EQ(second.steps[0].verdict.detail, "found server_failure");
  EXPECT_EQ(gatherer.queries.size(), 2u);
  EXPECT_EQ(Answers(evidence).count(), 0u);
}

TEST(Shadow, other_programs_are_asked_again) {
  ZoneGatherer gatherer(shadow_zone(), 100);
  Evidence evidence = from_client("203.0.113.10");
  const auto consults = [](Stage, Inquiry& inquiry) -> Task<Verdict> {
    Replies replies(inquiry.evidence);
    if (replies.find("inet:127.0.0.1:9", "q") == nullptr) {
      co_await inquiry.consult({.service = "inet:127.0.0.1:9", .request = "q"});
    }
    co_return pass_on(replies.find("inet:127.0.0.1:9", "q")->answer);
  };
  const std::vector<LayerEntry> layers = {layer(consults, Mode::shadow),
                                          layer(consults, Mode::enforce)};
  const Decision decision = decide_with(layers, evidence, gatherer);
  EXPECT_EQ(decision.steps[0].verdict.detail, "1");
  EXPECT_EQ(decision.steps[1].verdict.detail, "2");
  EXPECT_EQ(decide_with(layers, evidence, gatherer).steps[1].verdict.detail, "2");
  EXPECT_EQ(gatherer.consulted, 2);
}

TEST(Shadow, an_exception_ends_the_trial_too) {
  ZoneGatherer gatherer(shadow_zone(), 100);
  Evidence evidence = from_client("203.0.113.10");
  const auto breaks = [](Stage, Inquiry& inquiry) -> Task<Verdict> {
    co_await told(inquiry, "a.example.com");
    throw std::runtime_error("oops");
  };
  decide_with({layer(breaks, Mode::shadow)}, evidence, gatherer);
  EXPECT_FALSE(evidence.in_shadow);
  EXPECT_EQ(Answers(evidence).count(), 0u);
}

/// Does some of what a layer can do, and notes all that it sees.
ActingLayer::Act anything(std::uint32_t seed, std::string* seen) {
  return [seed, seen](Stage stage, Inquiry& inquiry) -> Task<Verdict> {
    static const std::vector<std::string> names = {"a.example.com", "b.example.com", "no.example",
                                                   "silent.example.com", "example.com"};
    static constexpr Need needs[] = {Need::spf, Need::dkim, Need::dmarc, Need::arc, verdicts};
    std::mt19937 random(seed + static_cast<std::uint32_t>(stage));
    std::string found;
    for (std::uint32_t i = random() % 6; i > 0; --i) {
      const std::uint32_t which = random() % 5;
      switch (random() % 3) {
        case 0: {
          const std::string said = co_await told(inquiry, names[which]);
          found += said + " ";
          break;
        }
        case 1:
          if (stage == Stage::message) co_await inquiry.gather(needs[which]);
          break;
        default:
          found += std::to_string(Answers(inquiry.evidence).count()) + " ";
      }
      found += words_of(inquiry.evidence) + (inquiry.evidence.author ? "author" : "") + "; ";
    }
    if (seen != nullptr) *seen += found + "\n";
    co_return random() % 20 == 0 ? refuse(550, {5, 7, 1}, found) : pass_on(found);
  };
}

TEST(Shadow, enforced_layers_see_what_they_see_without_it) {
  const std::string message = signed_note();
  for (std::uint32_t seed = 0; seed < 300; ++seed) {
    std::string seen[2];
    for (const bool with : {false, true}) {
      std::vector<LayerEntry> layers;
      for (std::uint32_t i = 0; i < 2; ++i) {
        if (with) layers.push_back(layer(anything(seed * 100 + 50 + i, nullptr), Mode::shadow));
        layers.push_back(layer(anything(seed * 100 + 10 * i, &seen[with]), Mode::enforce));
      }
      const Engine engine(layers);
      ZoneGatherer gatherer(shadow_zone(), seed % 8);
      Evidence evidence = from_client("203.0.113.10");
      gatherer.receive(message);
      for (const Stage stage : {Stage::mail, Stage::rcpt, Stage::rcpt, Stage::message}) {
        const Decision decision = run(engine.decide(stage, evidence, gatherer));
        seen[with] += decision.reply.to_string() + "\n";
      }
    }
    ASSERT_EQ(seen[true], seen[false]) << "seed " << seed;
  }
}

}  // namespace
}  // namespace postern::policy
