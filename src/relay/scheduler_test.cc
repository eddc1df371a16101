#include "relay/scheduler.h"

#include <map>
#include <random>
#include <set>

#include <gtest/gtest.h>

namespace postern::relay {
namespace {

using namespace std::chrono_literals;
using What = Scheduler::Work::What;

constexpr Scheduler::Times at_once{Time{0}, never};

/// The numbers of the messages that start now, until nothing more does.
std::vector<std::uint64_t> start_all(Scheduler& scheduler, Time now) {
  std::vector<std::uint64_t> started;
  while (const auto work = scheduler.next(now)) started.push_back(work->message);
  return started;
}

TEST(Scheduler, destination_gains_a_connection_with_each_round_of_successes) {
  Scheduler scheduler({.workers = 100, .initial_connections = 2, .max_connections = 4});
  for (std::uint64_t i = 1; i <= 40; ++i) scheduler.add(i, "t", "example.test", at_once, Time{0});
  std::vector<std::size_t> widths;
  Time now{0};
  for (int round = 0; round < 4; ++round) {
    std::vector<Scheduler::Place> running;
    while (const auto work = scheduler.next(now)) running.push_back(work->place);
    widths.push_back(running.size());
    for (const auto place : running)
      scheduler.finished(place, Contact::delivered, std::nullopt, now);
    now += 1s;
  }
  EXPECT_EQ(widths, (std::vector<std::size_t>{2, 3, 4, 4}));
}

TEST(Scheduler, push_back_takes_connections_but_never_the_last_and_never_puts_to_sleep) {
  Scheduler scheduler({.initial_connections = 2});
  for (std::uint64_t i = 1; i <= 20; ++i) scheduler.add(i, "t", "example.test", at_once, Time{0});
  for (int round = 0; round < 6; ++round) {
    std::vector<Scheduler::Place> running;
    while (const auto work = scheduler.next(Time{0})) running.push_back(work->place);
    EXPECT_EQ(running.size(), round == 0 ? 2u : 1u);
    for (const auto place : running)
      scheduler.finished(place, Contact::pushed_back, std::nullopt, Time{0});
  }
  EXPECT_FALSE(scheduler.sleeps_until("example.test"));
}

TEST(Scheduler, rate_spaces_the_starts) {
  Scheduler scheduler({.initial_connections = 20});
  for (std::uint64_t i = 1; i <= 3; ++i) scheduler.add(i, "t", "example.test", at_once, Time{0});
  scheduler.limit("example.test", {.messages_per_minute = 6}, Time{0});
  EXPECT_EQ(start_all(scheduler, Time{0}), (std::vector<std::uint64_t>{1}));
  EXPECT_EQ(scheduler.wake_at(), Time{10s});
  EXPECT_TRUE(start_all(scheduler, Time{9s}).empty());
  EXPECT_EQ(start_all(scheduler, Time{10s}), (std::vector<std::uint64_t>{2}));
  EXPECT_EQ(start_all(scheduler, Time{20s}), (std::vector<std::uint64_t>{3}));
}

TEST(Scheduler, fresh_mail_goes_before_retries_two_to_one) {
  Scheduler scheduler({.workers = 1, .initial_connections = 1, .max_connections = 1});
  const auto run_one = [&](std::optional<Scheduler::Times> times, Time now = Time{20s}) {
    const auto work = scheduler.next(now);
    scheduler.finished(work->place, Contact::answered, times, now);
    return work->message;
  };
  for (std::uint64_t i = 1; i <= 3; ++i) scheduler.add(i, "t", "example.test", at_once, Time{0});
  for (int i = 0; i < 3; ++i)
    run_one(Scheduler::Times{Time{20s}, never}, Time{0});  // three retries
  for (std::uint64_t i = 11; i <= 15; ++i)
    scheduler.add(i, "t", "example.test", at_once, Time{20s});
  std::vector<std::uint64_t> order;
  for (int i = 0; i < 8; ++i) order.push_back(run_one(std::nullopt));
  EXPECT_EQ(order, (std::vector<std::uint64_t>{11, 12, 1, 13, 14, 2, 15, 3}));
  EXPECT_EQ(scheduler.size(), 0u);
}

TEST(Scheduler, tenants_share_one_destination_in_turn) {
  Scheduler scheduler({.initial_connections = 1, .max_connections = 1});
  for (std::uint64_t i = 1; i <= 100; ++i) scheduler.add(i, "bulk", "x.test", at_once, Time{0});
  for (std::uint64_t i = 101; i <= 103; ++i) scheduler.add(i, "small", "x.test", at_once, Time{0});
  std::vector<std::uint64_t> order;
  for (int i = 0; i < 6; ++i) {
    const auto work = scheduler.next(Time{0});
    ASSERT_TRUE(work);
    EXPECT_FALSE(scheduler.next(Time{0})) << "one connection";
    order.push_back(work->message);
    scheduler.finished(work->place, Contact::delivered, std::nullopt, Time{0});
  }
  EXPECT_EQ(order, (std::vector<std::uint64_t>{1, 101, 2, 102, 3, 103}));
}

TEST(Scheduler, one_message_probes_a_destination_and_its_success_wakes_it) {
  Scheduler scheduler({.initial_connections = 3});
  for (std::uint64_t i = 1; i <= 9; ++i) scheduler.add(i, "t", "x.test", at_once, Time{0});
  scheduler.put_to_sleep("x.test", Time{60s}, Time{0});
  EXPECT_FALSE(scheduler.next(Time{59s}));
  EXPECT_EQ(scheduler.wake_at(), Time{60s});
  const auto probe = scheduler.next(Time{60s});
  ASSERT_TRUE(probe);
  EXPECT_FALSE(scheduler.next(Time{61s})) << "the probe is alone";
  scheduler.finished(probe->place, Contact::delivered, std::nullopt, Time{61s});
  EXPECT_FALSE(scheduler.sleeps_until("x.test"));
  EXPECT_EQ(start_all(scheduler, Time{61s}).size(), 3u);
}

TEST(Scheduler, sleeps_double_up_to_half_an_hour) {
  Scheduler scheduler({.initial_connections = 1});
  const auto place = scheduler.add(1, "t", "x.test", at_once, Time{0});
  Time now{0};
  std::vector<std::int64_t> slept;
  for (int i = 0; i < 12; ++i) {
    ASSERT_TRUE(scheduler.next(now));
    scheduler.finished(place, Contact::connection_failed, at_once, now);
    if (const auto until = scheduler.sleeps_until("x.test")) {
      slept.push_back((*until - now) / 1s);
      now = *until;
    }
  }
  EXPECT_EQ(slept, (std::vector<std::int64_t>{60, 120, 240, 480, 960, 1800, 1800, 1800}));
}

TEST(Scheduler, attempts_that_fail_after_it_fell_asleep_do_not_make_sleep_longer) {
  Scheduler scheduler({.initial_connections = 20});
  for (std::uint64_t i = 1; i <= 20; ++i) scheduler.add(i, "t", "x.test", at_once, Time{0});
  std::vector<Scheduler::Place> running;
  while (const auto work = scheduler.next(Time{0})) running.push_back(work->place);
  ASSERT_EQ(running.size(), 20u);
  for (std::size_t i = 0; i < running.size(); ++i) {
    const Time now = std::chrono::seconds(i);
    scheduler.finished(running[i], Contact::connection_failed, at_once, now);
  }
  EXPECT_EQ(scheduler.sleeps_until("x.test"), Time{4s + 60s});
}

TEST(Scheduler, operators_retry_ignores_sleep_and_connections) {
  Scheduler scheduler({.initial_connections = 1});
  const auto held = scheduler.add(1, "t", "x.test", {never, never}, Time{0});
  scheduler.put_to_sleep("x.test", Time{1h}, Time{0});
  EXPECT_TRUE(scheduler.retry(held));
  const auto work = scheduler.next(Time{1s});
  ASSERT_TRUE(work);
  EXPECT_EQ(work->what, What::extra_attempt);
  EXPECT_FALSE(scheduler.retry(held)) << "it is being attempted";
  scheduler.finished(held, Contact::connection_failed, at_once, Time{2s});
  EXPECT_EQ(scheduler.sleeps_until("x.test"), Time{1h}) << "its failure is no probe's";
  EXPECT_FALSE(scheduler.next(Time{3s}));
}

TEST(Scheduler, deadlines_come_whatever_the_destination_does) {
  Scheduler scheduler;
  const auto place = scheduler.add(1, "t", "x.test", {Time{0}, Time{100s}}, Time{0});
  scheduler.put_to_sleep("x.test", Time{1h}, Time{0});
  EXPECT_FALSE(scheduler.next(Time{99s}));
  EXPECT_EQ(scheduler.wake_at(), Time{100s});
  const auto work = scheduler.next(Time{100s});
  ASSERT_TRUE(work);
  EXPECT_EQ(work->what, What::deadline);
  scheduler.remove(place, Time{100s});
  EXPECT_EQ(scheduler.size(), 0u);
  EXPECT_FALSE(scheduler.next(Time{2h}));
  EXPECT_EQ(scheduler.destinations(), 0u) << "forgotten when its sleep is over";
}

TEST(Scheduler, forgets_destinations_with_their_last_message) {
  Scheduler scheduler;
  for (std::uint64_t i = 1; i <= 1000; ++i)
    scheduler.add(i, "t", "d" + std::to_string(i) + ".test", at_once, Time{0});
  EXPECT_EQ(scheduler.destinations(), 1000u);
  while (const auto work = scheduler.next(Time{0}))
    scheduler.finished(work->place, Contact::delivered, std::nullopt, Time{0});
  EXPECT_EQ(scheduler.size(), 0u);
  EXPECT_EQ(scheduler.destinations(), 0u);
}

TEST(Scheduler, spreads_what_is_overdue_at_start) {
  StartupSpread spread(Time{1000s});
  EXPECT_EQ(spread.place(Time{0}), Time{1000s});
  EXPECT_EQ(spread.place(Time{0}), Time{1000s + 10ms});
  EXPECT_EQ(spread.place(Time{2000s}), Time{2000s}) << "not overdue";
  for (int i = 0; i < 100000; ++i) EXPECT_LT(spread.place(Time{0}), Time{1300s});
}

/// Random life of a queue against what must hold whatever happens.
class Storm {
 public:
  explicit Storm(unsigned seed) : random_(seed) {}

  void run(int steps) {
    for (int i = 0; i < steps; ++i) {
      step();
      start();
      ASSERT_LE(running_.size(), limits_.workers);
      ASSERT_EQ(scheduler_.running(), running_.size());
      ASSERT_EQ(scheduler_.size(), known_.size());
    }
    drain();
  }

 private:
  unsigned roll(unsigned sides) { return static_cast<unsigned>(random_() % sides); }
  Time soon() { return now_ + std::chrono::seconds(roll(50)); }
  std::string to() { return "d" + std::to_string(roll(7)) + ".test"; }
  std::uint64_t any() { return std::next(known_.begin(), roll(known_.size()))->first; }

  void step() {
    now_ += std::chrono::milliseconds(roll(3000));
    if (const unsigned what = roll(10); what < 4 || known_.empty()) {
      const auto number = ++last_;
      known_[number] = scheduler_.add(number, "t" + std::to_string(roll(4)), to(),
                                      {soon(), roll(4) == 0 ? soon() : never}, now_);
    } else if (what < 7 && !running_.empty()) {
      finish(*std::next(running_.begin(), roll(running_.size())), roll(3) == 0);
    } else if (const auto number = any(); what == 7 && !running_.contains(number)) {
      scheduler_.remove(known_[number], now_);
      known_.erase(number);
    } else if (what == 8) {
      scheduler_.put_to_sleep(to(), soon(), now_);
    } else if (roll(3) == 0) {
      EXPECT_EQ(scheduler_.retry(known_[number]), !running_.contains(number));
    } else {
      scheduler_.reschedule(known_[number], {soon(), never}, now_);
    }
  }
  void finish(std::uint64_t number, bool stays) {
    const auto contact = static_cast<Contact>(roll(4));
    const auto place = known_[number];
    running_.erase(number);
    if (!stays) known_.erase(number);
    scheduler_.finished(place, contact,
                        stays ? std::optional<Scheduler::Times>({{soon(), never}}) : std::nullopt,
                        now_);
  }
  void start() {
    while (const auto work = scheduler_.next(now_)) {
      ASSERT_EQ(known_.at(work->message), work->place);
      if (work->what == What::deadline) continue;
      ASSERT_TRUE(running_.insert(work->message).second) << "never twice at once";
    }
    ASSERT_GT(scheduler_.wake_at(), now_);
  }
  /// Nothing is forgotten: in the end every message has its attempt.
  void drain() {
    for (int i = 0; i < 100000 && !known_.empty(); ++i) {
      while (!running_.empty()) finish(*running_.begin(), false);
      start();
      if (running_.empty() && scheduler_.wake_at() != never) {
        now_ = scheduler_.wake_at();
        start();
      }
    }
    EXPECT_TRUE(known_.empty());
    EXPECT_EQ(scheduler_.size(), 0u);
  }

  std::mt19937 random_;
  SchedulerLimits limits_{.workers = 5, .initial_connections = 2, .max_connections = 3};
  Scheduler scheduler_{limits_};
  Time now_{0};
  std::uint64_t last_ = 0;
  std::map<std::uint64_t, Scheduler::Place> known_;
  std::set<std::uint64_t> running_;
};

TEST(Scheduler, keeps_its_word_in_a_storm) {
  for (unsigned seed = 1; seed <= 200; ++seed) {
    SCOPED_TRACE(seed);
    Storm(seed).run(500);
    if (testing::Test::HasFailure()) return;
  }
}

}  // namespace
}  // namespace postern::relay
