#include "admin/policies.h"

#include <gtest/gtest.h>

#include "admin/recording_dry_run_test.h"
#include "admin/test_api.h"

namespace postern::admin {
namespace {

constexpr const char* some_id = "/api/v1/smtp-policies/pol_01HX0000000000000000000000";
const std::string hash = "$2y$12$nPTBMMvN69D89yK6m11xbeiT77S0E8CKKA.QU9.mKtEW6GFoOUh1e";

class PoliciesTest : public ::testing::Test {
 protected:
  TestApi api_;
  std::string token_ = api_.account();
};

TEST_F(PoliciesTest, create_shows_every_field) {
  const Answer made = api_.post(policies_path, R"({"name":"trusted-senders"})", token_);
  ASSERT_EQ(made.status, 201) << made.body;
  EXPECT_EQ(made.raw.header("ETag"), "\"1\"");
  for (const char* list :
       {"/allowed_source_ips", "/allowed_spf_domains", "/allowed_dkim_domains"}) {
    EXPECT_EQ(made.text(list), "") << list;
  }
  EXPECT_EQ(made.json.at("version").to_number<int>(), 1);
  EXPECT_EQ(made.json.at("webhook_count").to_number<int>(), 0);
  EXPECT_TRUE(made.json.at("smtp_usernames").as_array().empty());
  EXPECT_EQ(made.json.as_object().if_contains("smtp_credentials"), nullptr);
  EXPECT_EQ(made.text("/created_at"), made.text("/updated_at"));
}

TEST_F(PoliciesTest, credentials_are_write_only) {
  const Answer made = api_.post(
      policies_path,
      R"({"name":"a","require_smtp_auth":true,"smtp_credentials":"bob:)" + hash + "\"}", token_);
  ASSERT_EQ(made.status, 201) << made.body;
  EXPECT_EQ(made.text("/smtp_usernames/0"), "bob");
  for (const std::string& target :
       {std::string(policies_path), policies_path + ("/" + made.text("/id"))}) {
    const Answer shown = api_.get(target, token_);
    EXPECT_EQ(shown.status, 200);
    EXPECT_EQ(shown.body.find("$2y$"), std::string::npos);
  }
}

TEST_F(PoliciesTest, hashes_a_password_in_the_server) {
  const Answer made = api_.post(
      policies_path,
      R"({"name":"a","require_smtp_auth":true,"smtp_credentials":[{"username":"bob","password":"hunter2!"}]})",
      token_);
  ASSERT_EQ(made.status, 201) << made.body;
  const auto matches = api_.directory.credentials("bob", 4);
  ASSERT_EQ(matches.size(), 1u);
  EXPECT_TRUE(matches[0].hash.reveal().starts_with("$2y$12$"));
  EXPECT_EQ(made.body.find("hunter2"), std::string::npos);
}

TEST_F(PoliciesTest, put_merges_and_counts_versions) {
  const std::string id =
      api_.policy(token_, R"({"name":"p","allowed_source_ips":"203.0.113.0/24"})");
  const std::string one = std::string(policies_path) + "/" + id;
  const Answer renamed = api_.put(one, R"({"name":"q"})", token_);
  ASSERT_EQ(renamed.status, 200) << renamed.body;
  EXPECT_EQ(renamed.text("/allowed_source_ips"), "203.0.113.0/24");
  EXPECT_EQ(renamed.json.at("version").to_number<int>(), 2);
  EXPECT_EQ(renamed.raw.header("ETag"), "\"2\"");
  const Answer same = api_.put(one, api_.get(one, token_).body, token_);
  EXPECT_EQ(same.status, 200) << same.body;
  EXPECT_EQ(same.json.at("version").to_number<int>(), 2) << "what was read may be sent back";
  EXPECT_TRUE(api_.put(one, R"({"require_spff":true})", token_).has_field("require_spff"));
  EXPECT_TRUE(api_.put(one, R"({"name":null})", token_).has_field("name"));
  EXPECT_EQ(api_.get(one, token_).text("/name"), "q") << "no write is partial";
}

TEST_F(PoliciesTest, the_merge_is_judged_as_a_whole) {
  const std::string id =
      api_.policy(token_, R"({"name":"p","require_spf":true,"allowed_spf_domains":"a.example"})");
  const std::string one = std::string(policies_path) + "/" + id;
  EXPECT_TRUE(api_.put(one, R"({"require_spf":false})", token_).has_field("allowed_spf_domains"));
  EXPECT_EQ(api_.put(one, R"({"require_spf":false,"allowed_spf_domains":""})", token_).status, 200);
}

TEST_F(PoliciesTest, if_match_guards_against_lost_updates) {
  const std::string one = std::string(policies_path) + "/" + api_.policy(token_);
  const auto put = [&](const std::string& tag) {
    return api_.call(
        {"PUT", one, R"({"name":"n)" + tag.substr(1, 1) + "\"}", token_, {{"if-match", tag}}});
  };
  EXPECT_EQ(put("\"1\"").status, 200);
  const Answer stale = put("\"1\"");
  EXPECT_EQ(stale.status, 412);
  EXPECT_EQ(stale.code(), "version_mismatch");
  EXPECT_EQ(put("W/\"2\"").status, 412) << "weak tags never match";
  EXPECT_EQ(api_.call({"DELETE", one, "", token_, {{"if-match", "\"1\""}}}).status, 412);
  EXPECT_EQ(api_.call({"DELETE", one, "", token_, {{"if-match", "\"7\", \"2\""}}}).status, 204);
}

TEST_F(PoliciesTest, lists_newest_first_in_pages) {
  for (const char* name : {"one", "two", "three"})
    api_.policy(token_, std::string(R"({"name":")") + name + "\"}");
  const Answer first = api_.get(std::string(policies_path) + "?page_size=2", token_);
  ASSERT_EQ(first.status, 200) << first.body;
  EXPECT_EQ(first.json.at("total").to_number<int>(), 3);
  EXPECT_EQ(first.text("/data/0/name"), "three");
  EXPECT_EQ(
      api_.get(std::string(policies_path) + "?page_size=2&page=2", token_).text("/data/0/name"),
      "one");
  for (const char* query :
       {"?page=0", "?page=x", "?page_size=201", "?page_size=0", "?page=99999999999999999999"}) {
    EXPECT_EQ(api_.get(std::string(policies_path) + query, token_).status, 422) << query;
  }
  EXPECT_EQ(
      api_.get(std::string(policies_path) + "?limit=1;DROP%20TABLE%20policies", token_).status,
      422);
}

TEST_F(PoliciesTest, lists_of_large_policies_come_in_pieces) {
  std::string domains;
  for (int i = 0; i < 1000; ++i)
    domains +=
        (i == 0 ? "d" : ",d") + std::to_string(i) + "." + std::string(60, 'x') + ".example.com";
  for (int i = 0; i < 8; ++i)
    api_.policy(token_, R"({"name":"p)" + std::to_string(i) +
                            R"(","require_dkim":true,"allowed_dkim_domains":")" + domains + "\"}");
  for (const char* query : {"?page_size=7", "?limit=7"}) {
    const Answer answer = api_.get(std::string(policies_path) + query, token_);
    ASSERT_TRUE(answer.raw.stream) << query;
    std::string all;
    std::size_t longest = 0;
    for (;;) {
      const std::string piece = api_.run(answer.raw.stream->next()).value();
      if (piece.empty()) break;
      longest = std::max(longest, piece.size());
      all += piece;
    }
    EXPECT_GT(all.size(), 7 * domains.size());
    EXPECT_LT(longest, std::size_t{1} << 20);
    const boost::json::object list = boost::json::parse(all).as_object();
    ASSERT_EQ(list.at("data").as_array().size(), 7u);
    EXPECT_EQ(list.at("data").as_array()[6].at("name"), "p1");
    if (list.contains("total")) {
      EXPECT_EQ(list.at("total"), 8);
    } else {
      const std::string next(list.at("next").as_string());
      const Answer rest = api_.get(std::string(policies_path) + "?cursor=" + next, token_);
      EXPECT_EQ(rest.text("/data/0/name"), "p0");
      EXPECT_TRUE(rest.json.at("next").is_null());
    }
  }
}

/// The client already has half of the JSON, so the response is broken off instead of ended.
TEST_F(PoliciesTest, a_list_that_cannot_be_read_to_its_end_breaks_off) {
  std::string domains;
  for (int i = 0; i < 1000; ++i)
    domains +=
        (i == 0 ? "d" : ",d") + std::to_string(i) + "." + std::string(60, 'x') + ".example.com";
  std::vector<std::string> ids;
  for (int i = 0; i < 8; ++i) {
    const Answer made =
        api_.post(policies_path,
                  R"({"name":"p)" + std::to_string(i) +
                      R"(","require_dkim":true,"allowed_dkim_domains":")" + domains + "\"}",
                  token_);
    ids.push_back(made.text("/id"));
  }
  const auto rest_of = [&](const Answer& answer) {
    Result<std::string> piece = api_.run(answer.raw.stream->next());
    while (piece && !piece->empty()) piece = api_.run(answer.raw.stream->next());
    return piece;
  };
  const std::string query = std::string(policies_path) + "?limit=8";
  const Answer made = api_.post("/api/v1/api-tokens", R"({"name":"t","scopes":["read"]})", token_);
  const Answer until_revoked = api_.get(query, made.text("/token"));
  ASSERT_TRUE(until_revoked.raw.stream);
  ASSERT_TRUE(api_.run(until_revoked.raw.stream->next()));
  ASSERT_EQ(api_.call({"DELETE", "/api/v1/api-tokens/" + made.text("/id"), "", token_, {}}).status,
            204);
  EXPECT_FALSE(rest_of(until_revoked)) << "an access that has ended";
  const Answer until_damaged = api_.get(query, token_);
  ASSERT_TRUE(api_.run(until_damaged.raw.stream->next()));
  const std::string team = api_.get("/api/v1/accounts/me", token_).text("/id");
  store::PolicyRow row = api_.store->policy(team, ids.front()).value().value();
  row.definition = "{";
  ASSERT_EQ(api_.store->update_policy(row, row.version, nullptr).value(),
            store::WriteOutcome::done);
  EXPECT_FALSE(rest_of(until_damaged)) << "a policy that cannot be read";
}

TEST_F(PoliciesTest, a_large_body_is_for_who_may_send_one) {
  const auto refused = [&](const std::string& method, const std::string& target,
                           const std::string& token) {
    const auto answer =
        api_.run(api_.api->refuse_large_body(api_.http({method, target, "", token, {}})));
    return answer ? answer->status : 0;
  };
  EXPECT_EQ(refused("POST", policies_path, token_), 0);
  EXPECT_EQ(refused("POST", policies_path, ""), 401);
  EXPECT_EQ(refused("POST", policies_path, "pst_wrong"), 401);
  EXPECT_EQ(refused("POST", "/api/v1/sessions", ""), 413);
  EXPECT_EQ(refused("POST", "/api/v1/sessions", token_), 413);
  EXPECT_EQ(refused("POST", "/nowhere", token_), 404);
  EXPECT_EQ(refused("PATCH", policies_path, token_), 405);
}

TEST_F(PoliciesTest, delete_detaches_or_refuses) {
  const std::string id = api_.policy(token_);
  const std::string webhook =
      api_.webhook(token_, R"(,"smtp_security_policy_id":")" + id + "\"").text("/id");
  const std::string one = std::string(policies_path) + "/" + id;
  EXPECT_EQ(api_.get(one, token_).json.at("webhook_count").to_number<int>(), 1);
  const Answer used = api_.del(one + "?if_unused=true", token_);
  EXPECT_EQ(used.status, 409);
  EXPECT_EQ(used.code(), "policy_in_use");
  EXPECT_EQ(api_.del(one + "?if_unused=perhaps", token_).status, 422);
  // A name that nobody knows is not passed over: it may have been meant to change nothing.
  const Answer unknown = api_.del(one + "?dry_run=true", token_);
  EXPECT_EQ(unknown.status, 422);
  EXPECT_EQ(unknown.json.at("fields").as_object().count("dry_run"), 1u);
  EXPECT_EQ(api_.get(one + "?dry_run=true", token_).status, 200);
  EXPECT_EQ(api_.del(one, token_).status, 204);
  EXPECT_TRUE(
      api_.get("/api/v1/webhooks/" + webhook, token_).json.at("smtp_security_policy_id").is_null());
  EXPECT_FALSE(api_.directory.webhook(webhook)->policy_id);
  EXPECT_EQ(api_.del(one, token_).status, 404);
}

TEST_F(PoliciesTest, another_account_sees_nothing) {
  const std::string one = std::string(policies_path) + "/" + api_.policy(token_);
  const std::string stranger = api_.account("b@example.com");
  const std::string unknown = api_.get(some_id, stranger).body;
  for (const Answer& answer :
       {api_.get(one, stranger), api_.put(one, R"({"name":"x"})", stranger),
        api_.del(one, stranger),
        api_.post(one + "/dry-run", R"({"client_ip":"192.0.2.1","helo":"x","mail_from":""})",
                  stranger)}) {
    EXPECT_EQ(answer.status, 404);
    EXPECT_EQ(answer.body, unknown) << "the same words as for an id that does not exist";
  }
  EXPECT_EQ(api_.get(policies_path, stranger).json.at("total").to_number<int>(), 0);
  EXPECT_EQ(api_.get(one, token_).text("/name"), "p");
}

TEST_F(PoliciesTest, failures_have_their_codes) {
  EXPECT_EQ(api_.post(policies_path, "{}", token_).code(), "missing_field");
  for (const char* body :
       {"{\"name\":", "[\"name\"]", "{\"name\":\"p\"} x", "{\"name\":\"p\",\"name\":\"q\"}", ""}) {
    const Answer bad = api_.post(policies_path, body, token_);
    EXPECT_EQ(bad.status, 400) << body;
    EXPECT_EQ(bad.code(), "invalid_json") << body;
  }
  EXPECT_TRUE(api_.post(policies_path, R"({"name":"a\u0000b"})", token_).has_field("name"));
  const Answer form = api_.call({"POST",
                                 policies_path,
                                 "name=p",
                                 token_,
                                 {{"content-type", "application/x-www-form-urlencoded"}}});
  EXPECT_EQ(form.status, 415);
  EXPECT_EQ(form.code(), "unsupported_media_type");
  EXPECT_EQ(api_.call({"POST",
                       policies_path,
                       R"({"name":"p"})",
                       token_,
                       {{"content-type", "Application/JSON; charset=utf-8"}}})
                .status,
            201);
  const Answer patch = api_.call({"PATCH", policies_path, "", token_, {}});
  EXPECT_EQ(patch.status, 405);
  EXPECT_EQ(patch.code(), "method_not_allowed");
  EXPECT_EQ(patch.raw.header("Allow"), "GET, HEAD, POST");
  const Answer xml = api_.call({"GET", policies_path, "", token_, {{"accept", "application/xml"}}});
  EXPECT_EQ(xml.status, 406);
  EXPECT_EQ(xml.code(), "not_acceptable");
  EXPECT_EQ(
      api_.call({"GET", policies_path, "", token_, {{"accept", "application/json;q=0"}}}).status,
      406);
  for (const char* accept :
       {"*/*", "application/*", "text/html, application/json;q=0.5", "application/json"}) {
    EXPECT_EQ(api_.call({"GET", policies_path, "", token_, {{"accept", accept}}}).status, 200)
        << accept;
  }
  EXPECT_EQ(api_.get("/api/v1/nothing", token_).code(), "not_found");
  EXPECT_EQ(api_.get("/api/v1/smtp-policies/", token_).status, 404);
}

TEST(PolicyDryRun, hands_on_what_was_asked) {
  RecordingDryRun dry_run;
  TestApi api([&](Options&, Dependencies& dependencies) { dependencies.dry_run = &dry_run; });
  const std::string token = api.account();
  const std::string one = std::string(policies_path) + "/" + api.policy(token) + "/dry-run";
  const Answer answer = api.post(
      one,
      R"({"client_ip":"203.0.113.10","helo":"mx.example.com","mail_from":"a@example.com","tls":true,
               "auth_username":"bob","message_base64":"U3ViamVjdDogeA0KDQp5"})",
      token);
  ASSERT_EQ(answer.status, 200) << answer.body;
  EXPECT_EQ(answer.text("/decision"), "accept");
  EXPECT_EQ(dry_run.seen.client_ip.to_string(), "203.0.113.10");
  EXPECT_EQ(dry_run.seen.message, "Subject: x\r\n\r\ny");
  EXPECT_EQ(dry_run.seen.auth_username, "bob");
  EXPECT_TRUE(dry_run.seen.tls);
  EXPECT_EQ(dry_run.seen.policy->name, "p");

  const auto refused = [&](const std::string& body, const std::string& name) {
    const Answer bad = api.post(one, body, token);
    EXPECT_TRUE(bad.status == 422 || bad.status == 400) << body;
    EXPECT_TRUE(bad.has_field(name)) << bad.body;
  };
  refused(R"({"helo":"x","mail_from":""})", "client_ip");
  refused(R"({"client_ip":"192.0.2.1","mail_from":""})", "helo");
  refused(R"({"client_ip":"192.0.2.1","helo":"x"})", "mail_from");
  refused(R"({"client_ip":"192.0.2.1.5","helo":"x","mail_from":""})", "client_ip");
  refused(R"({"client_ip":"192.0.2.1","helo":"x\r\ny","mail_from":""})", "helo");
  refused(R"({"client_ip":"192.0.2.1","helo":"x","mail_from":"<>"})", "mail_from");
  refused(R"({"client_ip":"192.0.2.1","helo":"x","mail_from":"","tls":"yes"})", "tls");
  refused(R"({"client_ip":"192.0.2.1","helo":"x","mail_from":"","message_base64":"???"})",
          "message_base64");
  refused(
      R"({"client_ip":"192.0.2.1","helo":"x","mail_from":"","message":"a","message_base64":"YQ=="})",
      "message_base64");
  refused(R"({"client_ip":"192.0.2.1","helo":"x","mail_from":"","rcpt_to":"b"})", "rcpt_to");
}

}  // namespace
}  // namespace postern::admin
