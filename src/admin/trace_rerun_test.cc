#include "admin/trace_rerun.h"

#include <gtest/gtest.h>

#include "admin/ports.h"
#include "admin/test_api.h"

namespace postern::admin {
namespace {

constexpr std::string_view trace_id = "01HX0000000000000000000000";

/// Has one trace, and records for which account it was requested.
class OneTrace final : public TraceRerun {
 public:
  Task<Result<std::optional<TraceRerunResult>>> run(std::optional<std::string> account,
                                                    std::string asked) override {
    asked_for = std::move(account);
    if (const auto now = std::exchange(during, nullptr)) now();
    if (broken) co_return fail(Fault::temporary, "locked");
    if (asked != trace_id) co_return std::optional<TraceRerunResult>();
    TraceRerunResult result{.same = false, .changes = {"rcpt: was x, would be accepted"}};
    result.then.id = asked;
    result.then.outcome = "rejected";
    result.then.code = 550;
    result.now = result.then;
    result.now.outcome = "accepted";
    result.now.code = 0;
    result.cannot_tell = {"scripts"};
    co_return std::optional(std::move(result));
  }

  std::optional<std::string> asked_for;
  std::function<void()> during;
  bool broken = false;
};

class TraceRerunRoute : public ::testing::Test {
 protected:
  Answer run(const std::string& token, std::string_view trace = trace_id) {
    return api_.post("/api/v1/traces/" + std::string(trace) + "/run-again", "", token);
  }

  OneTrace traces_;
  TestApi api_{[this](Options&, Dependencies& deps) { deps.trace_rerun = &traces_; }};
  std::string operator_ = api_.account("operator@example.com");
  std::string other_ = api_.account("other@example.com");
};

TEST_F(TraceRerunRoute, says_what_would_be_different) {
  const Answer answer = run(other_);
  ASSERT_EQ(answer.status, 200) << answer.body;
  EXPECT_FALSE(answer.json.at("same").as_bool());
  EXPECT_EQ(answer.text("/changes/0"), "rcpt: was x, would be accepted");
  EXPECT_EQ(answer.text("/cannot_tell/0"), "scripts");
  EXPECT_EQ(answer.text("/then/outcome"), "rejected");
  EXPECT_EQ(answer.json.at("then").at("code").as_int64(), 550);
  EXPECT_EQ(answer.text("/now/outcome"), "accepted");
  EXPECT_TRUE(answer.json.at("now").at("code").is_null());
}

TEST_F(TraceRerunRoute, asks_for_the_callers_account_and_for_operators_without) {
  run(other_);
  EXPECT_TRUE(traces_.asked_for && traces_.asked_for->starts_with("acc_"));
  run(operator_);
  EXPECT_FALSE(traces_.asked_for);
}

TEST_F(TraceRerunRoute, refuses) {
  EXPECT_EQ(run("").status, 401);
  EXPECT_EQ(run(other_, "01HX0000000000000000000001").status, 404);
  EXPECT_EQ(run(other_, "x").status, 404);
  traces_.broken = true;
  EXPECT_EQ(run(other_).status, 503);
  TestApi without;
  EXPECT_EQ(
      without.post("/api/v1/traces/" + std::string(trace_id) + "/run-again", "", without.account())
          .status,
      503);
}

TEST_F(TraceRerunRoute, runs_one_at_a_time_for_an_account) {
  int beside = 0;
  int of_another = 0;
  traces_.during = [&] {
    // On a separate loop, because the first one is still running.
    const auto call = [&](const std::string& token) {
      net::HttpRequest request;
      request.method = "POST";
      net::parse_target("/api/v1/traces/" + std::string(trace_id) + "/run-again", request);
      request.headers.emplace_back("authorization", "Bearer " + token);
      request.peer = *IpAddress::parse("192.0.2.1");
      boost::asio::io_context loop;
      auto answer = boost::asio::co_spawn(loop, api_.api->handle(std::move(request)),
                                          boost::asio::use_future);
      loop.run();
      return answer.get().status;
    };
    beside = call(other_);
    of_another = call(operator_);
  };
  EXPECT_EQ(run(other_).status, 200);
  EXPECT_EQ(beside, 429);
  EXPECT_EQ(of_another, 200);
  EXPECT_EQ(run(other_).status, 200) << "the place is free again";
}

}  // namespace
}  // namespace postern::admin
