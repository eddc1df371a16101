#include "admin/sign_in_log.h"

#include <gtest/gtest.h>

#include "admin/test_api.h"
#include "store/database.h"
#include "store/sqlite_schema.h"

namespace postern::admin {
namespace {

using namespace std::chrono_literals;

class SignInLogTest : public ::testing::Test {
 protected:
  Answer sign_in(const std::string& given = "correct-horse-battery",
                 const std::string& email = "a@example.com") {
    return api_.post("/api/v1/sessions",
                     R"({"email":")" + email + R"(","password":")" + given + "\"}");
  }
  /// "action why" of each entry, newest first.
  std::vector<std::string> entries() {
    log_ = api_.get("/api/v1/accounts/me/audit-log?limit=200", token_);
    std::vector<std::string> found;
    for (const auto& entry : log_.json.at("data").as_array()) {
      const auto& details = entry.at("details").as_object();
      std::string text(entry.at("action").as_string());
      for (const char* name : {"why", "by", "for"}) {
        if (const auto* value = details.if_contains(name))
          text += " | " + std::string(value->as_string());
      }
      found.push_back(std::move(text));
    }
    return found;
  }

  TestApi api_;
  std::string token_ = api_.account("a@example.com");
  Answer log_;
};

TEST_F(SignInLogTest, has_who_came_who_did_not_and_who_left) {
  EXPECT_EQ(sign_in("a-wrong-password-0123").status, 401);
  EXPECT_EQ(sign_in("a-wrong-password-0123", "nobody@example.com").status, 401);
  const Answer in = sign_in();
  const std::string refresh = R"({"refresh_token":")" + in.text("/refresh_token") + "\"}";
  EXPECT_EQ(api_.del("/api/v1/sessions", in.text("/access_token"), refresh).status, 204);
  const std::vector<std::string> wanted{
      "session.failed | the password was wrong", "session.ended | signed out",
      "session.created | password | API", "session.created | password | API",
      "account.created | sign-up"};
  EXPECT_EQ(entries(), wanted);
  EXPECT_EQ(log_.text("/data/0/ip"), "192.0.2.1");
  EXPECT_EQ(log_.text("/data/0/details/email"), "a@example.com");
  EXPECT_EQ(log_.text("/data/0/actor_name"), "a@example.com");
  EXPECT_EQ(log_.body.find("a-wrong"), std::string::npos);
  EXPECT_EQ(log_.body.find("nobody@"), std::string::npos);
}

TEST_F(SignInLogTest, has_sign_ins_to_the_pages) {
  const Answer in = api_.post("/app/session", first_account);
  ASSERT_EQ(in.status, 200) << in.body;
  const std::string cookie = std::string(*in.raw.header("Set-Cookie"));
  TestApi::Request out{"DELETE", "/app/session", "", "", {}};
  out.headers = {{"cookie", cookie.substr(0, cookie.find(';'))},
                 {"x-csrf-token", in.text("/csrf_token")}};
  EXPECT_EQ(api_.call(out).status, 204);
  const auto found = entries();
  EXPECT_EQ(found.at(0), "session.ended | signed out");
  EXPECT_EQ(found.at(1), "session.created | password | pages");
}

TEST_F(SignInLogTest, has_refresh_tokens_that_two_hold) {
  const Answer in = sign_in();
  const std::string refresh = R"({"refresh_token":")" + in.text("/refresh_token") + "\"}";
  EXPECT_EQ(api_.post("/api/v1/sessions/refresh", refresh).status, 200);
  EXPECT_EQ(api_.post("/api/v1/sessions/refresh", refresh).status, 401);
  EXPECT_EQ(entries().at(0), "session.ended | its refresh token was used twice");
}

TEST_F(SignInLogTest, a_flood_is_a_few_entries_and_a_count) {
  const std::size_t before = entries().size();
  for (int i = 0; i < 50; ++i) EXPECT_EQ(sign_in("a-wrong-password-0123").status, 401);
  EXPECT_EQ(entries().size(), before + SignInLog::burst);
  for (int i = 0; i < 30; ++i) EXPECT_EQ(sign_in().status, 200);
  const std::size_t with_both = entries().size();
  EXPECT_LE(with_both, before + 2 * SignInLog::burst);
}

TEST(SignInLog, what_cannot_be_written_waits) {
  TestApi api;
  const std::string token = api.account();
  const std::string team = api.get("/api/v1/accounts/me", token).text("/id");
  const store::AccountRow account = *api.store->account(team).value();
  const auto rows = [&] {
    std::string found;
    const auto all = api.store->audit_log(team, {}).value();
    for (const store::AuditRow& row : all.rows) {
      if (row.action == "session.failed") found += row.ip + " ";
    }
    return found;
  };
  SignInLog log;
  Call call;
  call.now = store::now();
  const auto fail_from = [&](const char* address) {
    call.client = *IpAddress::parse(address);
    log.failed(call, account, "the password was wrong");
  };
  for (const char* address : {"192.0.2.1", "192.0.2.2", "192.0.2.3"}) fail_from(address);
  const auto database =
      std::move(*store::Database::open(api.folder.file("postern.db"), store::control_schema()));
  ASSERT_TRUE(
      database->execute("CREATE TRIGGER full BEFORE INSERT ON audit WHEN NEW.ip <> '192.0.2.1' "
                        "BEGIN SELECT RAISE(ABORT, 'the disk is full'); END"));
  EXPECT_FALSE(log.write(*api.store, call.now));
  EXPECT_EQ(rows(), "192.0.2.1 ");
  EXPECT_EQ(log.waiting(), 2u);
  fail_from("192.0.2.4");
  ASSERT_TRUE(database->execute("DROP TRIGGER full"));
  EXPECT_TRUE(log.write(*api.store, call.now));
  EXPECT_EQ(rows(), "192.0.2.4 192.0.2.3 192.0.2.2 192.0.2.1 ") << "in order, each once";
  EXPECT_EQ(log.waiting(), 0u);
}

TEST(SignInLog, tells_the_count_when_the_window_is_over) {
  TestApi api;
  const std::string token = api.account();
  const std::string team = api.get("/api/v1/accounts/me", token).text("/id");
  const store::AccountRow account = *api.store->account(team).value();
  SignInLog log;
  Call call;
  call.client = *IpAddress::parse("198.51.100.7");
  call.now = store::now();
  for (int i = 0; i < 25; ++i) log.failed(call, account, "the password was wrong");
  const auto rows = [&] {
    std::vector<store::AuditRow> found;
    auto all = api.store->audit_log(team, {}).value();
    for (store::AuditRow& row : all.rows) {
      if (row.action == "session.failed") found.push_back(std::move(row));
    }
    return found;
  };
  ASSERT_TRUE(log.write(*api.store, call.now));
  EXPECT_EQ(rows().size(), SignInLog::burst);
  ASSERT_TRUE(log.write(*api.store, call.now + SignInLog::window - 1s));
  EXPECT_EQ(rows().size(), SignInLog::burst);
  ASSERT_TRUE(log.write(*api.store, call.now + SignInLog::window));
  ASSERT_EQ(rows().size(), SignInLog::burst + 1);
  EXPECT_NE(rows().front().details.find("\"count\":15"), std::string::npos);
  EXPECT_EQ(rows().front().ip, "198.51.100.7");
  ASSERT_TRUE(log.write(*api.store, call.now + 2 * SignInLog::window));
  EXPECT_EQ(rows().size(), SignInLog::burst + 1) << "nothing came since";
}

}  // namespace
}  // namespace postern::admin
