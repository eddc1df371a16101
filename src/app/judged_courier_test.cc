#include "app/judged_courier.h"

#include <filesystem>

#include <gtest/gtest.h>

#include "policy/record.h"
#include "policy/testing.h"
#include "spool/spool_fixture.h"

namespace postern::app {
namespace {

using policy::Stage;
using policy::Verdict;

/// Says what the test wants at one stage, and notes what it was asked about.
class OneStage final : public policy::Layer {
 public:
  OneStage(Stage stage, Verdict verdict, std::vector<std::string>* asked)
      : stage_(stage), verdict_(std::move(verdict)), asked_(asked) {}
  std::string_view name() const override { return "one"; }
  bool speaks_at(Stage stage) const override { return stage == stage_; }
  Task<Verdict> judge(Stage stage, policy::Evidence& evidence, policy::Gatherer&,
                      std::vector<policy::Step>&) const override {
    asked_->push_back(std::string(policy::to_string(stage)) + " " + evidence.session.helo);
    co_return verdict_;
  }

 private:
  Stage stage_;
  Verdict verdict_;
  std::vector<std::string>* asked_;
};

class Carries final : public queue::Courier {
 public:
  Task<queue::Carried> carry(const queue::Errand& errand, queue::Text&) override {
    ++calls;
    queue::Carried carried;
    carried.results.assign(errand.recipients.size(),
                           {.klass = smtp::ResultClass::delivered, .enhanced = {2, 0, 0}});
    co_return carried;
  }
  int calls = 0;
};

class JudgedCourierTest : public spool::SpoolTest {
 protected:
  queue::Carried carried(Stage stage, Verdict verdict, std::uint32_t attempt = 1,
                         bool with_evidence = true) {
    open();
    policy::Evidence evidence;
    evidence.session.helo = "mx.example.org";
    evidence.reverse_path = policy::testing::address("author", "example.org");
    spool::Envelope sent = envelope(2);
    sent.evidence = with_evidence ? "msg_1 " + policy::write_evidence(evidence, "01TRACE") : "";
    const spool::MessageId id = *put(std::move(sent), "Subject: x\r\n\r\n");
    const spool::Message message = **spool_->get(id);
    std::vector<policy::LayerEntry> layers{
        {std::make_shared<OneStage>(stage, std::move(verdict), &asked_)}};
    auto engine = std::make_shared<policy::CurrentEngine>(
        std::make_shared<const policy::Engine>(std::move(layers)));
    JudgedCourier courier(next_, engine);
    const std::vector<std::uint32_t> both{0, 1};
    const queue::Errand errand{.message = message,
                               .destination = message.envelope.recipients[0].destination,
                               .recipients = both,
                               .attempt = attempt,
                               .started = {},
                               .next_attempt = {}};
    queue::Text text(*spool_, id, std::move(*spool_->body(id)));
    return policy::testing::run(courier.carry(errand, text));
  }

  Carries next_;
  std::vector<std::string> asked_;
};

TEST_F(JudgedCourierTest, a_rule_that_lets_through_sees_the_evidence_of_the_session) {
  const auto done = carried(Stage::delivery, policy::pass_on());
  EXPECT_EQ(done.results[1].klass, smtp::ResultClass::delivered);
  EXPECT_EQ(next_.calls, 1);
  EXPECT_EQ(asked_, std::vector<std::string>{"delivery mx.example.org"});
}

TEST_F(JudgedCourierTest, the_stage_queued_is_asked_before_the_first_attempt_alone) {
  carried(Stage::queued, policy::pass_on());
  EXPECT_EQ(asked_.size(), 1u);
  carried(Stage::queued, policy::pass_on(), 2);
  EXPECT_EQ(asked_.size(), 1u);
  EXPECT_EQ(next_.calls, 2);
}

TEST_F(JudgedCourierTest, refusals_and_quarantine_come_before_the_courier) {
  auto refused = carried(Stage::delivery, policy::refuse(550, {5, 7, 1}, "not this one"));
  EXPECT_EQ(refused.results[0].klass, smtp::ResultClass::permanent);
  EXPECT_EQ(refused.results[0].text, "not this one");
  EXPECT_TRUE(refused.by_rule);
  auto later = carried(Stage::delivery, policy::refuse(451, {4, 7, 1}, "not now"));
  EXPECT_EQ(later.results[1].klass, smtp::ResultClass::temporary);
  auto aside = carried(Stage::queued, Verdict{Verdict::Kind::quarantine, {}, "looks odd"});
  EXPECT_EQ(aside.set_aside, "looks odd");
  EXPECT_EQ(next_.calls, 0);
}

TEST_F(JudgedCourierTest, without_evidence_nothing_goes) {
  const auto closed = carried(Stage::delivery, policy::pass_on(), 1, false);
  EXPECT_EQ(closed.results[0].klass, smtp::ResultClass::temporary);
  EXPECT_EQ(next_.calls, 0);
}

}  // namespace
}  // namespace postern::app
