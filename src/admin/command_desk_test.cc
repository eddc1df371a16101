#include "admin/command_desk.h"

#include <gtest/gtest.h>

#include "admin/ports.h"
#include "admin/test_api.h"

namespace postern::admin {
namespace {

constexpr const char* control_token = "control-token-of-this-start";

/// Answers with the question, or fails with the fault that it names.
class Echo final : public LiveAnswers {
 public:
  Task<Result<boost::json::object>> answer(std::string question,
                                           boost::json::object given) override {
    if (const auto fault = fault_named(question)) co_return fail(*fault, "said by " + question);
    co_return boost::json::object{{"question", question}, {"given", std::move(given)}};
  }
};

TEST(CommandDesk, answers_the_command_line_alone) {
  Echo echo;
  TestApi api([&](Options& options, Dependencies& deps) {
    options.control_token = Secret(control_token);
    deps.answers = &echo;
  });
  const std::string owner = api.account();
  EXPECT_EQ(api.post("/control/inbox", R"({"after":3})", control_token).text("/question"), "inbox");
  EXPECT_EQ(
      api.post("/control/inbox", R"({"after":3})", control_token).json.at_pointer("/given/after"),
      3);
  EXPECT_EQ(api.post("/control/inbox", "{}", owner).status, 401) << "the first owner neither";
  EXPECT_EQ(api.post("/control/inbox", "{}", "control-token-of-another-start").status, 401);
  EXPECT_EQ(api.post("/control/inbox", "{}", "").status, 401);
  EXPECT_EQ(api.post("/api/v1/smtp-policies", "{}", control_token).status, 401)
      << "it is good for nothing else";
}

TEST(CommandDesk, an_empty_token_opens_nothing) {
  Echo echo;
  TestApi api([&](Options&, Dependencies& deps) { deps.answers = &echo; });
  EXPECT_EQ(api.post("/control/inbox", "{}", "").status, 401);
}

TEST(CommandDesk, faults_arrive_as_they_left) {
  Echo echo;
  TestApi api([&](Options& options, Dependencies& deps) {
    options.control_token = Secret(control_token);
    deps.answers = &echo;
  });
  for (int i = 0; i <= static_cast<int>(Fault::disk_full); ++i) {
    const std::string name(fault_name(static_cast<Fault>(i)));
    const Answer answer = api.post("/control/" + name, "{}", control_token);
    EXPECT_EQ(answer.status, 422);
    EXPECT_EQ(fault_named(answer.code()), static_cast<Fault>(i));
    EXPECT_EQ(answer.text("/error"), "said by " + name);
  }
  EXPECT_EQ(fault_named("unheard-of"), std::nullopt);
}

}  // namespace
}  // namespace postern::admin
