#include "net/fair_queue.h"

#include <gtest/gtest.h>

#include "base/subscriber_test.h"

namespace postern::net {
namespace {

using tests::subscriber_of;

using Queue = FairQueue<std::string>;

/// Takes all jobs in turn. A job's leading digit is its duration in seconds; others take none.
std::string drain(Queue& queue) {
  std::string order;
  while (auto entry = queue.pop()) {
    order += (order.empty() ? "" : " ") + entry->job;
    queue.charge(*entry, entry->job[0] - '0');
  }
  return order;
}

TEST(FairQueue, accounts_take_turns_by_the_time_they_used) {
  Queue queue(100);
  for (int i = 0; i < 4; ++i) queue.push("a", "1", "4a");
  for (int i = 0; i < 4; ++i) queue.push("b", "1", "1b");
  EXPECT_EQ(drain(queue), "4a 1b 1b 1b 1b 4a 4a 4a");
}

TEST(FairQueue, a_newcomer_is_next_however_many_wait) {
  Queue queue(1000);
  for (int i = 0; i < 200; ++i) queue.push("a", std::to_string(i % 50), "4a");
  for (int i = 0; i < 10; ++i) {
    const auto taken = queue.pop();
    queue.charge(*taken, 4);
  }
  queue.push("b", "9", "1b");
  EXPECT_EQ(queue.pop()->job, "1b");
}

TEST(FairQueue, clients_of_an_account_take_turns) {
  Queue queue(100);
  for (int i = 0; i < 3; ++i) queue.push("a", "1", "1x");
  queue.push("a", "2", "1y");
  EXPECT_EQ(drain(queue), "1x 1y 1x 1x");
}

TEST(FairQueue, an_account_that_pauses_saves_nothing_up) {
  Queue queue(100);
  for (int i = 0; i < 6; ++i) queue.push("a", "1", "1a");
  for (int i = 0; i < 5; ++i) queue.charge(*queue.pop(), 1);
  for (int i = 0; i < 3; ++i) queue.push("b", "1", "1b");
  for (int i = 0; i < 3; ++i) queue.push("a", "1", "1a");
  EXPECT_EQ(drain(queue), "1b 1a 1b 1a 1b 1a 1a");
}

TEST(FairQueue, a_full_queue_refuses_whoever_has_most) {
  Queue queue(4);
  for (int i = 0; i < 4; ++i) EXPECT_FALSE(queue.push("a", "1", "1a" + std::to_string(i)));
  const auto own = queue.push("a", "1", "1a4");
  ASSERT_TRUE(own);
  EXPECT_EQ(own->job, "1a4") << "no more than its own jobs are in the way";
  const auto last = queue.push("b", "1", "1b");
  ASSERT_TRUE(last);
  EXPECT_EQ(last->job, "1a3");
  const auto client = queue.push("a", "2", "1c");
  ASSERT_TRUE(client);
  EXPECT_EQ(client->job, "1a2") << "another client of the account";
  EXPECT_EQ(queue.size(), 4u);
  EXPECT_EQ(queue.waiting_of_account("a"), 3u);
  EXPECT_EQ(queue.waiting_of_client("1"), 3u);
}

/// How many jobs are taken until `job` is.
int turns_until(Queue& queue, const std::string& job) {
  for (int turns = 1;; ++turns) {
    const auto entry = queue.pop();
    if (!entry) return -1;
    queue.charge(*entry, 1);
    if (entry->job == job) return turns;
  }
}

TEST(FairQueue, a_network_of_many_clients_is_one_in_a_turn) {
  Queue queue(64);
  for (int i = 0; i < 512; ++i) queue.push("", subscriber_of(1, i), "flood");
  EXPECT_EQ(queue.size(), 64u) << "it may use all of it";
  const auto refused = queue.push("", subscriber_of(2, 1), "other");
  ASSERT_TRUE(refused);
  EXPECT_EQ(refused->job, "flood");
  EXPECT_LE(turns_until(queue, "other"), 3);
}

TEST(FairQueue, nor_do_many_accounts_help_a_network) {
  Queue queue(64);
  for (int i = 0; i < 512; ++i)
    queue.push("account" + std::to_string(i), subscriber_of(1, i), "flood");
  ASSERT_TRUE(queue.push("other", subscriber_of(2, 1), "other"));
  EXPECT_LE(turns_until(queue, "other"), 3);
}

TEST(FairQueue, nor_many_networks_an_account) {
  Queue queue(64);
  for (int i = 0; i < 512; ++i) queue.push("", subscriber_of(i, 1), "flood");
  ASSERT_TRUE(queue.push("other", subscriber_of(600, 1), "other"));
  EXPECT_LE(turns_until(queue, "other"), 3);
}

TEST(FairQueue, an_account_under_attack_from_one_network_serves_its_own_clients) {
  Queue queue(64);
  for (int i = 0; i < 512; ++i) queue.push("victim", subscriber_of(1, i), "flood");
  ASSERT_TRUE(queue.push("victim", subscriber_of(2, 1), "owner"));
  EXPECT_LE(turns_until(queue, "owner"), 3);
}

TEST(FairQueue, who_has_most_takes_nobodys_room) {
  Queue queue(64);
  for (int i = 0; i < 4; ++i) queue.push("office", subscriber_of(2, i), "office");
  for (int i = 0; i < 512; ++i)
    queue.push("account" + std::to_string(i), subscriber_of(1, i), "flood");
  EXPECT_EQ(queue.waiting_of_account("office"), 4u);
  EXPECT_EQ(queue.waiting_of_network(subscriber_of(2, 9)), 4u);
  EXPECT_EQ(queue.waiting_of_network(subscriber_of(1, 9)), 60u);
}

TEST(FairQueue, what_has_been_used_counts_however_many_owners_come_between) {
  Queue queue(10'000);
  for (int i = 0; i < 100; ++i) queue.push("a", subscriber_of(1, 1), "a");
  for (int i = 0; i < 50; ++i) queue.charge(*queue.pop(), 1);
  for (int i = 0; i < 5000; ++i) queue.push(std::to_string(i), subscriber_of(2, i), "crowd");
  for (int i = 0; i < 4000; ++i) queue.charge(*queue.pop(), 0.001);
  queue.push("b", subscriber_of(3, 1), "b");
  EXPECT_LE(turns_until(queue, "b"), 3);
}

TEST(FairQueue, what_is_over_is_swept_out) {
  Queue queue(100);
  queue.push("a", "1", "1old");
  queue.push("a", "1", "1new");
  queue.push("b", "1", "1old");
  int taken = 0;
  queue.sweep([](const std::string& job) { return job == "1old"; }, [&](std::string) { ++taken; });
  EXPECT_EQ(taken, 2);
  EXPECT_EQ(queue.size(), 1u);
  EXPECT_EQ(drain(queue), "1new");
  EXPECT_EQ(queue.waiting_of_client("1"), 0u);
}

}  // namespace
}  // namespace postern::net
