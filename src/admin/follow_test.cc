#include <gtest/gtest.h>

#include "admin/test_api.h"

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

TEST_F(FollowTest, kinds_of_a_later_version_and_objects_that_are_gone_change_nothing) {
  follow(
      {{"something new", "x", ""}, {"webhook", "wh_none", account_}, {"domain", "a.example", ""}});
  EXPECT_EQ(there_.webhook_count(), 0u);
}

}  // namespace
}  // namespace postern::admin
