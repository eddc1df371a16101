#include "policy/questions/spf.h"

#include <gtest/gtest.h>

#include "policy/testing.h"

namespace postern::policy::questions {
namespace {

using Status = mailauth::spf::Status;

TEST(SpfQuestion, each_result_has_a_meaning) {
  using Says = Spf::Says;
  constexpr std::pair<Status, Says> cases[] = {
      {Status::pass, Says::authorised},  {Status::none, Says::nothing},
      {Status::neutral, Says::nothing},  {Status::softfail, Says::doubts},
      {Status::fail, Says::forbids},     {Status::temperror, Says::unanswered},
      {Status::permerror, Says::broken},
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
    Status status;
    const char* mechanism;
    const char* reason;
    bool is_problem;
    const char* text;
  } const cases[] = {
      {Status::fail, "-all", "", false, "-all"},
      {Status::neutral, "", "no term matched", false, "no term matched"},
      {Status::none, "", "no record", true, "no record"},
      {Status::temperror, "include:a.example", "DNS did not answer", true, "DNS did not answer"},
      {Status::permerror, "ip4:300", "", true, "ip4:300"},
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
