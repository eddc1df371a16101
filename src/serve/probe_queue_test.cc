#include "serve/probe_queue.h"

#include <vector>

#include <fmt/format.h>
#include <gtest/gtest.h>

namespace postern::app {
namespace {

using Job = ProbeQueue::Job;

class Probes {
 public:
  void add(const std::string& destination, bool is_foreign) {
    queue_.add({.address = fmt::format("{}@{}", ++number_, destination),
                .destination = destination,
                .is_foreign = is_foreign});
  }
  /// Starts all that may run; returns them.
  std::vector<Job> start() {
    std::vector<Job> begun;
    while (auto job = queue_.next([](const Job&) { return ProbeQueue::most_to_destination; })) {
      begun.push_back(*job);
    }
    return begun;
  }
  void end(const Job& job) { queue_.ended(job); }

 private:
  ProbeQueue queue_;
  int number_ = 0;
};

TEST(ProbeOrder, hosts_of_others_leave_room_for_those_of_routes) {
  Probes probes;
  for (int i = 0; i < 120; ++i) probes.add(fmt::format("f{}.example", i), true);
  EXPECT_EQ(probes.start().size(), ProbeQueue::most_foreign);
  for (int i = 0; i < 120; ++i) probes.add(fmt::format("r{}.example", i), false);
  EXPECT_EQ(probes.start().size(), ProbeQueue::most_running - ProbeQueue::most_foreign);
}

TEST(ProbeOrder, one_that_waits_for_a_connection_goes_on_when_it_is_told) {
  ProbeQueue queue;
  std::size_t free = 0;
  const auto most = [&](const Job& job) { return queue.running_to(job.destination) + free; };
  queue.add({.address = "a@one.example", .destination = "one.example"});
  EXPECT_FALSE(queue.next(most));
  EXPECT_FALSE(queue.freed("two.example"));
  free = 1;
  EXPECT_FALSE(queue.next(most)) << "nobody said that one is free";
  EXPECT_TRUE(queue.freed("one.example"));
  const auto job = queue.next(most);
  ASSERT_TRUE(job);
  EXPECT_EQ(queue.running_to("one.example"), 1u);
  queue.ended(*job);
  EXPECT_EQ(queue.running_to("one.example"), 0u);
}

TEST(ProbeOrder, a_destination_gets_few_at_a_time) {
  Probes probes;
  for (int i = 0; i < 30; ++i) probes.add("one.example", false);
  const auto first = probes.start();
  EXPECT_EQ(first.size(), ProbeQueue::most_to_destination);
  probes.end(first.front());
  const auto next = probes.start();
  ASSERT_EQ(next.size(), 1u);
  EXPECT_EQ(next.front().address, "11@one.example");
}

// A job that waits for a foreign place keeps its turn, whoever comes meanwhile.
TEST(ProbeOrder, hosts_of_others_take_turns) {
  Probes probes;
  for (int i = 0; i < 53; ++i) probes.add(fmt::format("f{}.example", i), true);
  const auto running = probes.start();
  ASSERT_EQ(running.size(), ProbeQueue::most_foreign);
  std::vector<std::string> order;
  for (int i = 0; i < 5; ++i) {
    probes.add(fmt::format("later{}.example", i), true);
    probes.end(running[static_cast<std::size_t>(i)]);
    for (const Job& job : probes.start()) order.push_back(job.destination);
  }
  EXPECT_EQ(order, (std::vector<std::string>{"f50.example", "f51.example", "f52.example",
                                             "later0.example", "later1.example"}));
}

// Jobs for a busy destination hold no foreign place while they wait.
TEST(ProbeOrder, a_busy_destination_does_not_keep_others_out) {
  Probes probes;
  for (int i = 0; i < 49; ++i) probes.add(fmt::format("f{}.example", i), true);
  for (int i = 0; i < 20; ++i) probes.add("f0.example", true);
  probes.add("last.example", true);
  auto begun = probes.start();  // 49, and one more to f0
  ASSERT_EQ(begun.size(), ProbeQueue::most_foreign);
  probes.end(begun[1]);
  probes.end(begun[2]);
  for (int i = 0; i < 12 && !begun.empty() && begun.back().destination != "last.example"; ++i) {
    probes.end(begun[static_cast<std::size_t>(3 + i)]);
    for (const Job& job : probes.start()) begun.push_back(job);
  }
  EXPECT_EQ(begun.back().destination, "last.example");
}

}  // namespace
}  // namespace postern::app
