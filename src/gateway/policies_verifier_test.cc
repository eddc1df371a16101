#include "gateway/policies_verifier.h"

#include <atomic>
#include <latch>

#include <gtest/gtest.h>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>

#include "policy/bcrypt.h"
#include "policy/inquiry.h"
#include "policy/step.h"
#include "policy/testing.h"

namespace postern::gateway {
namespace {

using namespace std::chrono_literals;
using boost::asio::co_spawn;
using boost::asio::detached;
using policy::AuthAnswer;
using Said = AuthAnswer::Kind;

std::shared_ptr<const policy::WebhookPolicy> a_policy(std::string tenant, std::string user,
                                                      std::string password, int cost) {
  static std::uint64_t order = 0;
  auto made = std::make_shared<policy::WebhookPolicy>();
  made->id = "pol_" + tenant + "_" + user + std::to_string(++order);
  made->account_id = "acc_" + tenant;
  const Secret hash = *policy::bcrypt_hash(Secret(std::move(password)), cost);
  made->credentials.push_back({std::move(user), hash, policy::credential_stamp(hash), order});
  return made;
}

/// The tests block the one hashing thread and release it.
class PoliciesVerifierTest : public testing::Test {
 protected:
  void open(std::size_t queue = 100, std::chrono::milliseconds patience = 1h) {
    pool_ = std::make_unique<net::WorkPool>(1, queue);
    verifier_ = std::make_unique<PoliciesVerifier>(directory_, *pool_, patience);
  }
  void hold() {
    auto wait = [](net::WorkPool& pool, std::latch& release) -> Task<void> {
      (void)co_await pool.run([&release] {
        release.wait();
        return 0;
      });
    };
    co_spawn(loop_, wait(*pool_, release_), detached);
    loop_.poll();
    while (pool_->waiting() != 0) loop_.poll();
  }
  struct Login {
    std::optional<AuthAnswer> answer;
    int finished_before = 0;
  };
  std::shared_ptr<Login> login(std::string user, std::string password, std::string_view from) {
    auto made = std::make_shared<Login>();
    auto run = [](PoliciesVerifierTest& test, std::string name, std::string secret, std::string ip,
                  std::shared_ptr<Login> login) -> Task<void> {
      policy::Evidence evidence;
      evidence.session.client_ip = *IpAddress::parse(ip);
      policy::testing::CountingGatherer gatherer;
      std::vector<policy::Step> steps;
      const policy::AuthAttempt attempt{.mechanism = "PLAIN",
                                        .authz_id = {},
                                        .authn_id = std::move(name),
                                        .password = Secret(std::move(secret)),
                                        .only = {}};
      policy::Tape tape;
      policy::Inquiry inquiry(evidence, gatherer, tape);
      login->answer = co_await test.verifier_->verify(attempt, inquiry, steps);
      login->finished_before = test.finished_++;
    };
    co_spawn(loop_, run(*this, std::move(user), std::move(password), std::string(from), made),
             detached);
    loop_.poll();
    return made;
  }
  void finish() {
    release_.count_down();
    loop_.restart();
    loop_.run();
  }

  boost::asio::io_context loop_;
  policy::Directory directory_;
  std::unique_ptr<net::WorkPool> pool_;
  std::unique_ptr<PoliciesVerifier> verifier_;
  std::latch release_{1};
  int finished_ = 0;
};

TEST_F(PoliciesVerifierTest, one_tenants_flood_is_not_its_neighbours_wait) {
  policy::Change change;
  for (int i = 0; i < 4; ++i) change.put_policies.push_back(a_policy("a", "dear", "x", 8));
  change.put_policies.push_back(a_policy("b", "neighbour", "s3cret", 4));
  directory_.apply(std::move(change));
  open();
  hold();
  for (int i = 0; i < 40; ++i) login("dear", "wrong", "192.0.2." + std::to_string(i));
  const auto neighbour = login("neighbour", "s3cret", "198.51.100.1");
  finish();
  EXPECT_EQ(neighbour->answer->kind, Said::accepted);
  EXPECT_EQ(neighbour->finished_before, 0) << "one hash of the flood's first, and then its own";
  EXPECT_EQ(finished_, 41);
}

TEST_F(PoliciesVerifierTest, a_full_queue_has_room_for_the_neighbour) {
  directory_.apply(
      {.put_policies = {a_policy("a", "dear", "x", 8), a_policy("b", "neighbour", "s3cret", 4)}});
  open(4);
  hold();
  std::vector<std::shared_ptr<Login>> flood;
  for (int i = 0; i < 10; ++i) flood.push_back(login("dear", "wrong", "192.0.2.1"));
  const auto neighbour = login("neighbour", "s3cret", "198.51.100.1");
  finish();
  EXPECT_EQ(neighbour->answer->kind, Said::accepted);
  EXPECT_EQ(flood.front()->answer->kind, Said::refused);
  EXPECT_EQ(flood.back()->answer->kind, Said::unavailable);
}

TEST_F(PoliciesVerifierTest, another_tenants_full_turn_leaves_a_shared_name_its_own) {
  const auto own = a_policy("b", "printer", "s3cret", 4);
  directory_.apply(
      {.put_policies = {a_policy("a", "dear", "x", 8), a_policy("a", "printer", "x", 8), own}});
  open(2);
  hold();
  // Tenant a's jobs fill both places; its hash of the shared name gets none, tenant b's gets one.
  for (int i = 0; i < 4; ++i) login("dear", "wrong", "192.0.2.9");
  const auto first = login("printer", "s3cret", "192.0.2.1");
  finish();
  EXPECT_EQ(first->answer->kind, Said::accepted);
  ASSERT_EQ(first->answer->identity.granted.size(), 1u);
  EXPECT_EQ(first->answer->identity.granted.begin()->first, own->id);
}

TEST_F(PoliciesVerifierTest, who_waits_too_long_is_told_so) {
  directory_.apply({.put_policies = {a_policy("a", "u", "x", 4)}});
  open(100, 1ms);
  hold();
  const auto late = login("u", "x", "192.0.2.1");
  std::this_thread::sleep_for(5ms);
  finish();
  EXPECT_EQ(late->answer->kind, Said::unavailable);
  EXPECT_EQ(late->answer->detail, "too many passwords wait: no thread in time");
}

TEST_F(PoliciesVerifierTest, asks_about_what_the_client_opened_before_alone) {
  const auto first = a_policy("a", "printer", "x", 4);
  const auto second = a_policy("b", "printer", "x", 4);
  directory_.apply({.put_policies = {first, second}});
  open();
  policy::Evidence evidence;
  evidence.session.client_ip = *IpAddress::parse("192.0.2.1");
  policy::testing::CountingGatherer gatherer;
  std::vector<policy::Step> steps;
  policy::AuthAttempt attempt{.mechanism = "PLAIN",
                              .authz_id = {},
                              .authn_id = "printer",
                              .password = Secret("x"),
                              .only = {}};
  const auto opened = [&] {
    std::string ids;
    policy::Tape tape;
    policy::Inquiry inquiry(evidence, gatherer, tape);
    const AuthAnswer answer = policy::testing::run(verifier_->verify(attempt, inquiry, steps));
    for (const auto& [id, stamp] : answer.identity.granted) ids += id + " ";
    return ids;
  };
  EXPECT_EQ(opened(), first->id + " " + second->id + " ");
  attempt.only = policy::AskedBefore{.verifier = "policies", .opened = {second->id}};
  EXPECT_EQ(opened(), second->id + " ");
}

// Any tenant may create credentials: they must not count as an operator's.
TEST_F(PoliciesVerifierTest, a_tenants_credentials_are_a_tenants) {
  directory_.apply({.put_policies = {a_policy("b", "printer", "s3cret", 4)}});
  open();
  for (const std::string operating : {"acc_a", "acc_b"}) {
    verifier_ = std::make_unique<PoliciesVerifier>(
        directory_, *pool_, 1h,
        [operating](const std::string& account) { return account == operating; });
    const auto made = login("printer", "s3cret", "192.0.2.1");
    loop_.restart();
    loop_.run();
    ASSERT_TRUE(made->answer);
    EXPECT_EQ(made->answer->kind, Said::accepted);
    EXPECT_EQ(made->answer->identity.tenant, operating == "acc_a");
  }
}

TEST_F(PoliciesVerifierTest, a_password_that_the_database_cannot_tell_is_not_a_wrong_one) {
  auto damaged = std::make_shared<policy::WebhookPolicy>(*a_policy("a", "printer", "s3cret", 4));
  damaged->credentials[0].hash = Secret();
  directory_.apply({.put_policies = {damaged, a_policy("b", "printer", "other", 4)}});
  open();
  const auto here = login("printer", "s3cret", "192.0.2.1");
  const auto there = login("printer", "other", "192.0.2.1");
  loop_.restart();
  loop_.run();
  ASSERT_TRUE(here->answer && there->answer);
  EXPECT_EQ(here->answer->kind, Said::unavailable) << "454, and not 535";
  EXPECT_EQ(there->answer->kind, Said::accepted) << "another tenant's does not hang on it";
}

TEST_F(PoliciesVerifierTest, a_selected_policy_is_an_account_of_its_own) {
  open();
  EXPECT_NE(verifier_->accounts_of("printer"), verifier_->accounts_of("printer%pol_a"));
}

}  // namespace
}  // namespace postern::gateway
