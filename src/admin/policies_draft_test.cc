#include <gtest/gtest.h>

#include "admin/recording_dry_run_test.h"
#include "admin/test_api.h"

namespace postern::admin {
namespace {

constexpr const char* check_path = "/api/v1/smtp-policies/check";
constexpr const char* dry_run_path = "/api/v1/smtp-policies/dry-run";

class PoliciesDraftTest : public ::testing::Test {
 protected:
  TestApi api_;
  std::string token_ = api_.account();

  int policies() { return api_.get(policies_path, token_).json.at("total").to_number<int>(); }
};

TEST_F(PoliciesDraftTest, check_normalises_reads_and_warns) {
  const Answer checked = api_.post(
      check_path,
      R"({"policy":{"name":" p ","allowed_source_ips":["192.0.2.1","0.0.0.0/0"],"require_dkim":true}})",
      token_);
  ASSERT_EQ(checked.status, 200) << checked.body;
  EXPECT_EQ(checked.text("/policy/name"), "p");
  EXPECT_EQ(checked.text("/policy/allowed_source_ips"), "192.0.2.1/32,0.0.0.0/0");
  EXPECT_EQ(checked.text("/reads_as/0/control"), "source_ip");
  EXPECT_EQ(checked.text("/reads_as/0/otherwise"), "550 5.7.1");
  EXPECT_EQ(checked.text("/reads_as/1/stage"), "data");
  EXPECT_EQ(checked.text("/warnings/0/field"), "allowed_source_ips");
  EXPECT_EQ(checked.text("/warnings/1/field"), "require_dkim");
  EXPECT_EQ(policies(), 0) << "nothing is stored";
}

TEST_F(PoliciesDraftTest, a_policy_beside_its_place_is_told_where_it_goes) {
  const Answer answer = api_.post(check_path, R"({"name":"p"})", token_);
  EXPECT_NE(answer.body.find("put the policy into `policy`"), std::string::npos) << answer.body;
  const Answer domain = api_.post("/api/v1/domains", R"({"domain":"example.com"})", token_);
  EXPECT_NE(domain.body.find("`domain` is not a field of a domain; its only field is `name`"),
            std::string::npos)
      << domain.body;
}

TEST_F(PoliciesDraftTest, check_refuses_as_a_write_would) {
  const std::string id =
      api_.policy(token_, R"({"name":"p","require_spf":true,"allowed_spf_domains":"a.example"})");
  const std::string stored = std::string(policies_path) + "/" + id;
  for (const std::string body :
       {R"({})", R"({"name":""})", R"({"name":"x","require_spff":true})",
        R"({"name":"x","allowed_source_ips":"192.0.2.1/24"})",
        R"({"name":"x","require_spf":false})",
        R"({"name":"x","require_smtp_auth":true,"smtp_credentials":[{"username":"u"}]})",
        R"({"name":"x","require_smtp_auth":"yes"})"}) {
    const Answer created = api_.post(policies_path, body, token_);
    const Answer checked = api_.post(check_path, R"({"policy":)" + body + "}", token_);
    if (created.status != 201) EXPECT_EQ(checked.body, created.body) << body;
    EXPECT_EQ(checked.status == 200, created.status == 201) << body;
    const Answer over =
        api_.post(check_path, R"({"policy_id":")" + id + R"(","policy":)" + body + "}", token_);
    const Answer put = api_.put(stored, body, token_);
    if (put.status != 200) EXPECT_EQ(over.body, put.body) << body;
    EXPECT_EQ(over.status, put.status) << body;
  }
}

TEST_F(PoliciesDraftTest, the_frame_is_judged_too) {
  EXPECT_EQ(api_.post(check_path, "{}", token_).status, 400);
  EXPECT_TRUE(api_.post(check_path, R"({"policy":[]})", token_).has_field("policy"));
  EXPECT_TRUE(
      api_.post(check_path, R"({"policy":{"name":"x"},"police":1})", token_).has_field("police"));
  EXPECT_TRUE(api_.post(check_path, R"({"policy":{"name":"x"},"policy_id":7})", token_)
                  .has_field("policy_id"));
  const std::string id = api_.policy(token_);
  const std::string body = R"({"policy":{},"policy_id":")" + id + "\"}";
  EXPECT_EQ(api_.post(check_path, body, token_).status, 200);
  EXPECT_EQ(api_.post(check_path, body, api_.account("b@example.com")).status, 404);
}

TEST_F(PoliciesDraftTest, answers_say_users_with_cost_and_the_words) {
  const std::string hash = "$2y$10$nPTBMMvN69D89yK6m11xbeiT77S0E8CKKA.QU9.mKtEW6GFoOUh1e";
  const std::string members =
      R"({"name":"p","require_smtp_auth":true,"smtp_credentials":[{"username":"old","password_hash":")" +
      hash + R"("},{"username":"new","password":"hunter2!"}]})";
  const Answer made = api_.post(policies_path, members, token_);
  ASSERT_EQ(made.status, 201) << made.body;
  const std::string one = std::string(policies_path) + "/" + made.text("/id");
  // A user without a password keeps its hash: the page that sends it back does not know the
  // password.
  const Answer kept = api_.put(
      one, R"({"smtp_credentials":[{"username":"old"},{"username":"more","password":"hunter3!"}]})",
      token_);
  ASSERT_EQ(kept.status, 200) << kept.body;
  EXPECT_EQ(made.json.at("smtp_users").as_array().size(), 2u);
  for (const Answer& answer : {kept, api_.get(one, token_)}) {
    EXPECT_EQ(answer.text("/smtp_users/0/username"), "old");
    EXPECT_EQ(answer.json.at_pointer("/smtp_users/0/cost").to_number<int>(), 10);
    EXPECT_EQ(answer.json.at_pointer("/smtp_users/1/cost").to_number<int>(), 12);
    EXPECT_EQ(answer.text("/reads_as/0/text"), "the client signed in as old or more, over TLS");
    EXPECT_EQ(answer.body.find("$2y$"), std::string::npos);
  }
  EXPECT_EQ(api_.directory.credentials("old", 4).front().hash.reveal(), hash);
  EXPECT_EQ(api_.get(policies_path, token_).text("/data/0/reads_as/0/control"), "smtp_auth");
  EXPECT_EQ(api_.put(one, api_.get(one, token_).body, token_).status, 200)
      << "what was read may be sent back";
}

TEST(PoliciesDraft, dry_run_takes_what_is_not_stored) {
  RecordingDryRun recorder;
  TestApi api([&](Options&, Dependencies& dependencies) { dependencies.dry_run = &recorder; });
  const std::string token = api.account();
  const std::string message =
      R"("client_ip":"192.0.2.1","helo":"c.example","mail_from":"a@b.example")";
  const std::string draft = R"({"policy":{"name":"draft","require_smtp_auth":true,)"
                            R"("smtp_credentials":[{"username":"u","password":"hunter2!"}]},)";
  const Answer answer = api.post(dry_run_path, draft + message + "}", token);
  ASSERT_EQ(answer.status, 200) << answer.body;
  EXPECT_EQ(recorder.seen.policy->name, "draft");
  EXPECT_NE(recorder.seen.policy->credential("u"), nullptr);
  EXPECT_EQ(api.get(policies_path, token).json.at("total").to_number<int>(), 0);

  const std::string id = api.policy(token, R"({"name":"stored","require_spf":true})");
  const std::string over = R"({"policy_id":")" + id + R"(","policy":{"require_dkim":true},)";
  ASSERT_EQ(api.post(dry_run_path, over + message + "}", token).status, 200);
  EXPECT_EQ(recorder.seen.policy->name, "stored");
  EXPECT_EQ(recorder.seen.policy->plan.at(policy::Stage::message).size(), 2u);
  EXPECT_EQ(api.post(dry_run_path, "{" + message + "}", token).code(), "missing_field");
  EXPECT_EQ(
      api.post(std::string(policies_path) + "/" + id + "/dry-run", over + message + "}", token)
          .status,
      422)
      << "the stored one takes no draft";
}

}  // namespace
}  // namespace postern::admin
