#include "policy/credentials.h"

#include <map>

#include <gtest/gtest.h>

#include "policy/bcrypt.h"
#include "policy/directory.h"
#include "policy/testing.h"

namespace postern::policy {
namespace {

using testing::check_password;
using testing::VerifyPassword;

// Made with `htpasswd -nbBC 10 u "correct horse"`.
constexpr const char* correct_horse =
    "$2y$10$4rPBHVZnyfgZMWWuE5k6reFYVT2Ue2yBbxJo7OskTQwrTbEcr65GW";

std::shared_ptr<WebhookPolicy> policy_with(std::string id, std::string user, Secret hash,
                                           std::uint64_t order) {
  auto made = std::make_shared<WebhookPolicy>();
  made->id = std::move(id);
  const std::uint64_t stamp = credential_stamp(hash);
  made->credentials.push_back({std::move(user), std::move(hash), stamp, order});
  return made;
}

/// A hash whose password is its last character.
Secret hash_of(char password) {
  std::string text = unmatched_hash(12).reveal();
  text.back() = password;
  return Secret(text);
}

struct Counting {
  int calls = 0;
  VerifyPassword verify() {
    return [this](const Secret& password, const Secret& hash) {
      ++calls;
      return hash.reveal().back() == password.reveal().front();
    };
  }
};

TEST(Credentials, grant_the_policies_whose_hash_matches) {
  Directory directory;
  directory.apply({.put_policies = {policy_with("pol_1", "shared", hash_of('a'), 1),
                                    policy_with("pol_2", "shared", hash_of('b'), 2),
                                    policy_with("pol_3", "shared", hash_of('b'), 3)}});
  Counting counting;
  const PasswordCheck check = plan_password_check(directory, "shared", Secret("b"));
  const auto granted = check_password(check, counting.verify());
  ASSERT_TRUE(granted);
  EXPECT_EQ(granted->size(), 2u);
  EXPECT_EQ(granted->at("pol_2"), credential_stamp(hash_of('b')));
  EXPECT_TRUE(granted->contains("pol_3"));
  EXPECT_EQ(counting.calls, 2) << "each distinct hash is tried once";
}

TEST(Credentials, an_unknown_user_costs_one_hash_of_the_usual_cost) {
  Directory directory;
  directory.apply({.put_policies = {policy_with("pol_1", "known", unmatched_hash(10), 1)}});
  for (const char* user : {"known", "unknown"}) {
    Counting counting;
    const PasswordCheck check = plan_password_check(directory, user, Secret("x"));
    EXPECT_FALSE(check_password(check, counting.verify())) << user;
    EXPECT_EQ(counting.calls, 1) << user;
  }
  const PasswordCheck unknown = plan_password_check(directory, "unknown", Secret("x"));
  ASSERT_EQ(unknown.tries.size(), 1u);
  EXPECT_EQ(bcrypt_cost(unknown.tries[0].hash), 10);
  EXPECT_TRUE(unknown.tries[0].account.empty());
}

/// The bcrypt costs for a name, as "10 12".
std::string costs(const Directory& directory, const std::string& name) {
  std::string text;
  for (const PasswordTry& one : plan_password_check(directory, name, Secret("x")).tries)
    text += (text.empty() ? "" : " ") + std::to_string(bcrypt_cost(one.hash));
  return text;
}

TEST(Credentials, unknown_names_cost_what_known_ones_do_in_the_same_mix) {
  Directory directory;
  Change change;
  for (int i = 0; i < 60; ++i) {  // 40 names of cost 10, 20 of cost 14, each of the latter in two
    const std::string name = "user" + std::to_string(i);
    const std::string id = std::to_string(i);
    const auto order = static_cast<std::uint64_t>(i + 1);
    change.put_policies.push_back(
        policy_with("pol_" + id, name, unmatched_hash(i < 40 ? 10 : 14), order));
    if (i >= 40)
      change.put_policies.push_back(
          policy_with("pol_x" + id, name, unmatched_hash(12), order + 100));
  }
  directory.apply(std::move(change));
  std::map<std::string, int> seen;
  for (int i = 0; i < 600; ++i) {
    const std::string name = "stranger" + std::to_string(i);
    ++seen[costs(directory, name)];
    EXPECT_EQ(costs(directory, name), costs(directory, name)) << "a name has one cost";
  }
  EXPECT_EQ(seen.size(), 2u);
  EXPECT_GT(seen["10"], 300);
  EXPECT_GT(seen["14 12"], 100);
  directory.apply({.remove_policies = {"pol_0"}});
  for (int i = 40; i < 60; ++i) directory.apply({.remove_policies = {"pol_" + std::to_string(i)}});
  seen.clear();
  for (int i = 0; i < 300; ++i) ++seen[costs(directory, "stranger" + std::to_string(i))];
  EXPECT_EQ(seen.size(), 2u);
  EXPECT_GT(seen["12"], 50) << "what was taken out of a name counts no more";
}

TEST(Credentials, a_stranger_of_a_selected_policy_costs_what_its_users_do) {
  const std::string id = "pol_01J8ZB3Y5N4VQ6T0KX9M2C7DEF";
  Directory directory;
  directory.apply({.put_policies = {policy_with(id, "known", unmatched_hash(14), 1),
                                    policy_with("pol_2", "known", unmatched_hash(10), 2),
                                    policy_with("pol_3", "other", unmatched_hash(10), 3)}});
  EXPECT_EQ(costs(directory, "known%" + id), "14");
  EXPECT_EQ(costs(directory, "stranger%" + id), "14");
  EXPECT_EQ(costs(directory, "other%" + id), "14");
}

TEST(Credentials, each_hash_is_for_its_account_to_pay) {
  Directory directory;
  auto first = policy_with("pol_1", "shared", hash_of('a'), 1);
  auto second = policy_with("pol_2", "shared", hash_of('b'), 2);
  first->account_id = "acc_1";
  second->account_id = "acc_2";
  directory.apply({.put_policies = {first, second}});
  const PasswordCheck check = plan_password_check(directory, "shared", Secret("b"));
  ASSERT_EQ(check.tries.size(), 2u);
  EXPECT_EQ(check.tries[0].account, "acc_1");
  EXPECT_EQ(check.tries[1].account, "acc_2");
}

TEST(Credentials, a_later_tenant_cannot_starve_an_older_one) {
  Directory directory;
  directory.apply({.put_policies = {policy_with("pol_old", "admin", hash_of('z'), 1)}});
  for (char c = 'a'; c < 'k'; ++c) {
    directory.apply({.put_policies = {policy_with(std::string("pol_") + c, "admin", hash_of(c),
                                                  static_cast<std::uint64_t>(c))}});
  }
  Counting counting;
  const PasswordCheck check = plan_password_check(directory, "admin", Secret("z"));
  const auto granted = check_password(check, counting.verify());
  ASSERT_TRUE(granted);
  EXPECT_TRUE(granted->contains("pol_old"));
  EXPECT_EQ(counting.calls, 4);
}

TEST(Credentials, passwords_that_bcrypt_would_cut_are_refused_without_hashing) {
  Directory directory;
  directory.apply({.put_policies = {policy_with("pol_1", "u", hash_of('a'), 1)}});
  for (const std::string& bad : {std::string(), std::string(73, 'a'), std::string("a\0b", 3)}) {
    Counting counting;
    const PasswordCheck check = plan_password_check(directory, "u", Secret(bad));
    EXPECT_FALSE(check_password(check, counting.verify()));
    EXPECT_EQ(counting.calls, 0) << bad.size();
  }
  EXPECT_EQ(plan_password_check(directory, "u", Secret(std::string(72, 'a'))).spellings.size(), 1u);
}

// RFC 4616 §2.
TEST(Credentials, names_and_passwords_have_one_spelling) {
  Directory directory;
  directory.apply(
      {.put_policies = {policy_with("pol_1", "zo\u00eb", *bcrypt_hash(Secret("fine"), 4), 1)}});
  const auto opens = [&](const std::string& user, const std::string& password) {
    const PasswordCheck check = plan_password_check(directory, user, Secret(password));
    return check_password(check, bcrypt_verify).has_value();
  };
  EXPECT_TRUE(opens("zo\u00eb", "fine"));
  EXPECT_TRUE(opens("zoe\u0308", "\ufb01ne"));
  EXPECT_FALSE(opens("zoe", "fine"));
  EXPECT_FALSE(opens("zo\u00eb", "fi\ue000ne"));
  EXPECT_FALSE(opens("zo\u00eb\ue000", "fine"));
}

TEST(Credentials, the_user_name_loses_its_selector) {
  Directory directory;
  const auto check =
      plan_password_check(directory, "u%pol_01HX0000000000000000000000", Secret("x"));
  EXPECT_EQ(check.username, "u");
}

TEST(Credentials, stamps_tell_hashes_apart) {
  EXPECT_EQ(credential_stamp(hash_of('a')), credential_stamp(hash_of('a')));
  EXPECT_NE(credential_stamp(hash_of('a')), credential_stamp(hash_of('b')));
}

TEST(Bcrypt, knows_its_own_and_htpasswds_hashes) {
  const Result<Secret> made = bcrypt_hash(Secret("s3cr3t"), 4);
  ASSERT_TRUE(made) << made.error().message;
  EXPECT_EQ(bcrypt_cost(*made), 4);
  EXPECT_TRUE(bcrypt_verify(Secret("s3cr3t"), *made));
  EXPECT_FALSE(bcrypt_verify(Secret("s3cr3u"), *made));
  EXPECT_TRUE(bcrypt_verify(Secret("correct horse"), Secret(correct_horse)));
  for (const char* variant : {"$2a$", "$2b$"}) {
    std::string other(correct_horse);
    EXPECT_TRUE(bcrypt_verify(Secret("correct horse"), Secret(other.replace(0, 4, variant))));
  }
}

TEST(Bcrypt, takes_nothing_else_for_a_hash) {
  const std::string good(correct_horse);
  EXPECT_TRUE(is_bcrypt(good));
  for (const std::string& bad :
       {std::string("$2x$") + good.substr(4), std::string("$2y$12$..."), good + "a",
        good.substr(0, 59), std::string("$2y$03$") + good.substr(7),
        std::string("$2y$32$") + good.substr(7), std::string("$apr1$abc$def"), std::string("plain"),
        good.substr(0, 59) + ":"}) {
    EXPECT_FALSE(is_bcrypt(bad)) << bad;
    EXPECT_FALSE(bcrypt_verify(Secret("correct horse"), Secret(bad))) << bad;
  }
}

TEST(Bcrypt, hashes_no_password_it_would_cut) {
  EXPECT_FALSE(bcrypt_hash(Secret(std::string(73, 'a')), 4));
  EXPECT_FALSE(bcrypt_hash(Secret(std::string("a\0b", 3)), 4));
  EXPECT_FALSE(bcrypt_hash(Secret(""), 4));
  EXPECT_FALSE(bcrypt_hash(Secret("fine"), 99));
}

TEST(Bcrypt, the_dummy_hash_is_really_computed) {
  const auto started = std::chrono::steady_clock::now();
  EXPECT_FALSE(bcrypt_verify(Secret("anything"), unmatched_hash(8)));
  EXPECT_GT(std::chrono::steady_clock::now() - started, std::chrono::milliseconds(2));
}

}  // namespace
}  // namespace postern::policy
