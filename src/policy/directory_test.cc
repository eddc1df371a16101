#include "policy/directory.h"

#include <gtest/gtest.h>

#include <atomic>
#include <thread>

#include "policy/bcrypt.h"
#include "policy/testing.h"

namespace postern::policy {
namespace {

using testing::a_webhook;
using testing::address;

std::shared_ptr<WebhookPolicy> policy_of(std::string id, std::vector<Credential> credentials = {}) {
  auto made = std::make_shared<WebhookPolicy>();
  made->id = std::move(id);
  made->credentials = std::move(credentials);
  return made;
}

Secret hash(char filler, int cost = 12) {
  std::string text = unmatched_hash(cost).reveal();
  text.back() = filler;
  return Secret(text);
}

Credential credential(std::string user, char filler, std::uint64_t order, int cost = 12) {
  return {.username = std::move(user), .hash = hash(filler, cost), .stamp = order, .order = order};
}

TEST(Directory, finds_exact_addresses_first) {
  Directory directory;
  directory.apply({.put_webhooks = {a_webhook("alerts"), a_webhook("alerts+eu")}});
  EXPECT_EQ(directory.resolve(address("alerts")).webhook->id, "wh_alerts");
  const Route exact = directory.resolve(address("alerts+eu"));
  EXPECT_EQ(exact.webhook->id, "wh_alerts+eu");
  EXPECT_EQ(exact.tag, std::nullopt);
}

TEST(Directory, falls_back_to_the_address_without_tag_and_keeps_the_tags_case) {
  Directory directory;
  directory.apply({.put_webhooks = {a_webhook("alerts")}});
  const Route route = directory.resolve(address("ALERTS+Disk+Full"));
  ASSERT_EQ(route.kind, Route::Kind::webhook);
  EXPECT_EQ(route.webhook->id, "wh_alerts");
  EXPECT_EQ(route.tag, "Disk+Full");
  EXPECT_EQ(directory.resolve(address("+alerts")).kind, Route::Kind::none);
  EXPECT_EQ(directory.resolve(address("\"alerts\"")).webhook->id, "wh_alerts");
}

std::shared_ptr<WebhookPolicy> policy_of(std::string account, std::string id, Credential one) {
  auto made = policy_of(std::move(id), {std::move(one)});
  made->account_id = std::move(account);
  return made;
}

/// The last characters of the hashes that a password is compared with.
std::string tried(const Directory& directory, std::string_view username) {
  std::string all;
  for (const auto& match : directory.credentials(username, max_hashes_per_auth)) {
    all += match.hash.reveal().back();
  }
  return all;
}

TEST(Directory, a_later_account_takes_no_place_of_an_older_one) {
  Directory directory;
  directory.apply({.put_policies = {policy_of("acc_v", "pol_v1", credential("alice", 'v', 1))}});
  for (int i = 0; i < 4; ++i) {
    directory.apply({.put_policies = {policy_of("acc_a", "pol_a" + std::to_string(i),
                                                credential("alice", static_cast<char>('A' + i),
                                                           static_cast<std::uint64_t>(2 + i)))}});
  }
  EXPECT_EQ(tried(directory, "alice"), "vABC");
  directory.apply({.put_policies = {policy_of("acc_v", "pol_v2", credential("alice", 'w', 9))}});
  EXPECT_EQ(tried(directory, "alice"), "vwAB") << "a second password of the older account";
  directory.apply({.remove_policies = {"pol_v1"}});
  EXPECT_EQ(tried(directory, "alice"), "ABCD") << "what is left of it is younger now";
  directory.apply({.remove_policies = {"pol_v2"}});
  EXPECT_EQ(tried(directory, "alice"), "ABCD");
}

TEST(Directory, a_name_in_a_verified_domain_is_its_owners_alone) {
  Directory directory;
  const std::string name = "alice@Victim.example";
  for (int i = 0; i < 4; ++i) {
    directory.apply({.put_policies = {policy_of("acc_a", "pol_a" + std::to_string(i),
                                                credential(name, static_cast<char>('A' + i),
                                                           static_cast<std::uint64_t>(1 + i)))}});
  }
  directory.apply({.put_policies = {policy_of("acc_v", "pol_v", credential(name, 'v', 9))}});
  EXPECT_EQ(tried(directory, name), "ABCD");
  directory.apply({.put_domains = {{"victim.example", "acc_v"}}});
  EXPECT_EQ(tried(directory, name), "v");
  directory.apply({.put_domains = {{"victim.example", "acc_other"}}});
  EXPECT_EQ(tried(directory, name), "") << "as a name that nobody has";
  directory.apply({.put_domains = {"victim.example"}});
  EXPECT_EQ(tried(directory, name), "ABCD") << "the gateway's own domain is nobody's";
  directory.apply({.remove_domains = {"victim.example"}});
  EXPECT_EQ(tried(directory, name), "ABCD");
}

TEST(Directory, says_why_nobody_owns_an_address) {
  Directory directory;
  directory.apply({.put_domains = {"Hooks.Example.NET"}});
  EXPECT_EQ(directory.resolve(address("nobody")).missing, Route::Missing::unknown_address);
  EXPECT_EQ(directory.resolve(address("nobody", "example.org")).missing,
            Route::Missing::foreign_domain);
  directory.apply({.remove_domains = {"hooks.example.net"}});
  EXPECT_EQ(directory.resolve(address("nobody")).missing, Route::Missing::foreign_domain);
}

TEST(Directory, attaches_and_detaches_policies) {
  Directory directory;
  auto attached = a_webhook("a");
  attached->policy_id = "pol_1";
  directory.apply({.put_webhooks = {attached}, .put_policies = {policy_of("pol_1")}});
  EXPECT_EQ(directory.resolve(address("a")).policy->id, "pol_1");
  directory.apply({.put_webhooks = {a_webhook("a")}, .remove_policies = {"pol_1"}});
  EXPECT_EQ(directory.resolve(address("a")).policy, nullptr);
  EXPECT_EQ(directory.policy_count(), 0u);
  EXPECT_EQ(directory.webhook_count(), 1u);
}

TEST(Directory, an_address_may_change_hands_in_one_edit) {
  Directory directory;
  directory.apply({.put_webhooks = {a_webhook("a")}});
  auto heir = a_webhook("b");
  heir->address = "a@hooks.example.net";
  directory.apply({.put_webhooks = {heir}, .remove_webhooks = {"wh_a"}});
  EXPECT_EQ(directory.resolve(address("a")).webhook->id, "wh_b");
  EXPECT_EQ(directory.webhook("wh_a"), nullptr);
  directory.apply({.remove_webhooks = {"wh_a"}});
  EXPECT_EQ(directory.resolve(address("a")).webhook->id, "wh_b");
}

TEST(Directory, a_moved_webhook_leaves_its_old_address) {
  Directory directory;
  directory.apply({.put_webhooks = {a_webhook("a")}});
  auto moved = a_webhook("a");
  moved->address = "new@hooks.example.net";
  directory.apply({.put_webhooks = {moved}});
  EXPECT_EQ(directory.resolve(address("a")).kind, Route::Kind::none);
  EXPECT_EQ(directory.resolve(address("new")).webhook->id, "wh_a");
}

TEST(Directory, offers_the_oldest_credentials_first_and_few_hashes) {
  Directory directory;
  for (std::uint64_t i = 9; i >= 1; --i) {
    const char filler = static_cast<char>('A' + i);
    directory.apply(
        {.put_policies = {policy_of("pol_" + std::to_string(i), {credential("u", filler, i)})}});
  }
  const auto matches = directory.credentials("u", 4);
  ASSERT_EQ(matches.size(), 4u);
  for (std::size_t i = 0; i < 4; ++i) EXPECT_EQ(matches[i].order, i + 1);
  EXPECT_TRUE(directory.credentials("nobody", 4).empty());
}

TEST(Directory, policies_that_share_a_hash_cost_one_hash) {
  Directory directory;
  for (std::uint64_t i = 1; i <= 6; ++i) {
    directory.apply(
        {.put_policies = {policy_of("pol_" + std::to_string(i), {credential("u", 'A', i)})}});
  }
  EXPECT_EQ(directory.credentials("u", 1).size(), 6u);
}

TEST(Directory, a_selector_narrows_to_one_policy) {
  const std::string id = "pol_01HX0000000000000000000000";
  Directory directory;
  directory.apply({.put_policies = {policy_of("pol_1", {credential("u", 'A', 1)}),
                                    policy_of(id, {credential("u", 'B', 2)})}});
  const auto matches = directory.credentials("u%" + id, 4);
  ASSERT_EQ(matches.size(), 1u);
  EXPECT_EQ(matches[0].policy->id, id);
  EXPECT_TRUE(directory.credentials("u%pol_01HX0000000000000000000001", 4).empty());
  EXPECT_EQ(split_login("a%pol_short").username, "a%pol_short");
}

// Regression: the selector considered only the first 256 holders of the name.
TEST(Directory, a_selector_finds_its_policy_however_many_have_the_name) {
  const std::string id = "pol_01HX0000000000000000000000";
  Directory directory;
  for (std::uint64_t i = 1; i <= 300; ++i) {
    directory.apply(
        {.put_policies = {policy_of("pol_" + std::to_string(i), {credential("u", 'A', i)})}});
  }
  directory.apply({.put_policies = {policy_of(id, {credential("u", 'B', 301)})}});
  const auto matches = directory.credentials("u%" + id, 4);
  ASSERT_EQ(matches.size(), 1u);
  EXPECT_EQ(matches[0].policy->id, id);
}

TEST(Directory, forgets_the_credentials_of_old_versions) {
  Directory directory;
  directory.apply(
      {.put_policies = {policy_of("pol_1", {credential("a", 'A', 1), credential("b", 'B', 2)})}});
  directory.apply({.put_policies = {policy_of("pol_1", {credential("b", 'C', 2)})}});
  EXPECT_TRUE(directory.credentials("a", 4).empty());
  ASSERT_EQ(directory.credentials("b", 4).size(), 1u);
  EXPECT_EQ(directory.credentials("b", 4)[0].hash.reveal().back(), 'C');
  directory.apply({.remove_policies = {"pol_1"}});
  EXPECT_TRUE(directory.credentials("b", 4).empty());
}

TEST(Directory, knows_what_most_credentials_cost) {
  Directory directory;
  EXPECT_EQ(directory.costs_for_stranger("x"), std::vector{12});
  directory.apply({.put_policies = {
                       policy_of("pol_1", {credential("a", 'A', 1, 10), credential("b", 'A', 2, 10),
                                           credential("c", 'A', 3, 12)})}});
  // Unknown names have the costs of known ones in the same proportion: two thirds have 10.
  std::map<std::vector<int>, int> seen;
  for (int i = 0; i < 300; ++i) ++seen[directory.costs_for_stranger("x" + std::to_string(i))];
  EXPECT_EQ(seen.size(), 2u);
  EXPECT_GT(seen[{10}], 150);
  EXPECT_GT(seen[{12}], 50);
  directory.apply({.remove_policies = {"pol_1"}});
  EXPECT_EQ(directory.costs_for_stranger("x"), std::vector{12});
}

TEST(Directory, a_policy_that_cannot_be_read_has_its_users_alone) {
  Directory directory;
  WebhookPolicy left = *policy_of("pol_1", {credential("a", 'A', 1)});
  left.credentials[0].hash = Secret();
  left.is_unreadable = true;
  auto webhook = a_webhook("a");
  webhook->policy_id = "pol_1";
  directory.apply(
      {.put_webhooks = {webhook}, .put_policies = {std::make_shared<WebhookPolicy>(left)}});
  const Route route = directory.resolve(address("a"));
  ASSERT_TRUE(route.webhook) << "it is no unknown address";
  EXPECT_FALSE(route.policy) << "checks::policy_loaded defers its mail";
  EXPECT_EQ(directory.credentials("a", 4).size(), 1u);
  EXPECT_EQ(directory.costs_for_stranger("x"), std::vector{12}) << "no cost is known";
  EXPECT_EQ(directory.costs_for_stranger("x%pol_00000000000000000000000000").size(), 1u);
  directory.apply({.put_policies = {policy_of("pol_1", {credential("a", 'A', 1)})}});
  EXPECT_TRUE(directory.resolve(address("a")).policy) << "it was repaired";
}

TEST(Directory, readers_see_an_edit_as_a_whole) {
  Directory directory;
  const auto version = [](bool strict) {
    Change change;
    auto one = a_webhook("a");
    if (strict) one->policy_id = "pol_1";
    change.put_webhooks.push_back(one);
    if (strict) {
      change.put_policies.push_back(policy_of("pol_1"));
    } else {
      change.remove_policies.emplace_back("pol_1");
    }
    return change;
  };
  directory.apply(version(true));
  std::atomic<bool> done = false;
  std::atomic<int> torn = 0;
  std::atomic<int> reads = 0;
  std::thread reader([&] {
    while (!done) {
      const Route route = directory.resolve(address("a"));
      if (route.webhook->policy_id.has_value() != (route.policy != nullptr)) ++torn;
      ++reads;
    }
  });
  for (int i = 0; i < 2000 || reads < 2000; ++i) directory.apply(version(i % 2 == 0));
  done = true;
  reader.join();
  EXPECT_EQ(torn, 0);
}

}  // namespace
}  // namespace postern::policy
