#include "policy/questions/trouble.h"

#include <gtest/gtest.h>

#include "policy/questions/rate.h"
#include "policy/replies.h"
#include "policy/testing.h"

namespace postern::policy::questions {
namespace {

using policy::testing::a_webhook;
using policy::testing::from_client;
using policy::testing::recipient_of;

TEST(Trouble, is_always_temporary) {
  struct {
    Stage stage;
    Trouble trouble;
    const char* reply;
  } const cases[] = {
      {Stage::connect, Trouble::local, "421 4.3.0"},
      {Stage::connect, Trouble::no_memory, "421 4.3.0"},
      {Stage::helo, Trouble::local, "451 4.3.0"},
      {Stage::auth, Trouble::unanswered, "454 4.7.0"},
      {Stage::mail, Trouble::unanswered, "451 4.3.0"},
      {Stage::rcpt, Trouble::no_memory, "452 4.3.1"},
      {Stage::message, Trouble::local, "451 4.3.0"},
  };
  for (const auto& c : cases) {
    const Verdict verdict = replies::trouble(c.stage, c.trouble, "why");
    EXPECT_EQ(verdict.kind, Verdict::Kind::defer);
    EXPECT_EQ(verdict.reply.to_string().substr(0, 9), c.reply) << to_string(c.stage);
    EXPECT_EQ(verdict.detail, "why");
  }
}

TEST(Rate, has_room_for_one_message) {
  auto webhook = a_webhook("a");
  Evidence evidence = from_client("192.0.2.7");
  EXPECT_FALSE(rate(evidence).limited);
  EXPECT_EQ(rate(evidence).words(), "no limit");
  evidence.consider(recipient_of(webhook));
  EXPECT_FALSE(rate(evidence).limited);
  EXPECT_TRUE(rate(evidence).available);
  webhook->rate_limit_per_minute = 10;
  struct {
    std::optional<double> tokens;
    bool available;
    const char* words;
  } const cases[] = {
      {std::nullopt, false, "0.0 of 10 a minute left"}, {-0.5, false, "0.0 of 10 a minute left"},
      {0.99, false, "1.0 of 10 a minute left"},         {1.0, true, "1.0 of 10 a minute left"},
      {9.0, true, "9.0 of 10 a minute left"},
  };
  for (const auto& c : cases) {
    evidence.rate_tokens = c.tokens;
    EXPECT_TRUE(rate(evidence).limited);
    EXPECT_EQ(rate(evidence).available, c.available) << c.words;
    EXPECT_EQ(rate(evidence).words(), c.words);
  }
}

}  // namespace
}  // namespace postern::policy::questions
