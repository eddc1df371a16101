// Effects of time, and of failures of the server.
#include <gtest/gtest.h>

#include "admin/access_token.h"
#include "admin/core.h"
#include "admin/domains.h"
#include "admin/test_api.h"
#include "mail/address.h"

namespace postern::admin {
namespace {

using std::chrono::hours;

class RecheckTest : public ::testing::Test {
 protected:
  void SetUp() override {
    token_ = api_.account();
    const Answer claimed = api_.post("/api/v1/domains", R"({"name":"mail.example"})", token_);
    path_ = "/api/v1/domains/" + claimed.text("/id");
    record_ = claimed.text("/verification_record/name");
    value_ = claimed.text("/verification_token");
    api_.resolver.txt[record_] = {value_};
    ASSERT_EQ(api_.post(path_ + "/verify", "", token_).status, 200);
  }
  void recheck(std::chrono::hours later) {
    Core core(*api_.deps, api_.options, *TokenKeys::load(*api_.store, store::now()), Secret("k"));
    Domains domains(core);
    api_.run(domains.recheck(store::now() + later));
  }
  bool verified() { return api_.get(path_, token_).json.at("verified").as_bool(); }
  bool failing() { return !api_.get(path_, token_).json.at("failing_since").is_null(); }

  TestApi api_;
  std::string token_, path_, record_, value_;
};

// The running gateway and one that starts then know the same: the webhook, and no domain of ours.
TEST_F(RecheckTest, a_record_missing_for_seven_days_unverifies) {
  const Answer webhook = api_.webhook(token_, R"(,"email_address":"in@mail.example")");
  ASSERT_EQ(webhook.status, 201) << webhook.body;
  api_.resolver.txt.clear();
  recheck(hours(1));
  EXPECT_FALSE(failing()) << "not due yet";
  recheck(hours(25));
  EXPECT_TRUE(failing());
  EXPECT_TRUE(verified());
  recheck(hours(25 + 8 * 24));
  EXPECT_FALSE(verified());
  policy::Directory started;
  Publisher publisher(*api_.store, started, "hooks.example.net", nullptr);
  ASSERT_TRUE(publisher.load());
  const auto at = [](const char* address) {
    return *mail::parse_mailbox(address, mail::Utf8::refused);
  };
  for (const policy::Directory* directory : {&api_.directory, &started}) {
    const policy::Route unknown = directory->resolve(at("x@mail.example"));
    EXPECT_EQ(unknown.kind, policy::Route::Kind::none);
    EXPECT_EQ(unknown.missing, policy::Route::Missing::foreign_domain);
    const policy::Route known = directory->resolve(at("in@mail.example"));
    ASSERT_TRUE(known.webhook);
    EXPECT_TRUE(known.webhook->is_active) << "its mail still flows";
  }
  EXPECT_NE(api_.get("/api/v1/accounts/me/audit-log", token_).body.find("domain.unverified"),
            std::string::npos);
}

TEST_F(RecheckTest, a_record_that_comes_back_is_forgiven) {
  api_.resolver.txt.clear();
  recheck(hours(25));
  EXPECT_TRUE(failing());
  api_.resolver.txt[record_] = {value_};
  recheck(hours(50));
  EXPECT_FALSE(failing());
  EXPECT_TRUE(verified());
}

TEST_F(RecheckTest, silent_name_servers_decide_nothing) {
  api_.resolver.txt.clear();
  api_.resolver.broken = true;
  recheck(hours(25));
  EXPECT_FALSE(failing());
  EXPECT_TRUE(verified());
}

TEST(SigningKeys, rotate_after_thirty_days_and_are_forgotten_later) {
  TestApi api;
  const store::Time now = store::now();
  const auto first = TokenKeys::load(*api.store, now);
  ASSERT_TRUE(first);
  const Claims claims{TokenUse::cookie, "acc_1", "ses_1", now + hours(31 * 24),
                      now + hours(31 * 24) + cookie_lifetime};
  const std::string old_token = first->sign(claims);
  EXPECT_EQ(api.store->signing_keys()->size(), 1u) << "one key is enough";
  const auto second = TokenKeys::load(*api.store, now + hours(31 * 24));
  EXPECT_EQ(api.store->signing_keys()->size(), 2u);
  EXPECT_TRUE(second->verify(old_token, TokenUse::cookie, now + hours(31 * 24)));
  EXPECT_FALSE(first->verify(second->sign(claims), TokenUse::cookie, now + hours(31 * 24)))
      << "the new key signs";
  const auto third = TokenKeys::load(*api.store, now + hours(40 * 24));
  EXPECT_EQ(api.store->signing_keys()->size(), 1u);
  EXPECT_FALSE(third->verify(old_token, TokenUse::cookie, now + hours(31 * 24)));
}

TEST(Housekeeping, runs_over_the_api) {
  TestApi api;
  const std::string token = api.account();
  api.run(api.api->housekeeping());
  EXPECT_EQ(api.get("/api/v1/accounts/me", token).status, 200) << "sessions go on";
}

TEST(Trouble, a_full_password_pool_is_503_and_counts_no_failure) {
  TestApi api;
  api.account();
  api.hashing.stop();
  const Answer refused = api.post("/api/v1/sessions", first_account);
  EXPECT_EQ(refused.status, 503);
  EXPECT_EQ(refused.code(), "unavailable");
  EXPECT_TRUE(refused.raw.header("Retry-After"));
}

TEST(Trouble, a_full_disk_pool_is_503) {
  TestApi api;
  const std::string token = api.account();
  api.disk.stop();
  EXPECT_EQ(api.get("/api/v1/smtp-policies", token).status, 503);
}

TEST(Trouble, a_full_disk_is_507_and_other_trouble_503) {
  EXPECT_EQ(storage_trouble({Fault::disk_full, "x.db cannot grow"}).status, 507);
  EXPECT_EQ(storage_trouble({Fault::temporary, "x.db is locked"}).status, 503);
  EXPECT_EQ(storage_trouble({Fault::temporary, "the disk is full of locks"}).status, 503)
      << "the words of an error decide nothing";
  const Refusal damaged = storage_trouble({Fault::permanent, "x.db is damaged"});
  EXPECT_EQ(damaged.status, 503);
  EXPECT_EQ(damaged.sentence.find("x.db"), std::string::npos);
}

TEST(Limits, calls_are_limited_by_address_and_account) {
  TestApi api([](Options& options, Dependencies&) { options.rate_limits = true; });
  for (int i = 0; i < 300; ++i) ASSERT_EQ(api.get("/api/v1/ping").status, 200);
  EXPECT_EQ(api.get("/api/v1/ping").status, 429);
  EXPECT_EQ(api.get("/api/v1/smtp-policies").status, 429) << "guessing at tokens counts";
  EXPECT_EQ(api.call({"GET", "/api/v1/ping", "", "", {}, "192.0.2.2"}).status, 200);
}

TEST(Limits, calls_of_a_network_of_many_addresses_are_limited_together) {
  TestApi api([](Options& options, Dependencies&) { options.rate_limits = true; });
  const auto ping = [&](const std::string& peer) {
    return api.call({"GET", "/api/v1/ping", "", "", {}, peer}).status;
  };
  int answered = 0;
  for (int i = 0; i < 1000; ++i)
    answered += ping("2001:db8:1:" + std::to_string(i) + "::1") == 200 ? 1 : 0;
  EXPECT_EQ(answered, 900);
  EXPECT_EQ(ping("2001:db8:2::1"), 200);
}

TEST(Limits, sign_ups_are_limited_by_address) {
  TestApi api([](Options& options, Dependencies&) { options.rate_limits = true; });
  for (int i = 0; i < 30; ++i) {
    const std::string email = "u" + std::to_string(i) + "@example.com";
    ASSERT_EQ(api.post("/api/v1/accounts", account_body(email)).status, 201);
  }
  EXPECT_EQ(api.post("/api/v1/accounts", first_account).status, 429);
}

}  // namespace
}  // namespace postern::admin
