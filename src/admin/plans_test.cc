#include "admin/plans.h"

#include <gtest/gtest.h>

#include "admin/ports.h"
#include "admin/test_api.h"
#include "policy/webhook.h"

namespace postern::admin {
namespace {

/// Answers that nothing changes, and keeps what it was asked.
class Unmoved final : public Planner {
 public:
  Task<Result<boost::json::object>> plan(PlanRequest request) override {
    asked = std::move(request);
    if (const auto now = std::exchange(during, nullptr)) now();
    if (broken) co_return fail(Fault::temporary, "the gateway is stopping");
    co_return boost::json::object{{"answer", "same"}};
  }
  boost::json::value brief(const PlanRequest& request) override {
    asked = request;
    return boost::json::object{{"answer", "same"}};
  }

  PlanRequest asked;
  std::function<void()> during;
  bool broken = false;
};

class PlanRoutes : public ::testing::Test {
 protected:
  Answer plan(const std::string& token, const std::string& body) {
    return api_.post("/api/v1/plan", body, token);
  }
  Answer plan_policy(const std::string& token, const std::string& id, const std::string& body) {
    return api_.post("/api/v1/smtp-policies/" + id + "/plan", body, token);
  }

  Unmoved planner_;
  TestApi api_{[this](Options&, Dependencies& deps) { deps.planner = &planner_; }};
  std::string operator_ = api_.account("operator@example.com");
  std::string other_ = api_.account("other@example.com");
};

TEST_F(PlanRoutes, a_policy_is_judged_with_its_webhooks_as_a_put_would_make_it) {
  const std::string id = api_.policy(other_, R"({"name":"p","allowed_source_ips":"192.0.2.0/24"})");
  api_.webhook(other_, R"(,"smtp_security_policy_id":")" + id + R"(")");
  const Answer answer = plan_policy(other_, id, R"({"allowed_source_ips":"192.0.2.0/25"})");
  ASSERT_EQ(answer.status, 200) << answer.body;
  EXPECT_EQ(answer.text("/answer"), "same");
  ASSERT_EQ(planner_.asked.after.policies.size(), 1u);
  EXPECT_EQ(planner_.asked.after.policies[0]->id, id);
  EXPECT_EQ(planner_.asked.after.policies[0]->name, "p");
  EXPECT_TRUE(planner_.asked.before.policies.empty());
  EXPECT_EQ(planner_.asked.before.webhooks.size(), 1u);
  EXPECT_EQ(planner_.asked.after.webhooks.size(), 1u);
  EXPECT_FALSE(planner_.asked.operates);
  EXPECT_EQ(plan_policy(operator_, id, "{}").status, 404);
  EXPECT_EQ(plan_policy(other_, id, R"({"allowed_source_ips":"x"})").status, 422);
  EXPECT_EQ(plan_policy("", id, "{}").status, 401);
}

TEST_F(PlanRoutes, a_new_password_is_another_one_each_time) {
  const std::string users = R"({"smtp_credentials":[{"username":"u","password":"correct horse"}]})";
  const std::string id =
      api_.policy(other_, R"({"name":"p","require_smtp_auth":true,)" + users.substr(1));
  ASSERT_EQ(plan_policy(other_, id, users).status, 200);
  const auto first = planner_.asked.after.policies[0]->credentials;
  ASSERT_EQ(first.size(), 1u);
  ASSERT_EQ(plan_policy(other_, id, users).status, 200);
  EXPECT_NE(planner_.asked.after.policies[0]->credentials[0].stamp, first[0].stamp);
  ASSERT_EQ(plan_policy(other_, id, R"({"smtp_credentials":[{"username":"u"}]})").status, 200);
  const auto kept = planner_.asked.after.policies[0]->credentials[0].stamp;
  EXPECT_NE(kept, first[0].stamp);
  ASSERT_EQ(plan_policy(other_, id, "{}").status, 200);
  EXPECT_EQ(planner_.asked.after.policies[0]->credentials[0].stamp, kept);
}

TEST_F(PlanRoutes, lists_are_for_operators) {
  const std::string lists = R"({"new":{"connection_policies":{"lists":{"client":"permit"}}}})";
  EXPECT_EQ(plan(other_, lists).status, 403);
  EXPECT_EQ(plan(other_, R"({"new":{"revision":1}})").status, 403);
  EXPECT_EQ(plan(operator_, lists).status, 503) << "this server has no lists";
  EXPECT_EQ(plan(other_, R"({"new":{"smtp_policies":{}}})").status, 200);
  EXPECT_EQ(plan(other_, R"({"old":"running","new":"running"})").status, 200);
}

TEST_F(PlanRoutes, asks_where_mail_goes_if_the_body_does) {
  EXPECT_EQ(plan(other_, R"({"new":{},"routes":true})").status, 200);
  EXPECT_TRUE(planner_.asked.routes);
  EXPECT_EQ(plan(other_, R"({"new":{},"replies":true})").status, 200);
  EXPECT_FALSE(planner_.asked.routes);
  EXPECT_EQ(plan(other_, R"({"new":{},"routes":"yes"})").status, 422);
}

TEST_F(PlanRoutes, refuses_what_is_no_plan) {
  EXPECT_EQ(plan(other_, "{}").status, 400);
  EXPECT_EQ(plan(other_, R"({"new":7})").status, 422);
  EXPECT_EQ(plan(other_, R"({"new":"runing"})").status, 422);
  EXPECT_EQ(plan(other_, R"({"new":{},"more":1})").status, 422);
  const auto draft = plan(other_, R"({"new":{"restrictions":{}}})");
  EXPECT_EQ(draft.status, 422);
  EXPECT_NE(draft.body.find("its fields are `connection_policies`, `smtp_policies`"),
            std::string::npos)
      << draft.body;
  EXPECT_EQ(plan(other_, R"({"new":{"smtp_policies":{"pol_x":{}}}})").status, 422);
  planner_.broken = true;
  EXPECT_EQ(plan(other_, R"({"new":{}})").status, 503);
  TestApi without;
  EXPECT_EQ(without.post("/api/v1/plan", R"({"new":{}})", without.account()).status, 503);
}

TEST_F(PlanRoutes, one_at_a_time_for_an_account_and_two_in_all) {
  const auto call = [&](const std::string& token) {
    net::HttpRequest request;
    request.method = "POST";
    net::parse_target("/api/v1/plan", request);
    request.headers.emplace_back("authorization", "Bearer " + token);
    request.headers.emplace_back("content-type", "application/json");
    request.body = R"({"new":{}})";
    request.peer = *IpAddress::parse("192.0.2.1");
    boost::asio::io_context loop;  // the first one is still running on the other
    auto answer =
        boost::asio::co_spawn(loop, api_.api->handle(std::move(request)), boost::asio::use_future);
    loop.run();
    return answer.get().status;
  };
  const std::string third = api_.account("third@example.com");
  int same = 0;
  int second = 0;
  int too_many = 0;
  planner_.during = [&] {
    same = call(other_);
    planner_.during = [&] { too_many = call(third); };
    second = call(operator_);
  };
  EXPECT_EQ(plan(other_, R"({"new":{}})").status, 200);
  EXPECT_EQ(same, 429);
  EXPECT_EQ(second, 200);
  EXPECT_EQ(too_many, 429);
  EXPECT_EQ(plan(other_, R"({"new":{}})").status, 200) << "the place is free again";
}

TEST_F(PlanRoutes, a_put_says_what_it_changes) {
  const std::string id = api_.policy(other_);
  const Answer put =
      api_.put("/api/v1/smtp-policies/" + id, R"({"allowed_source_ips":"192.0.2.0/24"})", other_);
  ASSERT_EQ(put.status, 200) << put.body;
  EXPECT_EQ(put.text("/plan/answer"), "same");
  const Answer again = api_.put("/api/v1/smtp-policies/" + id, put.body, other_);
  EXPECT_EQ(again.status, 200) << again.body;
  const std::string webhook = api_.webhook(other_).text("/id");
  const Answer attached = api_.put("/api/v1/webhooks/" + webhook,
                                   R"({"smtp_security_policy_id":")" + id + R"("})", other_);
  ASSERT_EQ(attached.status, 200) << attached.body;
  EXPECT_EQ(attached.text("/plan/answer"), "same");
  EXPECT_EQ(planner_.asked.before.webhooks[0]->policy_id, std::nullopt);
  EXPECT_EQ(planner_.asked.after.webhooks[0]->policy_id, id);
  const Answer log = api_.get("/api/v1/accounts/me/audit-log", other_);
  EXPECT_EQ(log.text("/data/0/details/plan/answer"), "same") << log.body;
}

}  // namespace
}  // namespace postern::admin
