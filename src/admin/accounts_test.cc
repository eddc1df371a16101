#include "admin/accounts.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "admin/test_api.h"
#include "base/patience_test.h"

namespace postern::admin {
namespace {

TEST(Accounts, sign_up_shows_the_account_without_its_password) {
  TestApi api;
  const Answer made = api.post("/api/v1/accounts", first_account);
  ASSERT_EQ(made.status, 201) << made.body;
  EXPECT_TRUE(made.text("/id").starts_with("acc_"));
  EXPECT_EQ(made.text("/email"), "a@example.com");
  EXPECT_EQ(made.text("/timezone"), "UTC");
  EXPECT_FALSE(made.json.at("totp_enabled").as_bool());
  EXPECT_EQ(made.body.find("horse"), std::string::npos);
  EXPECT_EQ(made.body.find("argon2"), std::string::npos);
}

TEST(Accounts, an_address_has_one_account) {
  TestApi api;
  EXPECT_EQ(api.post("/api/v1/accounts", first_account).status, 201);
  const Answer second = api.post("/api/v1/accounts",
                                 R"({"email":"A@EXAMPLE.COM","password":"correct-horse-battery"})");
  EXPECT_EQ(second.status, 409);
  EXPECT_EQ(second.code(), "email_taken");
}

TEST(Accounts, sign_up_refuses_bad_values) {
  TestApi api;
  const auto post = [&](const std::string& body) { return api.post("/api/v1/accounts", body); };
  const Answer short_one = post(R"({"email":"s@example.com","password":"elevenchars"})");
  EXPECT_EQ(short_one.status, 422);
  EXPECT_TRUE(short_one.has_field("password"));
  EXPECT_TRUE(post(R"({"email":"s@example.com","password":")" + std::string(1025, 'x') + "\"}")
                  .has_field("password"));
  EXPECT_EQ(
      post(R"({"email":"l@example.com","password":")" + std::string(1024, 'x') + "\"}").status,
      201);
  for (const char* email : {"", "x", "@example.com", "a@", "a b@example.com", "a@[192.0.2.1]"}) {
    const Answer refused = post(account_body(email));
    EXPECT_TRUE(refused.has_field("email")) << email;
  }
  EXPECT_EQ(post(R"({"password":"correct-horse-battery"})").code(), "missing_field");
  EXPECT_EQ(post(R"({"email":"a@example.com"})").code(), "missing_field");
  EXPECT_TRUE(post(R"({"email":"a@example.com","password":"correct-horse-battery","admin":true})")
                  .has_field("admin"));
  EXPECT_EQ(post("{").code(), "invalid_json");
  EXPECT_EQ(api.call({"POST", "/api/v1/accounts", "email=a", "", {{"content-type", "text/plain"}}})
                .status,
            415);
}

TEST(Accounts, sign_up_may_be_closed) {
  TestApi api([](Options& options, Dependencies&) { options.open_signup = false; });
  const Answer closed = api.post("/api/v1/accounts", first_account);
  EXPECT_EQ(closed.status, 403);
  EXPECT_EQ(closed.code(), "forbidden");
}

TEST(Accounts, everything_of_the_own_account_needs_a_session) {
  TestApi api;
  for (const char* path :
       {"/api/v1/accounts/me", "/api/v1/accounts/me/audit-log", "/api/v1/api-tokens",
        "/api/v1/smtp-policies", "/api/v1/webhooks", "/api/v1/domains", "/api/v1/traces"}) {
    const Answer refused = api.get(path);
    EXPECT_EQ(refused.status, 401) << path;
    EXPECT_EQ(refused.code(), "unauthorized") << path;
  }
}

TEST(Accounts, changes_the_password) {
  TestApi api;
  const std::string token = api.account();
  const std::string other = api.post("/api/v1/sessions", first_account).text("/access_token");
  const std::string api_token =
      api.post("/api/v1/api-tokens", R"({"name":"ci"})", token).text("/token");
  const auto change = [&](const std::string& body) {
    return api.put("/api/v1/accounts/me/password", body, token);
  };
  const Answer wrong =
      change(R"({"current_password":"nope","new_password":"another-horse-battery"})");
  EXPECT_EQ(wrong.status, 401);
  EXPECT_EQ(wrong.code(), "invalid_credentials");
  EXPECT_TRUE(change(R"({"current_password":"correct-horse-battery","new_password":"short"})")
                  .has_field("new_password"));
  EXPECT_EQ(change(R"({"current_password":"correct-horse-battery"})").code(), "missing_field");
  EXPECT_TRUE(
      change(
          R"({"current_password":"x","new_password":"another-horse-battery","revoke_tokens":"yes"})")
          .has_field("revoke_tokens"));
  EXPECT_EQ(
      change(
          R"({"current_password":"correct-horse-battery","new_password":"another-horse-battery"})")
          .status,
      204);

  EXPECT_EQ(api.post("/api/v1/sessions", first_account).status, 401);
  EXPECT_EQ(api.post("/api/v1/sessions",
                     R"({"email":"a@example.com","password":"another-horse-battery"})")
                .status,
            200);
  EXPECT_EQ(api.get("/api/v1/accounts/me", token).status, 200) << "this session goes on";
  EXPECT_EQ(api.get("/api/v1/accounts/me", other).status, 401) << "the others end";
  EXPECT_EQ(api.get("/api/v1/accounts/me", api_token).status, 200);
  EXPECT_EQ(
      change(
          R"({"current_password":"another-horse-battery","new_password":"correct-horse-battery","revoke_tokens":true})")
          .status,
      204);
  EXPECT_EQ(api.get("/api/v1/accounts/me", api_token).status, 401);
}

TEST(Accounts, takes_time_zones_of_the_iana_database) {
  TestApi api;
  const std::string token = api.account();
  const Answer set =
      api.put("/api/v1/accounts/me/timezone", R"({"timezone":"Europe/Copenhagen"})", token);
  ASSERT_EQ(set.status, 200) << set.body;
  EXPECT_EQ(set.text("/timezone"), "Europe/Copenhagen");
  for (const char* zone : {"", "Mars/Olympus", "../../etc/passwd", "/etc/passwd", "zone.tab",
                           "tzdata.zi", "Europe", "posix/../UTC", "Europe//Copenhagen"}) {
    const Answer refused = api.put("/api/v1/accounts/me/timezone",
                                   std::string(R"({"timezone":")") + zone + "\"}", token);
    EXPECT_EQ(refused.status, 422) << zone;
    EXPECT_TRUE(refused.has_field("timezone")) << zone;
  }
  EXPECT_EQ(api.put("/api/v1/accounts/me/timezone", "{}", token).code(), "missing_field");
}

TEST(Accounts, deletes_everything_with_the_password) {
  TestApi api;
  const std::string token = api.account();
  const Answer webhook = api.webhook(token);
  const std::string policy = api.policy(token);
  EXPECT_EQ(api.del("/api/v1/accounts/me", token, "{}").code(), "missing_field");
  EXPECT_EQ(api.del("/api/v1/accounts/me", token, R"({"password":"wrong"})").status, 401);
  EXPECT_EQ(api.del("/api/v1/accounts/me", token, R"({"password":1})").status, 422);
  EXPECT_EQ(api.directory.webhook_count(), 1u);
  EXPECT_EQ(api.del("/api/v1/accounts/me", token, R"({"password":"correct-horse-battery"})").status,
            204);
  EXPECT_EQ(api.directory.webhook_count(), 0u);
  EXPECT_EQ(api.directory.policy_count(), 0u);
  EXPECT_EQ(api.get("/api/v1/accounts/me", token).status, 401);
  EXPECT_EQ(api.post("/api/v1/sessions", first_account).status, 401);
  EXPECT_EQ(api.post("/api/v1/accounts", first_account).status, 201) << "the address is free again";
}

TEST(Accounts, audit_log_names_what_was_done_and_no_secret) {
  TestApi api;
  const std::string token = api.account();
  const std::string policy =
      api.policy(token, R"({"name":"p","require_smtp_auth":true,"smtp_credentials":
    "bob:$2y$12$nPTBMMvN69D89yK6m11xbeiT77S0E8CKKA.QU9.mKtEW6GFoOUh1e"})");
  const Answer webhook = api.webhook(token, R"(,"smtp_security_policy_id":")" + policy + "\"");
  api.put("/api/v1/smtp-policies/" + policy, R"({"name":"q"})", token);
  api.del("/api/v1/smtp-policies/" + policy, token);
  const Answer log = api.get("/api/v1/accounts/me/audit-log?limit=3", token);
  ASSERT_EQ(log.status, 200) << log.body;
  const auto& data = log.json.at("data").as_array();
  ASSERT_EQ(data.size(), 3u);
  EXPECT_EQ(data[0].at("action").as_string(), "smtp_policy.deleted");
  EXPECT_EQ(data[0].at_pointer("/details/detached_webhooks/0").as_string(), webhook.text("/id"));
  EXPECT_EQ(data[1].at("action").as_string(), "smtp_policy.updated");
  EXPECT_EQ(data[1].at_pointer("/details/changed/0").as_string(), "name");
  EXPECT_EQ(data[2].at("action").as_string(), "webhook.created");
  EXPECT_FALSE(data[2].at_pointer("/details/name").as_string().empty());
  EXPECT_EQ(data[2].at("ip").as_string(), "192.0.2.1");
  EXPECT_TRUE(data[2].at("id").as_string().starts_with("al_"));
  const Answer all = api.get("/api/v1/accounts/me/audit-log", token);
  EXPECT_EQ(all.body.find("$2y$"), std::string::npos);
  EXPECT_EQ(all.body.find("whsec_"), std::string::npos);
  for (const char* query :
       {"?limit=0", "?limit=201", "?limit=x", "?limit=-1", "?limit=999999999999999999999"}) {
    EXPECT_EQ(api.get(std::string("/api/v1/accounts/me/audit-log") + query, token).status, 422)
        << query;
  }
}

TEST(Accounts, email_is_changed_with_the_password_alone) {
  TestApi api;
  const std::string token = api.account();
  api.account("taken@example.com");
  const std::string path = "/api/v1/accounts/me/email";
  const std::string_view right = "correct-horse-battery";
  const auto change = [&](std::string_view email, std::string_view typed) {
    return api.put(path, fmt::format(R"({{"email":"{}","password":"{}"}})", email, typed), token);
  };
  EXPECT_EQ(change("new@example.com", "not the password").status, 401);
  EXPECT_EQ(change("no address", right).status, 422);
  EXPECT_EQ(change("Taken@example.com", right).status, 409);
  const Answer changed = change("new@example.com", right);
  ASSERT_EQ(changed.status, 200) << changed.body;
  EXPECT_EQ(changed.text("/email"), "new@example.com");
  EXPECT_EQ(change("NEW@example.com", right).status, 200) << "its own address in other case";
  const Answer log = api.get("/api/v1/accounts/me/audit-log?limit=1", token);
  EXPECT_EQ(log.text("/data/0/action"), "account.email_changed");
  EXPECT_EQ(log.text("/data/0/details/before"), "new@example.com");
}

TEST(Accounts, a_password_is_measured_in_characters) {
  TestApi api;
  const auto sign_up = [&](std::string_view email, std::string_view password) {
    return api.post("/api/v1/accounts",
                    fmt::format(R"({{"email":"{}","password":"{}"}})", email, password));
  };
  const Answer few = sign_up("few@example.com", "\u00e9\u00e9\u00e9\u00e9\u00e9\u00e9\u00e9");
  EXPECT_EQ(few.status, 422) << "7 characters, 14 octets";
  EXPECT_EQ(few.text("/fields/password"), "needs at least 12 characters");
}

TEST(Accounts, signing_key_reaches_the_webhooks) {
  TestApi api;
  const std::string token = api.account();
  const std::string id = api.webhook(token).text("/id");
  EXPECT_TRUE(api.get("/api/v1/webhooks/" + id, token).json.at("signing_public_key").is_null());
  const Answer made = api.call({"POST", "/api/v1/accounts/me/signing-key", "", token, {}});
  ASSERT_EQ(made.status, 200) << made.body;
  EXPECT_TRUE(made.text("/signing_public_key").starts_with("whpk_"));
  EXPECT_EQ(api.get("/api/v1/webhooks/" + id, token).text("/signing_public_key"),
            made.text("/signing_public_key"));
  EXPECT_EQ(api.directory.webhook(id)->signing_key.size(), 32u);
  EXPECT_EQ(api.del("/api/v1/accounts/me/signing-key", token).status, 204);
  EXPECT_TRUE(api.directory.webhook(id)->signing_key.empty());
}

TEST(ApiTokens, are_shown_once_used_and_revoked) {
  TestApi api;
  const std::string session = api.account();
  const Answer made = api.post("/api/v1/api-tokens", R"({"name":"ci"})", session);
  ASSERT_EQ(made.status, 201) << made.body;
  const std::string token = made.text("/token");
  EXPECT_TRUE(token.starts_with("postern_"));
  EXPECT_TRUE(token.starts_with(made.text("/prefix")));
  EXPECT_EQ(api.get("/api/v1/smtp-policies", token).status, 200);
  const Answer list = api.get("/api/v1/api-tokens", session);
  EXPECT_EQ(list.json.at("total").to_number<int>(), 1);
  EXPECT_EQ(list.body.find(token), std::string::npos);
  EXPECT_TRUE(list.json.at_pointer("/data/0/last_used_at").is_string());
  EXPECT_EQ(api.del("/api/v1/api-tokens/tok_01HX0000000000000000000000", session).status, 404);
  EXPECT_EQ(api.del("/api/v1/api-tokens/" + made.text("/id"), api.account("b@example.com")).status,
            404);
  EXPECT_EQ(api.del("/api/v1/api-tokens/" + made.text("/id"), session).status, 204);
  EXPECT_EQ(api.get("/api/v1/smtp-policies", token).status, 401);
}

TEST(ApiTokens, scopes_limit_what_they_do) {
  TestApi api;
  const std::string session = api.account();
  const std::string reader =
      api.post("/api/v1/api-tokens", R"({"name":"r","scopes":["read"]})", session).text("/token");
  const std::string writer =
      api.post("/api/v1/api-tokens", R"({"name":"w","scopes":["write"]})", session).text("/token");
  EXPECT_EQ(api.get("/api/v1/webhooks", reader).status, 200);
  const Answer refused = api.webhook(reader);
  EXPECT_EQ(refused.status, 403);
  EXPECT_EQ(refused.code(), "forbidden");
  EXPECT_EQ(api.webhook(writer).status, 201);
  EXPECT_EQ(api.get("/api/v1/webhooks", writer).status, 403);
  const std::string both =
      api.post("/api/v1/api-tokens", R"({"name":"b"})", session).text("/token");
  EXPECT_EQ(api.post("/api/v1/api-tokens", R"({"name":"child"})", both).status, 403)
      << "a token makes no tokens";
  EXPECT_EQ(api.del("/api/v1/accounts/me", both, R"({"password":"correct-horse-battery"})").status,
            403);
}

TEST(ApiTokens, allowed_addresses_and_expiry_hold) {
  TestApi api;
  const std::string session = api.account();
  const Answer bound =
      api.post("/api/v1/api-tokens", R"({"name":"n","allowed_ips":["203.0.113.0/24"]})", session);
  const std::string token = bound.text("/token");
  EXPECT_EQ(bound.text("/allowed_ips/0"), "203.0.113.0/24");
  EXPECT_EQ(api.get("/api/v1/webhooks", token).status, 401);
  EXPECT_EQ(api.call({"GET", "/api/v1/webhooks", "", token, {}, "203.0.113.7"}).status, 200);

  std::string soon;
  Answer brief;
  for (std::chrono::milliseconds time(20); brief.status != 201; time *= 4) {
    ASSERT_LT(time, tests::patience) << brief.body;
    soon = to_rfc3339(store::now() + time);
    brief = api.post("/api/v1/api-tokens", R"({"name":"n","expires_at":")" + soon + "\"}", session);
  }
  ASSERT_TRUE(tests::eventually([&] { return store::now() > *from_rfc3339(soon); }));
  const Answer expired = api.get("/api/v1/webhooks", brief.text("/token"));
  EXPECT_EQ(expired.status, 401);
  EXPECT_EQ(expired.code(), "token_expired");
}

TEST(ApiTokens, of_the_proxys_network_are_for_nobody_whom_the_proxy_does_not_name) {
  TestApi api([](Options& options, Dependencies&) {
    options.trusted_proxies = CidrSet({*Cidr::parse("10.0.0.0/8")});
  });
  const std::string session = api.account();
  const std::string token =
      api.post("/api/v1/api-tokens", R"({"name":"n","allowed_ips":["10.0.0.0/8"]})", session)
          .text("/token");
  using Headers = std::vector<std::pair<std::string, std::string>>;
  const auto status = [&](const Headers& headers) {
    return api.call({"GET", "/api/v1/webhooks", "", token, headers, "10.0.0.1"}).status;
  };
  EXPECT_EQ(status({}), 200) << "the proxy's own";
  EXPECT_EQ(status({{"x-forwarded-for", "10.0.0.7"}}), 200);
  EXPECT_EQ(status({{"x-forwarded-for", "203.0.113.9"}, {"forwarded", "for=9.9.9.9"}}), 401);
  EXPECT_EQ(status({{"x-forwarded-for", "10.0.0.7"}, {"forwarded", "for=\"9.9.9.9"}}), 401);
  EXPECT_EQ(status({{"forwarded", "for=\"9.9.9.9, for=203.0.113.9"}}), 401);
  EXPECT_EQ(status({{"forwarded", "for=_hidden"}}), 401);
}

TEST(ApiTokens, refuse_bad_values) {
  TestApi api;
  const std::string session = api.account();
  const auto field = [&](const std::string& body, const std::string& name) {
    const Answer refused = api.post("/api/v1/api-tokens", body, session);
    EXPECT_EQ(refused.status, 422) << body;
    EXPECT_TRUE(refused.has_field(name)) << refused.body;
  };
  EXPECT_EQ(api.post("/api/v1/api-tokens", "{}", session).code(), "missing_field");
  field(R"({"name":""})", "name");
  field(R"({"name":"a\u0000b"})", "name");
  field(R"({"name":"x","expires_at":"tomorrow"})", "expires_at");
  field(R"({"name":"x","expires_at":"2020-01-01T00:00:00Z"})", "expires_at");
  field(R"({"name":"x","expires_at":1})", "expires_at");
  field(R"({"name":"x","allowed_ips":["203.0.113.5/24"]})", "allowed_ips");
  field(R"({"name":"x","allowed_ips":"203.0.113.0/24"})", "allowed_ips");
  field(R"({"name":"x","allowed_ips":[1]})", "allowed_ips");
  field(R"({"name":"x","scopes":["admin"]})", "scopes");
  field(R"({"name":"x","scopes":[]})", "scopes");
  field(R"({"name":"x","color":"red"})", "color");
}

}  // namespace
}  // namespace postern::admin
