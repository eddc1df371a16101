#include "admin/access_token.h"

#include <gtest/gtest.h>

#include "admin/digest.h"
#include "base/text.h"

namespace postern::admin {
namespace {

const store::Time issued_at{std::chrono::seconds(1'700'000'000)};
const Secret key_text(std::string(32, 'k'));

TokenKeys keys() {
  return TokenKeys(
      {{"key_new", key_text, issued_at, std::nullopt},
       {"key_old", Secret(std::string(32, 'o')), issued_at - std::chrono::hours(1), issued_at}});
}

Claims claims() {
  return {TokenUse::access, "acc_1", "ses_1", issued_at, issued_at + access_lifetime};
}

/// A token with this header and payload, signed with `key`.
std::string signed_token(std::string_view header, std::string_view payload,
                         const Secret& key = key_text) {
  const std::string part = base64url_encode(header) + "." + base64url_encode(payload);
  return part + "." + base64url_encode(hmac_sha256(key, part));
}

constexpr std::string_view good_header = R"({"alg":"HS256","kid":"key_new"})";
constexpr std::string_view good_payload =
    R"({"use":"access","sub":"acc_1","sid":"ses_1","iat":1700000000,"exp":1700000900})";

bool taken(std::string_view text, store::Time at = issued_at) {
  return keys().verify(text, TokenUse::access, at).has_value();
}

TEST(AccessToken, round_trips) {
  const auto verified = keys().verify(keys().sign(claims()), TokenUse::access, issued_at);
  ASSERT_TRUE(verified);
  EXPECT_EQ(verified->account_id, "acc_1");
  EXPECT_EQ(verified->session_id, "ses_1");
  EXPECT_TRUE(taken(signed_token(good_header, good_payload)));
  EXPECT_TRUE(taken(signed_token(R"({"alg":"HS256","kid":"key_old"})", good_payload,
                                 Secret(std::string(32, 'o')))));
}

TEST(AccessToken, of_a_second_factor_is_good_for_that_and_for_minutes) {
  const Claims asked{
      TokenUse::second_factor, "acc_1", {}, issued_at, issued_at + challenge_lifetime};
  const std::string text = keys().sign(asked);
  ASSERT_TRUE(keys().verify(text, TokenUse::second_factor, issued_at));
  EXPECT_EQ(keys().verify(text, TokenUse::second_factor, issued_at)->account_id, "acc_1");
  EXPECT_FALSE(keys().verify(text, TokenUse::access, issued_at));
  EXPECT_FALSE(keys().verify(text, TokenUse::cookie, issued_at));
  EXPECT_FALSE(keys().verify(keys().sign(claims()), TokenUse::second_factor, issued_at));
  EXPECT_FALSE(
      keys().verify(text, TokenUse::second_factor, issued_at + challenge_lifetime + clock_skew));
}

TEST(AccessToken, pins_the_algorithm_and_the_key) {
  EXPECT_FALSE(taken(signed_token(R"({"alg":"none","kid":"key_new"})", good_payload)));
  EXPECT_FALSE(taken(signed_token(R"({"alg":"hs256","kid":"key_new"})", good_payload)));
  EXPECT_FALSE(taken(signed_token(R"({"alg":"HS512","kid":"key_new"})", good_payload)));
  EXPECT_FALSE(taken(signed_token(R"({"alg":"RS256","kid":"key_new"})", good_payload)));
  EXPECT_FALSE(taken(signed_token(R"({"kid":"key_new"})", good_payload)));
  EXPECT_FALSE(taken(signed_token(R"({"alg":"HS256"})", good_payload)));
  EXPECT_FALSE(taken(
      signed_token(R"({"alg":"HS256","kid":"../../../../dev/null"})", good_payload, Secret())));
  EXPECT_FALSE(taken(signed_token(R"({"alg":"HS256","kid":"' OR 1=1"})", good_payload)));
  EXPECT_FALSE(
      taken(signed_token(R"({"alg":"HS256","kid":"key_new","crit":["x"]})", good_payload)));
  EXPECT_FALSE(
      taken(signed_token(R"({"alg":"HS256","alg":"HS256","kid":"key_new"})", good_payload)));
  EXPECT_FALSE(taken(signed_token(R"({"alg":"HS256","kid":"key_new","jku":"http://x.example/k"})",
                                  good_payload, Secret("x"))));
}

TEST(AccessToken, refuses_changed_tokens) {
  const std::string good = signed_token(good_header, good_payload);
  const std::size_t dot = good.rfind('.');
  EXPECT_FALSE(taken(good.substr(0, dot)));
  EXPECT_FALSE(taken(good.substr(0, dot + 1)));
  EXPECT_FALSE(taken(good.substr(0, dot + 9)));
  EXPECT_FALSE(taken(good + "="));
  EXPECT_FALSE(taken(good + "\n"));
  EXPECT_FALSE(taken(good + ".x"));
  EXPECT_FALSE(taken(""));
  EXPECT_FALSE(taken(".."));
  EXPECT_FALSE(taken(std::string(200000, 'A')));
  std::string flipped = good;
  flipped.back() = flipped.back() == 'A' ? 'B' : 'A';
  EXPECT_FALSE(taken(flipped));
  const std::string other = base64url_encode(
      R"({"use":"access","sub":"acc_2","sid":"ses_1","iat":1700000000,"exp":1700000900})");
  EXPECT_FALSE(taken(good.substr(0, good.find('.') + 1) + other + good.substr(dot)));
}

TEST(AccessToken, expiry_is_a_number_and_needed) {
  const auto with_exp = [](std::string exp) {
    return signed_token(good_header,
                        R"({"use":"access","sub":"a","sid":"s","iat":1700000000)" + exp + "}");
  };
  EXPECT_TRUE(taken(with_exp(",\"exp\":1700000900")));
  EXPECT_FALSE(taken(with_exp("")));
  EXPECT_FALSE(taken(with_exp(",\"exp\":\"1700000900\"")));
  EXPECT_FALSE(taken(with_exp(",\"exp\":\"99999999999999999999\"")));
  EXPECT_FALSE(taken(with_exp(",\"exp\":99999999999999999999")));
  EXPECT_FALSE(taken(with_exp(",\"exp\":1700000900.5")));
  EXPECT_FALSE(taken(with_exp(",\"exp\":-1")));
  EXPECT_FALSE(taken(with_exp(",\"exp\":null")));
  EXPECT_FALSE(taken(with_exp(",\"exp\":1700000901"))) << "longer than 15 minutes";
}

TEST(AccessToken, expires_after_the_skew) {
  const std::string good = signed_token(good_header, good_payload);
  EXPECT_TRUE(taken(good, issued_at + access_lifetime + clock_skew - std::chrono::seconds(1)));
  const auto late = keys().verify(good, TokenUse::access, issued_at + access_lifetime + clock_skew);
  ASSERT_FALSE(late);
  EXPECT_EQ(late.error(), TokenFault::expired);
  EXPECT_FALSE(taken(good, issued_at - clock_skew - std::chrono::seconds(1)))
      << "issued in the future";
}

TEST(AccessToken, a_cookie_is_no_access_token) {
  Claims cookie = claims();
  cookie.use = TokenUse::cookie;
  cookie.expires_at = issued_at + cookie_lifetime;
  const std::string text = keys().sign(cookie);
  EXPECT_TRUE(keys().verify(text, TokenUse::cookie, issued_at));
  EXPECT_FALSE(keys().verify(text, TokenUse::access, issued_at));
  EXPECT_FALSE(keys().verify(keys().sign(claims()), TokenUse::cookie, issued_at));
}

}  // namespace
}  // namespace postern::admin
