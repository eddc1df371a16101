#include <gtest/gtest.h>

#include "admin/test_api.h"
#include "policy/catalogue.h"
#include "policy/evidence.h"
#include "store/sqlite_schema.h"

namespace postern::admin {
namespace {

using store::Change;

/// What another gateway has in memory of the same store.
class FollowTest : public ::testing::Test {
 protected:
  FollowTest() : other_(*here_.store, there_, here_.options.public_domain, &keyring_) {
    EXPECT_TRUE(other_.load());
    token_ = here_.account("owner@example.com");
    account_ =
        here_.call({.method = "GET", .target = "/api/v1/accounts/me", .body = {}, .token = token_})
            .text("/id");
  }
  bool is_there(std::string_view address) const {
    const auto mailbox = mail::parse_mailbox(std::string(address), mail::Utf8::allowed);
    return there_.resolve(*mailbox).webhook != nullptr;
  }
  void follow(std::vector<Change::Key> keys) {
    const Result<void> done = other_.follow({.number = 1, .edit = {}, .keys = std::move(keys)});
    EXPECT_TRUE(done) << done.error().message;
  }

  TestApi here_;
  policy::Directory there_;
  policy::DkimKeyring keyring_;
  Publisher other_;
  std::string token_;
  std::string account_;
};

TEST_F(FollowTest, objects_that_an_edit_names_are_made_changed_and_removed) {
  const auto made = here_.call({.method = "POST",
                                .target = "/api/v1/webhooks",
                                .body = R"({"target_url":"http://127.0.0.1/hook"})",
                                .token = token_});
  ASSERT_EQ(made.status, 201) << made.body;
  const std::string id = made.text("/id");
  const std::string address = made.text("/email_address");
  EXPECT_FALSE(is_there(address));
  follow({{"webhook", id, account_}});
  EXPECT_TRUE(is_there(address));
  follow({{"webhook", id, account_}});
  EXPECT_EQ(there_.webhook_count(), 1u) << "twice is once";

  const auto policy = here_.call({.method = "POST",
                                  .target = "/api/v1/smtp-policies",
                                  .body = R"({"name":"p","allowed_source_ips":["192.0.2.0/24"]})",
                                  .token = token_});
  ASSERT_EQ(policy.status, 201) << policy.body;
  follow({{"policy", policy.text("/id"), account_}});
  EXPECT_NE(there_.policy(policy.text("/id")), nullptr);

  const auto gone = here_.call(
      {.method = "DELETE", .target = "/api/v1/webhooks/" + id, .body = {}, .token = token_});
  ASSERT_EQ(gone.status, 204) << gone.body;
  const auto no_policy = here_.call({.method = "DELETE",
                                     .target = "/api/v1/smtp-policies/" + policy.text("/id"),
                                     .body = {},
                                     .token = token_});
  ASSERT_EQ(no_policy.status, 204) << no_policy.body;
  // One edit names both: as in the database, where they went together.
  follow({{"policy", policy.text("/id"), account_}, {"webhook", id, account_}});
  EXPECT_FALSE(is_there(address));
  EXPECT_EQ(there_.policy_count(), 0u);
}

TEST_F(FollowTest, an_object_that_cannot_be_read_costs_its_own_mail_alone) {
  const auto make = [&](const std::string& target, const std::string& body) {
    const auto made = here_.call(
        {.method = "POST", .target = "/api/v1/" + target, .body = body, .token = token_});
    EXPECT_EQ(made.status, 201) << made.body;
    return made;
  };
  const std::string policy = make("smtp-policies", R"({"name":"p"})").text("/id");
  const auto guarded = make("webhooks", R"({"target_url":"http://127.0.0.1/hook",)"
                                        R"("smtp_security_policy_id":")" +
                                            policy + R"("})");
  const auto headed = make("webhooks", R"({"target_url":"http://127.0.0.1/hook",)"
                                       R"("custom_headers":{"X-Key":"k"}})");
  const auto whole = make("webhooks", R"({"target_url":"http://127.0.0.1/hook"})");
  const auto damage = [&](const std::string& text) {
    const auto file =
        store::Database::open(here_.folder.file("postern.db"), store::control_schema());
    ASSERT_TRUE(file) << file.error().message;
    ASSERT_TRUE((*file)->execute(text));
  };
  damage("UPDATE policy SET definition = '{\"name\":'");
  damage("UPDATE webhook SET custom_headers = '[1]' WHERE custom_headers IS NOT NULL");

  // A gateway that starts, and one that follows the edit.
  policy::Directory started;
  Publisher starting(*here_.store, started, here_.options.public_domain, &keyring_);
  std::vector<std::string> told;
  starting.on_unreadable([&](const Unreadable& one) {
    EXPECT_EQ(one.account, account_);
    told.push_back(one.id);
  });
  const Result<void> loaded = starting.load();
  ASSERT_TRUE(loaded) << loaded.error().message;
  EXPECT_EQ(told, (std::vector<std::string>{policy, headed.text("/id")}));
  EXPECT_EQ(starting.unreadable(), 2u);
  const std::vector<Change::Key> keys = {{"policy", policy, account_},
                                         {"webhook", guarded.text("/id"), account_},
                                         {"webhook", headed.text("/id"), account_},
                                         {"webhook", whole.text("/id"), account_}};
  follow(keys);
  ASSERT_TRUE(starting.follow({.number = 1, .edit = {}, .keys = keys}));
  EXPECT_EQ(told.size(), 2u) << "once";
  for (const policy::Directory* directory : {&started, &there_}) {
    const auto defers = [&](const Answer& webhook) {
      policy::Evidence evidence;
      evidence.candidate.emplace();
      evidence.candidate->route = directory->resolve(
          *mail::parse_mailbox(webhook.text("/email_address"), mail::Utf8::allowed));
      EXPECT_TRUE(evidence.candidate->route.webhook) << "no unknown address";
      return policy::checks::policy_loaded.judge(evidence, {}).refuses();
    };
    EXPECT_TRUE(defers(guarded));
    EXPECT_TRUE(defers(headed));
    EXPECT_FALSE(defers(whole));
  }

  // Its owner can take it away.
  for (const std::string& target :
       {"webhooks/" + headed.text("/id"), std::string("smtp-policies/") + policy}) {
    const auto gone = here_.call(
        {.method = "DELETE", .target = "/api/v1/" + target, .body = {}, .token = token_});
    EXPECT_EQ(gone.status, 204) << gone.body;
  }
  ASSERT_TRUE(starting.follow({.number = 2, .edit = {}, .keys = keys}));
  EXPECT_EQ(starting.unreadable(), 0u);
}

TEST_F(FollowTest, kinds_of_a_later_version_and_objects_that_are_gone_change_nothing) {
  follow(
      {{"something new", "x", ""}, {"webhook", "wh_none", account_}, {"domain", "a.example", ""}});
  EXPECT_EQ(there_.webhook_count(), 0u);
}

}  // namespace
}  // namespace postern::admin
