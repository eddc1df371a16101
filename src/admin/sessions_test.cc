#include "admin/sessions.h"

#include <gtest/gtest.h>

#include "admin/running_lists.h"
#include "admin/test_api.h"
#include "admin/totp.h"

namespace postern::admin {
namespace {

constexpr const char* wrong_password =
    R"({"email":"a@example.com","password":"wrong-horse-battery"})";
constexpr const char* unknown_account =
    R"({"email":"nobody@example.com","password":"wrong-horse-battery"})";

std::int64_t step_now() {
  return totp_step(
      std::chrono::duration_cast<std::chrono::seconds>(store::now().time_since_epoch()).count());
}

std::string refresh_body(const std::string& token) {
  return R"({"refresh_token":")" + token + "\"}";
}

class SessionsTest : public ::testing::Test {
 protected:
  void SetUp() override { api_.post("/api/v1/accounts", first_account); }

  TestApi api_;
};

TEST_F(SessionsTest, signs_in_with_a_token_pair) {
  const Answer signed_in = api_.post("/api/v1/sessions", first_account);
  ASSERT_EQ(signed_in.status, 200) << signed_in.body;
  EXPECT_EQ(signed_in.json.at("expires_in").as_int64(), 900);
  EXPECT_EQ(api_.get("/api/v1/accounts/me", signed_in.text("/access_token")).status, 200);
  EXPECT_EQ(api_.get("/api/v1/accounts/me", signed_in.text("/refresh_token")).status, 401)
      << "no bearer token";
}

TEST_F(SessionsTest, the_address_is_found_whatever_its_case) {
  EXPECT_EQ(api_.post("/api/v1/sessions",
                      R"({"email":"A@Example.COM","password":"correct-horse-battery"})")
                .status,
            200);
}

TEST_F(SessionsTest, unknown_address_and_wrong_password_look_the_same) {
  const Answer first = api_.post("/api/v1/sessions", wrong_password);
  const Answer second = api_.post("/api/v1/sessions", unknown_account);
  EXPECT_EQ(first.status, 401);
  EXPECT_EQ(first.code(), "invalid_credentials");
  EXPECT_EQ(first.body, second.body);
  EXPECT_EQ(second.status, 401);
}

TEST_F(SessionsTest, refuses_malformed_sign_ins) {
  EXPECT_EQ(api_.post("/api/v1/sessions", R"({"email":"a@example.com"})").code(), "missing_field");
  EXPECT_EQ(api_.post("/api/v1/sessions", R"({"email":1,"password":"x"})").code(),
            "validation_failed");
  EXPECT_EQ(api_.post("/api/v1/sessions", R"({"email":"a","password":"x","remember":true})").code(),
            "validation_failed");
  const Answer long_password = api_.post(
      "/api/v1/sessions", R"({"email":"a","password":")" + std::string(900'000, 'a') + "\"}");
  EXPECT_EQ(long_password.status, 422);
  EXPECT_TRUE(long_password.has_field("password"));
}

TEST_F(SessionsTest, refresh_tokens_rotate_and_reuse_ends_the_family) {
  const Answer first = api_.post("/api/v1/sessions", first_account);
  const Answer second =
      api_.post("/api/v1/sessions/refresh", refresh_body(first.text("/refresh_token")));
  ASSERT_EQ(second.status, 200) << second.body;
  EXPECT_NE(second.text("/refresh_token"), first.text("/refresh_token"));
  const std::string access = second.text("/access_token");
  EXPECT_EQ(api_.get("/api/v1/accounts/me", access).status, 200);

  EXPECT_EQ(
      api_.post("/api/v1/sessions/refresh", refresh_body(first.text("/refresh_token"))).status,
      401);
  EXPECT_EQ(
      api_.post("/api/v1/sessions/refresh", refresh_body(second.text("/refresh_token"))).status,
      401);
  const Answer ended = api_.get("/api/v1/accounts/me", access);
  EXPECT_EQ(ended.status, 401) << "the access tokens of the family stop too";
  EXPECT_EQ(ended.code(), "unauthorized");
}

TEST_F(SessionsTest, refresh_refuses_what_it_does_not_know) {
  EXPECT_EQ(api_.post("/api/v1/sessions/refresh", refresh_body("rt_x")).status, 401);
  EXPECT_EQ(api_.post("/api/v1/sessions/refresh", "{}").code(), "missing_field");
  EXPECT_EQ(api_.post("/api/v1/sessions/refresh", R"({"refresh_token":null})").status, 422);
}

TEST_F(SessionsTest, sign_out_ends_the_session_and_its_access_token) {
  const Answer session = api_.post("/api/v1/sessions", first_account);
  const std::string access = session.text("/access_token");
  EXPECT_EQ(api_.del("/api/v1/sessions", "", refresh_body(session.text("/refresh_token"))).status,
            401);
  EXPECT_EQ(api_.del("/api/v1/sessions", access, refresh_body("rt_x")).status, 401);
  EXPECT_EQ(
      api_.del("/api/v1/sessions", access, refresh_body(session.text("/refresh_token"))).status,
      204);
  EXPECT_EQ(api_.get("/api/v1/smtp-policies", access).status, 401);
}

TEST_F(SessionsTest, second_factor_is_asked_for_and_spent) {
  const std::string token = api_.post("/api/v1/sessions", first_account).text("/access_token");
  const Answer begun = api_.call({"POST", "/api/v1/accounts/me/2fa", "", token, {}});
  ASSERT_EQ(begun.status, 200) << begun.body;
  EXPECT_NE(begun.text("/otpauth_url").find(begun.text("/secret")), std::string::npos);
  const Secret secret(begun.text("/secret"));
  EXPECT_EQ(api_.post("/api/v1/accounts/me/2fa/confirm", R"({"code":"000000x"})", token).status,
            422);
  const std::int64_t step = step_now();
  const Answer confirmed = api_.post("/api/v1/accounts/me/2fa/confirm",
                                     R"({"code":")" + totp_code(secret, step - 1) + "\"}", token);
  ASSERT_EQ(confirmed.status, 200) << confirmed.body;
  ASSERT_EQ(confirmed.json.at("backup_codes").as_array().size(), 10u);
  EXPECT_EQ(api_.call({"POST", "/api/v1/accounts/me/2fa", "", token, {}}).status, 409);
  EXPECT_TRUE(api_.get("/api/v1/accounts/me", token).json.at("totp_enabled").as_bool());

  const Answer challenge = api_.post("/api/v1/sessions", first_account);
  ASSERT_TRUE(challenge.json.at("totp_required").as_bool());
  EXPECT_EQ(challenge.json.as_object().if_contains("access_token"), nullptr);
  const auto complete = [&](const std::string& challenge_token, const std::string& code) {
    return api_.post("/api/v1/sessions/2fa",
                     R"({"totp_token":")" + challenge_token + R"(","code":")" + code + "\"}");
  };
  const std::string first = challenge.text("/totp_token");
  EXPECT_EQ(complete(first, totp_code(secret, step - 1)).status, 401)
      << "the step was spent by the confirmation";
  EXPECT_EQ(complete(first, totp_code(secret, step)).status, 200);
  EXPECT_EQ(complete(first, totp_code(secret, step + 1)).status, 401) << "the challenge is closed";

  const std::string second = api_.post("/api/v1/sessions", first_account).text("/totp_token");
  EXPECT_EQ(complete(second, totp_code(secret, step)).status, 401) << "no code works twice";
  const std::string backup(confirmed.json.at("backup_codes").as_array()[3].as_string());
  EXPECT_EQ(complete(second, backup).status, 200);
  const std::string third = api_.post("/api/v1/sessions", first_account).text("/totp_token");
  EXPECT_EQ(complete(third, backup).status, 401) << "nor a backup code";
  for (int i = 1; i < codes_of_sign_in; ++i) EXPECT_EQ(complete(third, "000000x").status, 401);
  const std::string other(confirmed.json.at("backup_codes").as_array()[4].as_string());
  EXPECT_EQ(complete(third, other).status, 401) << "five tries are over";
  EXPECT_EQ(complete(token, other).status, 401) << "a token of another use";
  EXPECT_EQ(api_.get("/api/v1/accounts/me", third).status, 401) << "nor is it one of another use";

  EXPECT_EQ(api_.del("/api/v1/accounts/me/2fa", token, R"({"code":"123456"})").status, 422);
  const Answer renewed = api_.post("/api/v1/accounts/me/2fa/backup-codes",
                                   R"({"code":")" + totp_code(secret, step + 1) + "\"}", token);
  ASSERT_EQ(renewed.status, 200) << renewed.body;
  const std::string fresh(renewed.json.at("backup_codes").as_array()[0].as_string());
  EXPECT_EQ(api_.del("/api/v1/accounts/me/2fa", token, R"({"code":")" + fresh + "\"}").status, 204);
  EXPECT_EQ(api_.del("/api/v1/accounts/me/2fa", token, R"({"code":")" + fresh + "\"}").status, 409);
  EXPECT_NE(
      api_.post("/api/v1/sessions", first_account).json.as_object().if_contains("access_token"),
      nullptr);
}

TEST(SessionLimits, ten_wrong_passwords_close_the_address_for_a_while) {
  TestApi api([](Options& options, Dependencies&) { options.rate_limits = true; });
  const std::string body = R"({"username":"admin","password":"wrong"})";
  for (int i = 0; i < 10; ++i) EXPECT_EQ(api.post("/api/v1/login", body).status, 401) << i;
  const Answer closed = api.post("/api/v1/login", body);
  EXPECT_EQ(closed.status, 429);
  EXPECT_EQ(closed.code(), "rate_limited");
  EXPECT_TRUE(closed.raw.header("Retry-After"));
  EXPECT_EQ(api.post("/api/v1/sessions", first_account).status, 429)
      << "both doors have one limiter";
  EXPECT_EQ(api.post("/app/session", first_account).status, 429);
  EXPECT_EQ(api.call({"POST", "/api/v1/sessions", first_account, "", {}, "192.0.2.2"}).status, 401)
      << "other addresses may try";
}

TEST(SessionLimits, many_addresses_may_not_guess_at_one_account_either) {
  TestApi api([](Options& options, Dependencies&) { options.rate_limits = true; });
  api.post("/api/v1/accounts", first_account);
  const auto attempt = [&](const std::string& body, int host) {
    return api.call(
        {"POST", "/api/v1/sessions", body, "", {}, "2001:db8:" + std::to_string(host) + "::1"});
  };
  for (int i = 0; i < 100; ++i) EXPECT_EQ(attempt(wrong_password, 1 + i / 5).status, 401) << i;
  const Answer closed =
      attempt(R"({"email":"A@example.com","password":"wrong-horse-battery"})", 200);
  EXPECT_EQ(closed.status, 429) << "whatever the case of the address";
  EXPECT_NE(closed.text("/error").find("too many tries; next in "), std::string::npos);
  EXPECT_TRUE(closed.raw.header("Retry-After"));
  EXPECT_EQ(attempt(unknown_account, 200).status, 401) << "other accounts are open";
}

TEST(SessionLimits, a_network_of_many_addresses_guesses_no_more_than_three) {
  TestApi api([](Options& options, Dependencies&) { options.rate_limits = true; });
  api.post("/api/v1/accounts", first_account);
  const auto attempt = [&](const std::string& body, const std::string& peer) {
    return api.call({"POST", "/api/v1/sessions", body, "", {}, peer}).status;
  };
  ASSERT_EQ(attempt(first_account, "2001:db8:1:ffff::1"), 200);
  int judged = 0;
  for (int i = 0; i < 100; ++i) {
    const std::string peer = "2001:db8:1:" + std::to_string(i) + "::1";
    judged += attempt(i % 2 == 0 ? wrong_password : unknown_account, peer) == 401 ? 1 : 0;
  }
  EXPECT_EQ(judged, 30);
  EXPECT_EQ(attempt(wrong_password, "2001:db8:2::1"), 401) << "other networks may try";
  EXPECT_EQ(attempt(first_account, "2001:db8:1:ffff::1"), 200) << "who is known counts by itself";
}

TEST(SessionLimits, guesses_of_others_do_not_lock_out_who_has_signed_in_before) {
  TestApi api([](Options& options, Dependencies&) { options.rate_limits = true; });
  api.post("/api/v1/accounts", first_account);
  const auto attempt = [&](const std::string& body, const std::string& peer) {
    return api.call({"POST", "/api/v1/sessions", body, "", {}, peer}).status;
  };
  const std::string home = "203.0.113.7";
  ASSERT_EQ(attempt(first_account, home), 200);
  for (int i = 0; i < 100; ++i)
    EXPECT_EQ(attempt(wrong_password, "2001:db8:" + std::to_string(1 + i / 5) + "::1"), 401) << i;
  EXPECT_EQ(attempt(first_account, "203.0.113.8"), 429) << "a new address waits";
  EXPECT_EQ(attempt(first_account, home), 200);
  EXPECT_EQ(attempt(first_account, "203.0.113.8"), 429) << "which opens nothing to others";
  for (int i = 0; i < 10; ++i) EXPECT_EQ(attempt(wrong_password, home), 401) << i;
  EXPECT_EQ(attempt(first_account, home), 429) << "its own guesses count";
}

TEST(SessionLimits, wrong_codes_of_a_second_factor_close_its_account) {
  TestApi api([](Options& options, Dependencies&) { options.rate_limits = true; });
  const std::string token = api.account();
  const Secret secret(api.post("/api/v1/accounts/me/2fa", "", token).text("/secret"));
  const std::string code = R"({"code":")" + totp_code(secret, step_now()) + "\"}";
  ASSERT_EQ(api.post("/api/v1/accounts/me/2fa/confirm", code, token).status, 200);
  Answer last;
  int tries = 0;
  // Each sign-in has five attempts, and each comes from another address.
  for (; tries < 20 && last.status != 429; ++tries) {
    const std::string peer = "198.51.100." + std::to_string(tries + 1);
    const Answer first = api.call({"POST", "/api/v1/sessions", first_account, "", {}, peer});
    const std::string body =
        R"({"totp_token":")" + first.text("/totp_token") + R"(","code":"000000x"})";
    last = api.call({"POST", "/api/v1/sessions/2fa", body, "", {}, peer});
  }
  EXPECT_EQ(last.status, 429);
  EXPECT_EQ(tries, 11);
  EXPECT_TRUE(last.raw.header("Retry-After"));
  EXPECT_NE(last.text("/error").find("too many tries; next in "), std::string::npos);
}

TEST(SessionLimits, right_passwords_do_not_count) {
  TestApi api([](Options& options, Dependencies&) { options.rate_limits = true; });
  api.post("/api/v1/accounts", first_account);
  for (int i = 0; i < 12; ++i) EXPECT_EQ(api.post("/api/v1/login", first_account).status, 200) << i;
}

TEST(SessionLimits, forwarded_addresses_are_believed_of_a_trusted_proxy_only) {
  TestApi api([](Options& options, Dependencies&) {
    options.rate_limits = true;
    options.behind_proxy = true;
    options.trusted_proxies = CidrSet({*Cidr::parse("127.0.0.0/8")});
  });
  const auto attempt = [&](const std::string& forwarded, const std::string& peer) {
    return api
        .call({"POST",
               "/api/v1/sessions",
               unknown_account,
               "",
               {{"x-forwarded-for", forwarded}},
               peer})
        .status;
  };
  for (int i = 0; i < 10; ++i) attempt("203.0.113.99, 198.51.100.7", "127.0.0.1");
  EXPECT_EQ(attempt("203.0.113.98, 198.51.100.7", "127.0.0.1"), 429)
      << "the address the proxy saw counts";
  EXPECT_EQ(attempt("198.51.100.7:4711", "127.0.0.1"), 429) << "a port changes nothing";
  EXPECT_EQ(attempt("198.51.100.7, 198.51.100.8", "127.0.0.1"), 401);
  EXPECT_EQ(attempt("198.51.100.7", "192.0.2.9"), 401) << "not from a stranger";
}

TEST_F(SessionsTest, the_cookie_works_with_its_csrf_token_only) {
  const Answer signed_in = api_.post("/app/session", first_account);
  ASSERT_EQ(signed_in.status, 200) << signed_in.body;
  EXPECT_EQ(signed_in.json.as_object().if_contains("access_token"), nullptr);
  const std::string set(signed_in.raw.header("Set-Cookie").value_or(""));
  for (const char* attribute : {"; HttpOnly", "; SameSite=Strict", "; Secure", "; Path=/"}) {
    EXPECT_NE(set.find(attribute), std::string::npos) << attribute;
  }
  const std::string cookie = set.substr(0, set.find(';'));
  const std::string csrf = signed_in.text("/csrf_token");
  using Headers = std::vector<std::pair<std::string, std::string>>;
  const auto create = [&](Headers headers) {
    headers.emplace_back("cookie", "other=1; " + cookie);
    headers.emplace_back("host", "postern.example.net");
    return api_.call({"POST", "/api/v1/smtp-policies", R"({"name":"p"})", "", headers}).status;
  };
  EXPECT_EQ(create({}), 403);
  EXPECT_EQ(create({{"x-csrf-token", "x"}}), 403);
  EXPECT_EQ(create({{"x-csrf-token", csrf}}), 201);
  EXPECT_EQ(create({{"x-csrf-token", csrf}, {"origin", "https://postern.example.net"}}), 201);
  EXPECT_EQ(create({{"x-csrf-token", csrf}, {"origin", "https://evil.example"}}), 403);
  EXPECT_EQ(create({{"x-csrf-token", csrf}, {"origin", "null"}}), 403);
  EXPECT_EQ(create({{"x-csrf-token", csrf}, {"sec-fetch-site", "cross-site"}}), 403);
  EXPECT_EQ(api_.call({"GET", "/api/v1/smtp-policies", "", "", {{"cookie", cookie}}}).status, 200)
      << "reads need none";
  const std::string value = cookie.substr(cookie.find('=') + 1);
  EXPECT_EQ(api_.get("/api/v1/smtp-policies", value).status, 401) << "a cookie is no bearer token";

  const Answer shown = api_.call({"GET", "/app/session", "", "", {{"cookie", cookie}}});
  EXPECT_EQ(shown.text("/csrf_token"), csrf);
  EXPECT_EQ(api_.call({"DELETE", "/app/session", "", "", {{"cookie", cookie}}}).status, 403);
  EXPECT_EQ(
      api_.call({"DELETE", "/app/session", "", "", {{"cookie", cookie}, {"x-csrf-token", csrf}}})
          .status,
      204);
  EXPECT_EQ(api_.call({"GET", "/api/v1/smtp-policies", "", "", {{"cookie", cookie}}}).status, 401);
}

std::string cookie_of(const Answer& signed_in) {
  const std::string set(signed_in.raw.header("Set-Cookie").value_or(""));
  return set.substr(0, set.find(';'));
}

TEST_F(SessionsTest, the_cookie_is_bound_to_this_host_where_there_is_tls) {
  EXPECT_TRUE(
      cookie_of(api_.post("/app/session", first_account)).starts_with("__Host-postern_session="));
  TestApi plain(
      [](Options& options, Dependencies&) { options.public_url = "http://127.0.0.1:8025"; });
  plain.post("/api/v1/accounts", first_account);
  const Answer signed_in = plain.post("/app/session", first_account);
  EXPECT_TRUE(cookie_of(signed_in).starts_with("postern_session="));
  EXPECT_EQ(signed_in.raw.header("Set-Cookie").value_or("").find("Secure"), std::string::npos);
  EXPECT_EQ(plain.call({"GET", "/app/session", "", "", {{"cookie", cookie_of(signed_in)}}}).status,
            200);
}

TEST_F(SessionsTest, a_cookie_from_before_the_sign_in_is_never_taken_over) {
  const std::string first = cookie_of(api_.post("/app/session", first_account));
  const Answer again = api_.call({"POST", "/app/session", first_account, "", {{"cookie", first}}});
  EXPECT_NE(cookie_of(again), first);
  EXPECT_NE(again.text("/csrf_token"),
            api_.call({"GET", "/app/session", "", "", {{"cookie", first}}}).text("/csrf_token"));
  const std::string planted = "__Host-postern_session=planted";
  const Answer fixed =
      api_.call({"POST", "/app/session", first_account, "", {{"cookie", planted}}});
  EXPECT_NE(cookie_of(fixed), planted);
  EXPECT_EQ(api_.call({"GET", "/app/session", "", "", {{"cookie", planted}}}).status, 401);
}

TEST_F(SessionsTest, a_csrf_token_is_good_for_its_own_session_only) {
  const Answer mine = api_.post("/app/session", first_account);
  const Answer other = api_.post("/app/session", first_account);
  const auto create = [&](const std::string& csrf) {
    return api_
        .call({"POST",
               "/api/v1/smtp-policies",
               R"({"name":"p"})",
               "",
               {{"cookie", cookie_of(mine)}, {"x-csrf-token", csrf}}})
        .status;
  };
  EXPECT_EQ(create(other.text("/csrf_token")), 403);
  EXPECT_EQ(create(mine.text("/csrf_token")), 201);
}

TEST_F(SessionsTest, a_new_password_ends_the_other_cookies) {
  const std::string cookie = cookie_of(api_.post("/app/session", first_account));
  const std::string token = api_.post("/api/v1/sessions", first_account).text("/access_token");
  EXPECT_EQ(
      api_.put("/api/v1/accounts/me/password",
               R"({"current_password":"correct-horse-battery","new_password":"another-long-one"})",
               token)
          .status,
      204);
  EXPECT_EQ(api_.call({"GET", "/app/session", "", "", {{"cookie", cookie}}}).status, 401);
}

TEST_F(SessionsTest, the_first_call_of_a_page_tells_who_is_there) {
  const Answer signed_in = api_.post("/app/session", first_account);
  const Answer shown =
      api_.call({"GET", "/app/session", "", "", {{"cookie", cookie_of(signed_in)}}});
  EXPECT_EQ(shown.body, signed_in.body);
  const Answer me =
      api_.call({"GET", "/api/v1/accounts/me", "", "", {{"cookie", cookie_of(signed_in)}}});
  for (const auto& member : me.json.as_object()) {
    EXPECT_EQ(shown.json.at(member.key()), member.value()) << member.key();
  }
}

TEST_F(SessionsTest, pages_sign_in_from_their_own_origin_only) {
  const auto sign_in = [&](const std::string& origin) {
    return api_
        .call({"POST",
               "/app/session",
               first_account,
               "",
               {{"origin", origin}, {"host", "127.0.0.1:8025"}}})
        .status;
  };
  EXPECT_EQ(sign_in("http://127.0.0.1:8025"), 200);
  EXPECT_EQ(sign_in("https://evil.example"), 403);
}

TEST_F(SessionsTest, writes_for_another_site_are_refused_on_every_route) {
  const auto from = [&](const std::string& target, const std::string& origin,
                        const std::string& host, const std::string& body) {
    TestApi::Request request{"POST", target, body, "", {{"origin", origin}, {"host", host}}};
    request.peer = "127.0.0.1";
    return api_.call(request).status;
  };
  const std::string other = R"({"email":"b@example.com","password":"correct-horse-battery"})";
  // DNS rebinding: another site's name resolves to this gateway.
  EXPECT_EQ(from("/api/v1/accounts", "http://evil.example", "evil.example", other), 403);
  EXPECT_EQ(from("/api/v1/accounts", "http://127.0.0.1:80", "127.0.0.1:8025", other), 403);
  EXPECT_EQ(from("/api/v1/accounts", "null", "127.0.0.1:8025", other), 403);
  EXPECT_EQ(from("/api/v1/sessions", "http://evil.example", "evil.example", first_account), 403);
  EXPECT_EQ(from("/api/v1/login", "http://evil.example", "evil.example", first_account), 403);
  EXPECT_EQ(from("/app/session", "http://evil.example", "evil.example", first_account), 403);
  for (const std::string host : {"127.0.0.1:8025", "[::1]:8025", "localhost:8025"})
    EXPECT_NE(from("/api/v1/sessions", "http://" + host, host, first_account), 403) << host;
  EXPECT_EQ(from("/api/v1/accounts", "https://postern.example.net", "127.0.0.1:8025", other), 201);
}

TEST_F(SessionsTest, forged_tokens_are_refused) {
  const std::string token = api_.post("/api/v1/sessions", first_account).text("/access_token");
  EXPECT_EQ(api_.get("/api/v1/smtp-policies", token + ".x").status, 401);
  EXPECT_EQ(api_.get("/api/v1/smtp-policies", token.substr(0, token.rfind('.') + 1)).status, 401);
  EXPECT_EQ(api_.get("/api/v1/smtp-policies", "a.b.c").status, 401);
  const auto with = [&](const std::string& value) {
    return api_.call({"GET", "/api/v1/smtp-policies", "", "", {{"authorization", value}}});
  };
  EXPECT_EQ(with("Bearer ").status, 401);
  EXPECT_EQ(with("Basic YTpi").status, 401);
  EXPECT_EQ(with(token).status, 401);
  EXPECT_EQ(with("bearer " + token).status, 200) << "the scheme has no case";
  EXPECT_EQ(with("").raw.header("WWW-Authenticate"), "Bearer");
}

}  // namespace
}  // namespace postern::admin
