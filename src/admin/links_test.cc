#include "admin/links.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <thread>

#include "admin/test_api.h"

namespace postern::admin {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;
using Kind = store::LinkRow::Kind;

constexpr const char* needs_the_link = "the first account is made with the link that postern serve";

class LinksTest : public ::testing::Test {
 protected:
  /// Stores a link; returns its token.
  std::string link(Kind kind, const std::string& account_id = "", const std::string& email = "",
                   store::Time made = store::now()) {
    NewLink fresh = new_link(kind, api_.options.public_url, made);
    fresh.row.account_id = account_id;
    fresh.row.email = email;
    fresh.row.created_by = kind == Kind::invitation ? account_id : "";
    EXPECT_EQ(api_.store->create_link(fresh.row, fresh.hash, nullptr).value(),
              store::WriteOutcome::done);
    return token_of(fresh.url);
  }
  Answer sign_up_from(const std::string& peer, const std::string& body,
                      std::vector<std::pair<std::string, std::string>> headers = {}) {
    return api_.call({"POST", "/api/v1/accounts", body, "", std::move(headers), peer});
  }
  Answer reset(const std::string& token, const std::string& password = "another-long-password") {
    return api_.post("/api/v1/password-resets",
                     R"({"token":")" + token + R"(","new_password":")" + password + "\"}");
  }
  int sign_in(const std::string& password) {
    return api_
        .post("/api/v1/sessions", R"({"email":"owner@example.com","password":")" + password + "\"}")
        .status;
  }
  std::string owner() {
    owner_token_ = api_.account("owner@example.com");
    return api_.get("/api/v1/accounts/me", owner_token_).text("/id");
  }

  TestApi api_;
  std::string owner_token_;
};

TEST_F(LinksTest, the_first_account_is_made_on_this_machine_or_with_the_link) {
  const Answer far = sign_up_from("192.0.2.1", account_body("a@example.com"));
  EXPECT_EQ(far.status, 403);
  EXPECT_THAT(far.body, HasSubstr(needs_the_link));
  for (const char* name : {"x-forwarded-for", "forwarded"}) {
    EXPECT_EQ(
        sign_up_from("127.0.0.1", account_body("a@example.com"), {{name, "127.0.0.1"}}).status, 403)
        << name;
  }
  for (const char* host :
       {"mx.example.net", "rebound.example:8025", "192.0.2.1:8025", "[2001:db8::1]"}) {
    EXPECT_EQ(sign_up_from("127.0.0.1", account_body("a@example.com"), {{"host", host}}).status,
              403)
        << host;
  }
  EXPECT_EQ(sign_up_from("::1", account_body("a@example.com")).status, 201);
  EXPECT_EQ(sign_up_from("192.0.2.1", account_body("b@example.com")).status, 201)
      << "sign-up is open";
}

TEST(Links, names_of_this_machine) {
  for (const char* host : {"127.0.0.1:8025", "localhost", "LOCALHOST:80", "[::1]:8025", "[::1]"}) {
    TestApi api;
    EXPECT_EQ(api.call({"POST",
                        "/api/v1/accounts",
                        account_body("a@example.com"),
                        "",
                        {{"host", host}},
                        "::1"})
                  .status,
              201)
        << host;
  }
}

TEST(Links, behind_a_proxy_loopback_is_anybody) {
  TestApi api([](Options& options, Dependencies&) { options.behind_proxy = true; });
  EXPECT_EQ(api.post("/api/v1/accounts", account_body("a@example.com")).status, 403);
}

TEST(Links, the_owners_link_needs_no_open_sign_up) {
  TestApi api([](Options& options, Dependencies&) { options.open_signup = false; });
  EXPECT_EQ(api.post("/api/v1/accounts", account_body("a@example.com")).status, 403);
  const NewLink link = new_link(Kind::owner, "https://mx.example.net", store::now());
  ASSERT_EQ(api.store->create_link(link.row, link.hash, nullptr).value(),
            store::WriteOutcome::done);
  const Answer shown = api.get("/api/v1/links/" + token_of(link.url));
  ASSERT_EQ(shown.status, 200) << shown.body;
  EXPECT_EQ(shown.text("/kind"), "owner");
  EXPECT_TRUE(shown.json.at("expires_at").is_null());
  const Answer made =
      api.post("/api/v1/accounts", account_body("a@example.com", token_of(link.url)));
  ASSERT_EQ(made.status, 201) << made.body;
  EXPECT_TRUE(made.json.at("operates_gateway").as_bool());
  EXPECT_EQ(api.post("/api/v1/accounts", account_body("b@example.com", token_of(link.url))).status,
            403);
}

TEST_F(LinksTest, the_owners_link_dies_with_the_first_account_and_with_the_next_link) {
  const std::string first = link(Kind::owner);
  const std::string second = link(Kind::owner);
  EXPECT_EQ(api_.get("/api/v1/links/" + first).status, 404);
  EXPECT_EQ(api_.get("/api/v1/links/" + second).status, 200);
  owner();
  EXPECT_EQ(api_.get("/api/v1/links/" + second).status, 404);
  EXPECT_EQ(sign_up_from("192.0.2.1", account_body("b@example.com", second)).status, 403);
}

TEST_F(LinksTest, a_reset_says_whether_it_is_the_first_sign_in) {
  const std::string id =
      api_.post("/api/v1/accounts", account_body("quiet@example.com")).text("/id");
  const std::string token = link(Kind::reset, id, "quiet@example.com");
  EXPECT_TRUE(api_.get("/api/v1/links/" + token).json.at("first").as_bool());
  const std::string used = link(Kind::reset, owner(), "owner@example.com");
  EXPECT_FALSE(api_.get("/api/v1/links/" + used).json.at("first").as_bool());
}

TEST_F(LinksTest, an_invitation_says_who_invites_to_what) {
  const std::string token = link(Kind::invitation, owner(), "new@example.com");
  const Answer shown = api_.get("/api/v1/links/" + token);
  ASSERT_EQ(shown.status, 200) << shown.body;
  EXPECT_EQ(shown.text("/kind"), "invitation");
  EXPECT_EQ(shown.text("/email"), "new@example.com");
  EXPECT_EQ(shown.text("/team"), "owner@example.com");
  EXPECT_TRUE(shown.json.at("expires_at").is_string());
}

TEST_F(LinksTest, an_invitation_for_somebody_is_for_nobody_else) {
  const std::string token = link(Kind::invitation, owner(), "new@example.com");
  EXPECT_EQ(sign_up_from("192.0.2.1", account_body("thief@example.com", token)).status, 403);
  EXPECT_EQ(sign_up_from("192.0.2.1", account_body("New@Example.com", token)).status, 201);
}

TEST_F(LinksTest, a_link_opens_once) {
  const std::string token = link(Kind::invitation, owner());
  EXPECT_EQ(sign_up_from("192.0.2.1", account_body("owner@example.com", token)).status, 409)
      << "a taken address leaves the link";
  EXPECT_EQ(sign_up_from("192.0.2.1", account_body("b@example.com", token)).status, 201);
  EXPECT_EQ(sign_up_from("192.0.2.1", account_body("c@example.com", token)).status, 403);
  EXPECT_EQ(api_.get("/api/v1/links/" + token).status, 404);
}

TEST_F(LinksTest, of_many_at_a_time_one_comes_in) {
  const std::string team = owner();
  const Secret hash(sha256(link(Kind::invitation, team)));
  std::atomic<int> made = 0;
  std::vector<std::thread> threads;
  for (int i = 0; i < 8; ++i) {
    threads.emplace_back([&, i] {
      store::AccountRow row{.id = new_id("acc_"), .email = std::to_string(i) + "@example.com"};
      row.team_id = team;
      row.created_at = row.updated_at = store::now();
      if (api_.store->create_account_by_link(row, hash, nullptr).value() ==
          store::WriteOutcome::done)
        ++made;
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(made, 1);
  EXPECT_EQ(api_.store->members(team).value().size(), 2u);
}

TEST_F(LinksTest, expire) {
  const std::string team = owner();
  const store::Time now = store::now();
  const std::string old = link(Kind::invitation, team, "", now - invitation_lifetime);
  const std::string late = link(Kind::reset, team, "", now - reset_lifetime);
  EXPECT_EQ(api_.get("/api/v1/links/" + old).status, 404);
  EXPECT_EQ(sign_up_from("192.0.2.1", account_body("b@example.com", old)).status, 403);
  EXPECT_EQ(reset(late).status, 401);
  const std::string good =
      link(Kind::reset, team, "", now - reset_lifetime + std::chrono::minutes(1));
  EXPECT_EQ(reset(good).status, 204);
}

TEST_F(LinksTest, a_reset_sets_the_password_and_ends_all_sessions) {
  owner();
  const std::string id = api_.get("/api/v1/accounts/me", owner_token_).text("/id");
  const Answer made = api_.post("/api/v1/members/" + id + "/reset-link", "", owner_token_);
  ASSERT_EQ(made.status, 201) << made.body;
  EXPECT_THAT(made.text("/link"), HasSubstr("https://postern.example.net/app/reset?link="));
  const std::string token = token_of(made.text("/link"));
  EXPECT_EQ(reset(token, "short").status, 422);
  EXPECT_EQ(reset(token).status, 204);
  EXPECT_EQ(api_.get("/api/v1/accounts/me", owner_token_).status, 401);
  EXPECT_EQ(sign_in("correct-horse-battery"), 401);
  EXPECT_EQ(sign_in("another-long-password"), 200);
  EXPECT_EQ(reset(token).status, 401) << "once";
  const auto log = api_.store->audit_log(id, {}).value();
  for (const store::AuditRow& entry : log.rows) {
    EXPECT_THAT(entry.details, Not(HasSubstr(token)));
  }
  EXPECT_EQ(log.rows.at(0).action, "session.created");
  EXPECT_EQ(log.rows.at(1).action, "account.password_reset");
}

TEST_F(LinksTest, a_new_password_ends_the_other_reset_links) {
  const std::string id = owner();
  const std::string first = link(Kind::reset, id);
  const std::string second = link(Kind::reset, id);
  EXPECT_EQ(reset(first).status, 204);
  EXPECT_EQ(reset(second).status, 401);
}

TEST_F(LinksTest, one_kind_is_not_taken_for_another) {
  const std::string id = owner();
  const std::string invitation = link(Kind::invitation, id);
  const std::string password = link(Kind::reset, id);
  EXPECT_EQ(reset(invitation).status, 401);
  EXPECT_EQ(sign_up_from("192.0.2.1", account_body("b@example.com", password)).status, 403);
  EXPECT_EQ(api_.get("/api/v1/links/" + invitation).status, 200);
  EXPECT_EQ(api_.get("/api/v1/links/" + password).text("/kind"), "reset");
}

TEST(Links, may_not_be_guessed_at) {
  TestApi api([](Options& options, Dependencies&) { options.rate_limits = true; });
  Answer last;
  for (int i = 0; i < 11; ++i) last = api.get("/api/v1/links/wrong" + std::to_string(i));
  EXPECT_EQ(last.status, 429);
  EXPECT_THAT(last.text("/error"), HasSubstr("too many tries; next in "));
  const auto& headers = last.raw.headers;
  EXPECT_TRUE(std::any_of(headers.begin(), headers.end(),
                          [](const auto& header) { return header.first == "Retry-After"; }));
  EXPECT_EQ(api.call({"GET", "/api/v1/links/x", "", "", {}, "198.51.100.7"}).status, 404);
}

}  // namespace
}  // namespace postern::admin
