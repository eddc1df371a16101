// The work of one account does not delay the others.
#include <gtest/gtest.h>

#include <atomic>
#include <latch>
#include <thread>

#include "admin/test_api.h"

namespace postern::admin {
namespace {

using namespace std::chrono_literals;

constexpr const char* sign_in = R"({"email":"b@example.com","password":"correct-horse-battery"})";

/// Occupies a thread of a pool until release().
class Held {
 public:
  Held(boost::asio::io_context& loop, net::WorkPool& pool) {
    auto job = [this] {
      begun_ = true;
      release_.wait();
      return 0;
    };
    auto run = [](net::WorkPool& on, std::function<int()> work) -> Task<void> {
      static_cast<void>(co_await on.run(std::move(work)));
    };
    boost::asio::co_spawn(loop, run(pool, std::move(job)), boost::asio::detached);
    loop.restart();
    while (!begun_) loop.poll();
  }
  void release() { release_.count_down(); }

 private:
  std::atomic<bool> begun_ = false;
  std::latch release_{1};
};

std::string policy_with(int passwords) {
  std::string credentials;
  for (int i = 0; i < passwords; ++i) {
    credentials += std::string(i == 0 ? "" : ",") + R"({"username":"u)" + std::to_string(i) +
                   R"(","password":"a-password-of-)" + std::to_string(i) + "\"}";
  }
  return R"({"name":"p","require_smtp_auth":true,"smtp_credentials":[)" + credentials + "]}";
}

TEST(Turns, a_sign_in_does_not_wait_for_all_passwords_of_a_policy) {
  TestApi api;
  const std::string token = api.account();
  api.account("b@example.com");
  std::vector<int> policy, session;
  Held thread(api.loop, api.hashing);
  api.begin({"POST", "/api/v1/smtp-policies", policy_with(8), token, {}}, policy);
  while (api.hashing.waiting() < 1) api.loop.poll();
  api.begin({"POST", "/api/v1/sessions", sign_in, "", {}}, session);
  while (api.hashing.waiting() < 2) api.loop.poll();
  thread.release();
  while (session.empty()) api.loop.poll_one();
  EXPECT_EQ(session, std::vector<int>{200});
  EXPECT_TRUE(policy.empty()) << "it came before";
  api.loop.run();
  EXPECT_EQ(policy, std::vector<int>{201});
}

TEST(Turns, keys_that_are_made_for_one_account_are_not_the_others_wait) {
  TestApi api;
  const std::string token = api.account();
  api.account("b@example.com");
  const Answer claimed = api.post("/api/v1/domains", R"({"name":"a.example"})", token);
  api.resolver.txt[claimed.text("/verification_record/name")] = {
      claimed.text("/verification_token")};
  const std::string domain = "/api/v1/domains/" + claimed.text("/id");
  ASSERT_EQ(api.post(domain + "/verify", "", token).status, 200);
  std::vector<int> keys, session;
  Held thread(api.loop, api.hashing);
  for (int i = 0; i < 6; ++i) {
    const std::string body =
        R"({"algorithm":"rsa-sha256","selector":"s)" + std::to_string(i) + "\"}";
    api.begin({"POST", domain + "/dkim-keys", body, token, {}}, keys);
  }
  while (api.hashing.waiting() < 6) api.loop.poll();
  api.begin({"POST", "/api/v1/sessions", sign_in, "", {}}, session);
  while (api.hashing.waiting() < 7) api.loop.poll();
  thread.release();
  while (session.empty()) api.loop.poll_one();
  EXPECT_LT(keys.size(), 6u) << "it came before the last of them";
  api.loop.run();
  EXPECT_EQ(keys, std::vector<int>(6, 201));
}

TEST(Turns, what_one_account_asks_of_the_disk_is_not_the_others_wait) {
  TestApi api;
  const std::string token = api.account();
  const std::string other = api.account("b@example.com");
  std::vector<int> many, one;
  Held thread(api.loop, api.disk);
  for (int i = 0; i < 20; ++i) api.begin({"GET", "/api/v1/smtp-policies", "", token, {}}, many);
  while (api.disk.waiting() < 20) api.loop.poll();
  api.begin({"GET", "/api/v1/smtp-policies", "", other, {}}, one);
  while (api.disk.waiting() < 21) api.loop.poll();
  thread.release();
  while (one.empty()) api.loop.poll_one();
  EXPECT_EQ(one, std::vector<int>{200});
  EXPECT_LT(many.size(), 10u);
  api.loop.run();
  EXPECT_EQ(many, std::vector<int>(20, 200));
}

TEST(Turns, a_hash_that_comes_too_late_is_refused) {
  TestApi api([](Options& options, Dependencies&) { options.hashing_patience = 1ms; });
  Held thread(api.loop, api.hashing);
  std::vector<int> session;
  api.begin({"POST", "/api/v1/sessions", sign_in, "", {}}, session);
  while (api.hashing.waiting() < 1) api.loop.poll();
  std::this_thread::sleep_for(5ms);
  thread.release();
  api.loop.run();
  EXPECT_EQ(session, std::vector<int>{503});
}

}  // namespace
}  // namespace postern::admin
