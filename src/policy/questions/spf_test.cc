#include "policy/questions/spf.h"

#include <gtest/gtest.h>

#include "policy/testing.h"

namespace postern::policy::questions {
namespace {

using SpfStatus = mailauth::spf::Status;

TEST(SpfQuestion, each_result_has_a_meaning) {
  using Says = Spf::Says;
  constexpr std::pair<SpfStatus, Says> cases[] = {
      {SpfStatus::pass, Says::authorised},  {SpfStatus::none, Says::nothing},
      {SpfStatus::neutral, Says::nothing},  {SpfStatus::softfail, Says::doubts},
      {SpfStatus::fail, Says::forbids},     {SpfStatus::temperror, Says::unanswered},
      {SpfStatus::permerror, Says::broken},
  };
  for (const auto& [status, says] : cases) {
    Evidence evidence;
    evidence.spf.emplace();
    evidence.spf->status = status;
    evidence.spf->domain = "example.com";
    EXPECT_EQ(spf(evidence).says, says) << mailauth::spf::to_string(status);
    EXPECT_EQ(spf(evidence).words(),
              "SPF " + std::string(mailauth::spf::to_string(status)) + " for example.com");
  }
  EXPECT_EQ(spf(Evidence{}).says, Says::unanswered);
  EXPECT_EQ(spf(Evidence{}).result, nullptr);
}

TEST(SpfQuestion, is_about_the_sender_else_about_helo) {
  Evidence evidence = policy::testing::from_client("192.0.2.7");
  EXPECT_EQ(spf_domain(evidence), "example.com");
  evidence.reverse_path.reset();
  EXPECT_EQ(spf_domain(evidence), "mx.example.com");
}

TEST(SpfQuestion, a_result_has_a_term_or_a_problem) {
  struct {
    SpfStatus status;
    const char* mechanism;
    const char* reason;
    bool is_problem;
    const char* text;
  } const cases[] = {
      {SpfStatus::fail, "-all", "", false, "-all"},
      {SpfStatus::neutral, "", "no term matched", false, "no term matched"},
      {SpfStatus::none, "", "no record", true, "no record"},
      {SpfStatus::temperror, "include:a.example", "DNS did not answer", true, "DNS did not answer"},
      {SpfStatus::permerror, "ip4:300", "", true, "ip4:300"},
  };
  for (const auto& c : cases) {
    mailauth::spf::Result result;
    result.status = c.status;
    result.mechanism = c.mechanism;
    result.reason = c.reason;
    EXPECT_EQ(cause_of(result).is_problem, c.is_problem) << c.text;
    EXPECT_EQ(cause_of(result).text, c.text);
  }
}

}  // namespace
}  // namespace postern::policy::questions
