#include "admin/people.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

#include "admin/running_lists.h"
#include "admin/test_api.h"

namespace postern::admin {
namespace {

class PeopleTest : public ::testing::Test {
 protected:
  void SetUp() override { owner_ = api_.account("owner@example.com"); }

  std::string invite(const std::string& role, const std::string& more = "") {
    const Answer made =
        api_.post("/api/v1/invitations", R"({"role":")" + role + "\"" + more + "}", owner_);
    EXPECT_EQ(made.status, 201) << made.body;
    return token_of(made.text("/link"));
  }
  std::string sign_in(const std::string& email) {
    return api_.post("/api/v1/sessions", account_body(email)).text("/access_token");
  }
  /// Adds a person to the owner's team; returns the access token.
  std::string member(const std::string& role) {
    const std::string email = role + std::to_string(++members_) + "@example.com";
    const Answer joined = api_.post("/api/v1/accounts", account_body(email, invite(role)));
    EXPECT_EQ(joined.status, 201) << joined.body;
    return sign_in(email);
  }
  std::string id_of(const std::string& token) {
    return api_.get("/api/v1/accounts/me", token).text("/id");
  }
  Answer set_role(const std::string& person, const std::string& role, const std::string& token) {
    return api_.put("/api/v1/members/" + person, R"({"role":")" + role + "\"}", token);
  }
  std::vector<std::string> actions() {
    std::vector<std::string> found;
    const Answer log = api_.get("/api/v1/accounts/me/audit-log", owner_);
    for (const auto& entry : log.json.at("data").as_array())
      found.emplace_back(entry.at("action").as_string());
    return found;
  }

  TestApi api_;
  std::string owner_;
  int members_ = 0;
};

TEST_F(PeopleTest, who_signs_up_alone_owns_a_team_of_one) {
  const Answer me = api_.get("/api/v1/accounts/me", owner_);
  EXPECT_EQ(me.text("/team_id"), me.text("/id"));
  EXPECT_EQ(me.text("/role"), "owner");
  EXPECT_TRUE(me.json.at("operates_gateway").as_bool());
  EXPECT_EQ(me.json.at("backup_codes_left").as_int64(), 0);
  const std::string other = api_.account("other@example.com");
  EXPECT_FALSE(api_.get("/api/v1/accounts/me", other).json.at("operates_gateway").as_bool());
  EXPECT_EQ(api_.get("/api/v1/members", other).json.at("data").as_array().size(), 1u);
}

TEST_F(PeopleTest, an_invited_person_works_on_the_teams_things) {
  const std::string webhook = api_.webhook(owner_).text("/id");
  const std::string colleague = member("operator");
  const Answer me = api_.get("/api/v1/accounts/me", colleague);
  EXPECT_EQ(me.text("/team_id"), id_of(owner_));
  EXPECT_NE(me.text("/id"), id_of(owner_));
  EXPECT_EQ(me.text("/role"), "operator");
  EXPECT_TRUE(me.json.at("operates_gateway").as_bool());
  EXPECT_EQ(api_.get("/api/v1/webhooks/" + webhook, colleague).status, 200);
  const std::string policy = api_.policy(colleague);
  EXPECT_EQ(api_.get("/api/v1/smtp-policies/" + policy, owner_).status, 200);
  const Answer log = api_.get("/api/v1/accounts/me/audit-log?limit=1", owner_);
  EXPECT_EQ(log.text("/data/0/action"), "smtp_policy.created");
  EXPECT_EQ(log.text("/data/0/actor"), me.text("/id"));
  EXPECT_EQ(log.text("/data/0/actor_name"), me.text("/email"));
}

TEST_F(PeopleTest, another_team_stays_out) {
  const std::string colleague = member("viewer");
  const std::string other = api_.account("other@example.com");
  EXPECT_EQ(set_role(id_of(colleague), "owner", other).status, 404);
  EXPECT_EQ(api_.del("/api/v1/members/" + id_of(colleague), other).status, 404);
  EXPECT_EQ(api_.post("/api/v1/members/" + id_of(colleague) + "/reset-link", "", other).status,
            404);
}

TEST_F(PeopleTest, members_are_listed_and_owners_see_open_invitations) {
  const std::string viewer = member("viewer");
  invite("operator", R"(,"email":"new@example.com")");
  const Answer list = api_.get("/api/v1/members", owner_);
  ASSERT_EQ(list.json.at("data").as_array().size(), 2u) << list.body;
  EXPECT_TRUE(list.json.at_pointer("/data/0/you").as_bool());
  EXPECT_EQ(list.text("/data/1/role"), "viewer");
  EXPECT_TRUE(list.json.at_pointer("/data/1/last_seen_at").is_string());
  ASSERT_EQ(list.json.at("invitations").as_array().size(), 1u);
  EXPECT_EQ(list.text("/invitations/0/email"), "new@example.com");
  EXPECT_EQ(list.text("/invitations/0/created_by"), "owner@example.com");
  EXPECT_EQ(list.body.find("link"), std::string::npos) << "shown once";
  const Answer seen = api_.get("/api/v1/members", viewer);
  EXPECT_EQ(seen.json.at("invitations").as_array().size(), 0u);
}

TEST_F(PeopleTest, a_role_counts_at_once) {
  const std::string colleague = member("operator");
  EXPECT_EQ(api_.webhook(colleague).status, 201);
  EXPECT_EQ(set_role(id_of(colleague), "viewer", owner_).status, 200);
  EXPECT_EQ(api_.webhook(colleague).status, 403);
  EXPECT_EQ(set_role(id_of(colleague), "owner", owner_).text("/role"), "owner");
  EXPECT_EQ(api_.post("/api/v1/invitations", R"({"role":"viewer"})", colleague).status, 201);
  EXPECT_EQ(set_role(id_of(colleague), "captain", owner_).status, 422);
}

TEST_F(PeopleTest, the_last_owner_stays) {
  const std::string self = id_of(owner_);
  EXPECT_EQ(set_role(self, "viewer", owner_).status, 409);
  EXPECT_EQ(api_.del("/api/v1/members/" + self, owner_).status, 409);
  const std::string second = member("owner");
  EXPECT_EQ(set_role(self, "viewer", owner_).status, 200);
  EXPECT_EQ(set_role(id_of(second), "operator", second).status, 409);
}

TEST_F(PeopleTest, who_is_removed_is_out_at_once_and_tokens_and_links_with_them) {
  const std::string gone = member("owner");
  const std::string id = id_of(gone);
  const std::string token = api_.post("/api/v1/api-tokens", R"({"name":"t"})", gone).text("/token");
  const std::string link =
      token_of(api_.post("/api/v1/invitations", R"({"role":"owner"})", gone).text("/link"));
  EXPECT_EQ(api_.get("/api/v1/webhooks", token).status, 200);
  EXPECT_EQ(api_.del("/api/v1/members/" + id, owner_).status, 204);
  EXPECT_EQ(api_.get("/api/v1/webhooks", gone).status, 401);
  EXPECT_EQ(api_.get("/api/v1/webhooks", token).status, 401);
  EXPECT_EQ(api_.post("/api/v1/accounts", account_body("back@example.com", link)).status, 403);
  EXPECT_EQ(actions().front(), "member.removed");
}

TEST_F(PeopleTest, the_team_outlives_who_was_there_first) {
  const std::string webhook = api_.webhook(owner_).text("/id");
  const std::string first = id_of(owner_);
  const std::string second = member("owner");
  EXPECT_EQ(api_.del("/api/v1/members/" + first, second).status, 204);
  EXPECT_EQ(api_.get("/api/v1/accounts/me", owner_).status, 401);
  EXPECT_EQ(api_.get("/api/v1/webhooks/" + webhook, second).status, 200);
  EXPECT_TRUE(api_.get("/api/v1/accounts/me", second).json.at("operates_gateway").as_bool());
  EXPECT_EQ(api_.get("/api/v1/members", second).json.at("data").as_array().size(), 1u);
  EXPECT_EQ(api_.post("/api/v1/sessions", account_body(first)).status, 401);
  api_.account("owner@example.com");  // the address is free again
}

TEST_F(PeopleTest, an_api_token_may_what_its_maker_may_now) {
  const std::string maker = member("operator");
  const std::string token =
      api_.post("/api/v1/api-tokens", R"({"name":"ci"})", maker).text("/token");
  EXPECT_EQ(api_.webhook(token).status, 201);
  EXPECT_EQ(set_role(id_of(maker), "viewer", owner_).status, 200);
  EXPECT_EQ(api_.webhook(token).status, 403);
  EXPECT_EQ(api_.get("/api/v1/webhooks", token).status, 200);
  const Answer list = api_.get("/api/v1/api-tokens", owner_);
  EXPECT_EQ(list.text("/data/0/created_by"), api_.get("/api/v1/accounts/me", maker).text("/email"));
}

TEST_F(PeopleTest, a_viewers_token_reads) {
  const std::string viewer = member("viewer");
  const Answer token = api_.post("/api/v1/api-tokens", R"({"name":"t"})", viewer);
  EXPECT_EQ(boost::json::serialize(token.json.at("scopes")), R"(["read"])");
  EXPECT_EQ(
      api_.post("/api/v1/api-tokens", R"({"name":"t","scopes":["read","write"]})", viewer).status,
      403);
  const std::string owners = api_.post("/api/v1/api-tokens", R"({"name":"t"})", owner_).text("/id");
  EXPECT_EQ(api_.del("/api/v1/api-tokens/" + owners, viewer).status, 404) << "not their own";
  EXPECT_EQ(api_.del("/api/v1/api-tokens/" + token.text("/id"), owner_).status, 204);
}

TEST_F(PeopleTest, who_is_no_owner_takes_out_nobody_but_themself) {
  const std::string operator_ = member("operator");
  const std::string webhook = api_.webhook(owner_).text("/id");
  const std::string body = R"({"password":")" + std::string(test_password) + "\"}";
  EXPECT_EQ(api_.del("/api/v1/accounts/me", operator_, body).status, 204);
  EXPECT_EQ(api_.get("/api/v1/accounts/me", operator_).status, 401);
  EXPECT_EQ(api_.get("/api/v1/webhooks/" + webhook, owner_).status, 200);
}

TEST_F(PeopleTest, an_owner_takes_everybody_along) {
  const std::string viewer = member("viewer");
  const std::string body = R"({"password":")" + std::string(test_password) + "\"}";
  EXPECT_EQ(api_.del("/api/v1/accounts/me", owner_, body).status, 204);
  EXPECT_EQ(api_.get("/api/v1/accounts/me", viewer).status, 401);
}

TEST_F(PeopleTest, the_audit_log_pages_without_gaps) {
  for (int i = 0; i < 5; ++i) api_.webhook(owner_);
  std::vector<std::string> seen;
  std::string cursor;
  do {
    const Answer page = api_.get(
        "/api/v1/accounts/me/audit-log?limit=2" + (cursor.empty() ? "" : "&cursor=" + cursor),
        owner_);
    ASSERT_EQ(page.status, 200) << page.body;
    for (const auto& entry : page.json.at("data").as_array())
      seen.emplace_back(entry.at("id").as_string());
    const auto& next = page.json.at("next");
    cursor = next.is_null() ? "" : std::string(next.as_string());
  } while (!cursor.empty());
  EXPECT_EQ(seen.size(), 7u) << "and that the owner signed up and in";
  EXPECT_EQ(std::set<std::string>(seen.begin(), seen.end()).size(), 7u);
  EXPECT_EQ(api_.get("/api/v1/accounts/me/audit-log?cursor=7", owner_).status, 422);
  const std::string other = api_.account("other@example.com");
  EXPECT_EQ(api_.get("/api/v1/accounts/me/audit-log?cursor=" + seen[0], other)
                .json.at("data")
                .as_array()
                .size(),
            0u);
}

TEST_F(PeopleTest, sign_ins_are_listed_and_ended_one_by_one) {
  const std::string second = sign_in("owner@example.com");
  const Answer list = api_.get("/api/v1/accounts/me/sessions", owner_);
  ASSERT_EQ(list.json.at("data").as_array().size(), 2u);
  EXPECT_FALSE(list.json.at_pointer("/data/0/current").as_bool());
  EXPECT_TRUE(list.json.at_pointer("/data/1/current").as_bool());
  const std::string other = api_.account("other@example.com");
  const std::string path = "/api/v1/accounts/me/sessions/" + list.text("/data/0/id");
  EXPECT_EQ(api_.del(path, other).status, 404);
  EXPECT_EQ(api_.del(path, owner_).status, 204);
  EXPECT_EQ(api_.get("/api/v1/accounts/me", second).status, 401);
  EXPECT_EQ(actions().front(), "session.ended");
}

/// Writes that do not change the team's objects, with the reason.
bool is_ones_own(const std::string& path) {
  return path.starts_with("/api/v1/accounts/me") || path.starts_with("/api/v1/api-tokens") ||
         path == "/api/v1/sessions";
}
bool only_judges(const std::string& path) {
  return path.ends_with("/dry-run") || path.ends_with("/lint") || path.ends_with("/check") ||
         path.ends_with("/run-again");
}
bool is_open(const std::string& path) {
  return path.starts_with("/api/v1/sessions/") || path == "/api/v1/login" ||
         path == "/api/v1/accounts" || path == "/api/v1/password-resets" ||
         path.starts_with("/app/");
}
/// For the command line only, whatever the account's role.
bool is_nobodys(const std::string& path) { return path.starts_with("/control/"); }
/// Route templates for owners only.
bool is_for_owners(const std::string& path) {
  return path.starts_with("/api/v1/members/") || path.starts_with("/api/v1/invitations") ||
         path == "/api/v1/accounts/me/signing-key";
}

// Checks all routes, so that a new one without a decision about roles fails here.
TEST_F(PeopleTest, no_route_forgets_the_roles) {
  const std::string viewer = member("viewer");
  const std::string operator_ = member("operator");
  int writes = 0;
  for (const auto& [method, path] : api_.api->routes()) {
    std::string target = path;
    for (std::size_t at = 0; (at = target.find('{')) != std::string::npos;)
      target.replace(at, target.find('}') - at + 1, "x");
    SCOPED_TRACE(method + " " + path);
    const auto judged = [&](const std::string& token) {
      const Answer answer = api_.call({method, target, "", token, {}});
      const bool forbidden = answer.status == 403 && answer.code() == "forbidden";
      return forbidden && (answer.body.find("viewer") != std::string::npos ||
                           answer.body.find("owner") != std::string::npos);
    };
    if (is_nobodys(path)) {
      EXPECT_EQ(api_.call({method, target, "{}", owner_, {}}).status, 401);
      continue;
    }
    EXPECT_FALSE(judged(owner_));
    if (method == "GET") {
      EXPECT_FALSE(judged(viewer));
      continue;
    }
    if (is_for_owners(path)) {
      EXPECT_TRUE(judged(viewer));
      EXPECT_TRUE(judged(operator_));
    } else if (!is_ones_own(path) && !only_judges(path) && !is_open(path)) {
      ++writes;
      EXPECT_TRUE(judged(viewer));
      EXPECT_FALSE(judged(operator_));
    }
  }
  EXPECT_GT(writes, 20);
}

TEST_F(PeopleTest, a_viewer_reads_what_is_the_gateways_and_changes_none_of_it) {
  const std::string viewer = member("viewer");
  const Answer shown = api_.get("/api/v1/connection-policies", viewer);
  EXPECT_NE(shown.status, 403) << shown.body;
  EXPECT_EQ(api_.put("/api/v1/connection-policies", "{}", viewer).code(), "forbidden");
}

}  // namespace
}  // namespace postern::admin
