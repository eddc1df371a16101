#include "relay/scheduler.h"

#include <algorithm>
#include <array>
#include <map>
#include <random>
#include <set>

#include <gtest/gtest.h>

namespace postern::relay {
namespace {

using namespace std::chrono_literals;
using WorkWhat = Scheduler::Work::What;

constexpr Scheduler::Times at_once{Time{0}, never};

/// The numbers of the messages that start now, until none starts.
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

TEST(Scheduler, a_tenant_is_forgotten_with_its_last_message) {
  Scheduler scheduler;
  for (std::uint64_t i = 0; i < 300; ++i) {
    const std::string name = "user" + std::to_string(i);
    const auto kind = static_cast<MailKind>(i % mail_kinds);
    scheduler.add(3 * i, name, "a.test", at_once, Time{0}, kind);
    scheduler.add(3 * i + 1, name, "b.test", at_once, Time{0}, kind);
    const auto held = scheduler.add(3 * i + 2, name, "c.test", {}, Time{0}, kind);
    EXPECT_EQ(scheduler.tenants(), 1u);
    while (const auto work = scheduler.next(Time{0})) {
      scheduler.finished(work->place, Contact::delivered, std::nullopt, Time{0});
    }
    EXPECT_EQ(scheduler.tenants(), 1u) << "one message is left";
    scheduler.remove(held, Time{0});
    EXPECT_EQ(scheduler.tenants(), 0u);
    EXPECT_EQ(scheduler.destinations(), 0u);
  }
  EXPECT_EQ(scheduler.running(), 0u);
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

TEST(Scheduler, connections_of_others_count_as_those_of_the_destination) {
  Scheduler scheduler({.initial_connections = 20});
  const DestinationLimits two{.max_connections = 2};
  EXPECT_EQ(scheduler.free_connections("example.test", two), 2u);
  scheduler.guest_came("example.test", two, Time{0});
  EXPECT_EQ(scheduler.free_connections("example.test", two), 1u);
  for (std::uint64_t i = 1; i <= 3; ++i) scheduler.add(i, "t", "example.test", at_once, Time{0});
  scheduler.limit("example.test", two, Time{0});
  const auto first = scheduler.next(Time{0});
  ASSERT_TRUE(first);
  EXPECT_FALSE(scheduler.next(Time{0}));
  EXPECT_EQ(scheduler.free_connections("example.test", two), 0u);
  // The guest's place is the mail's when it leaves.
  scheduler.guest_left("example.test", Time{1s});
  const auto second = scheduler.next(Time{1s});
  ASSERT_TRUE(second);
  EXPECT_FALSE(scheduler.next(Time{1s}));
  // And the mail's is the guest's.
  scheduler.finished(first->place, Contact::delivered, std::nullopt, Time{2s});
  EXPECT_EQ(scheduler.free_connections("example.test", two), 1u);
  scheduler.guest_came("example.test", two, Time{2s});
  EXPECT_FALSE(scheduler.next(Time{2s}));
  scheduler.finished(second->place, Contact::delivered, std::nullopt, Time{3s});
  EXPECT_EQ(start_all(scheduler, Time{3s}), (std::vector<std::uint64_t>{3}));
  scheduler.guest_left("example.test", Time{4s});
}

TEST(Scheduler, a_destination_with_guests_alone_is_forgotten_with_the_last) {
  Scheduler scheduler;
  scheduler.guest_came("example.test", {}, Time{0});
  scheduler.guest_came("example.test", {}, Time{0});
  scheduler.guest_left("example.test", Time{0});
  EXPECT_EQ(scheduler.destinations(), 1u);
  scheduler.guest_left("example.test", Time{0});
  EXPECT_EQ(scheduler.destinations(), 0u);
  EXPECT_EQ(scheduler.free_connections("example.test", {}), 20u);
}

TEST(Scheduler, operators_retry_ignores_sleep_and_connections) {
  Scheduler scheduler({.initial_connections = 1});
  const auto held = scheduler.add(1, "t", "x.test", {never, never}, Time{0});
  scheduler.put_to_sleep("x.test", Time{1h}, Time{0});
  EXPECT_TRUE(scheduler.retry(held));
  const auto work = scheduler.next(Time{1s});
  ASSERT_TRUE(work);
  EXPECT_EQ(work->what, WorkWhat::extra_attempt);
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
  EXPECT_EQ(work->what, WorkWhat::deadline);
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

/// One message for each of many destinations that accept connections and do not reply.
void add_tarpits(Scheduler& scheduler, const std::string& tenant, std::uint64_t first, int count,
                 Time now, MailKind kind = MailKind::relay) {
  for (int i = 0; i < count; ++i)
    scheduler.add(first + static_cast<std::uint64_t>(i), tenant,
                  tenant + std::to_string(i) + ".tarpit.test", at_once, now, kind);
}

TEST(SchedulerShares, slots_fit_what_the_machine_has) {
  const SchedulerLimits wanted{
      .workers = 1000, .report_workers = 200, .webhook_workers = 500, .folder_workers = 50};
  EXPECT_EQ(fitted(wanted, 1750).workers, 1000u);
  EXPECT_EQ(fitted(wanted, 350).workers, 200u);
  EXPECT_EQ(fitted(wanted, 350).report_workers, 40u);
  EXPECT_EQ(fitted(wanted, 350).folder_workers, 10u);
  EXPECT_EQ(fitted(wanted, 3).folder_workers, 1u) << "no kind has none";
}

TEST(SchedulerShares, a_tenant_of_tarpits_leaves_slots_for_others) {
  Scheduler scheduler({.workers = 100});
  add_tarpits(scheduler, "bad", 1, 1000, Time{0});
  EXPECT_EQ(start_all(scheduler, Time{0}).size(), 51u) << "half, for one alone";
  scheduler.add(5000, "good", "healthy.test", at_once, Time{1s});
  EXPECT_EQ(start_all(scheduler, Time{1s}), std::vector<std::uint64_t>{5000});
}

TEST(SchedulerShares, many_tenants_of_tarpits_get_equal_parts_and_never_all) {
  Scheduler scheduler({.workers = 100});
  for (std::uint64_t tenant = 0; tenant < 19; ++tenant)
    add_tarpits(scheduler, "bad" + std::to_string(tenant), tenant * 1000, 500, Time{0});
  std::map<std::uint64_t, int> of_tenant;
  for (const std::uint64_t each : start_all(scheduler, Time{0})) ++of_tenant[each / 1000];
  EXPECT_EQ(of_tenant.size(), 19u);
  for (const auto& [tenant, count] : of_tenant) EXPECT_NEAR(count, 5, 1) << tenant;
  ASSERT_LT(scheduler.running(), 100u);
  scheduler.add(50000, "good", "healthy.test", at_once, Time{1s});
  EXPECT_EQ(start_all(scheduler, Time{1s}), std::vector<std::uint64_t>{50000});
}

TEST(SchedulerShares, each_kind_of_mail_has_slots_of_its_own) {
  Scheduler scheduler({.workers = 10, .report_workers = 1, .webhook_workers = 4});
  for (std::uint64_t tenant = 0; tenant < 50; ++tenant)
    add_tarpits(scheduler, "w" + std::to_string(tenant), tenant * 10, 10, Time{0},
                MailKind::webhook);
  EXPECT_EQ(start_all(scheduler, Time{0}).size(), 4u);
  EXPECT_EQ(scheduler.running(MailKind::webhook), 4u);
  scheduler.add(9001, "w1", "healthy.test", at_once, Time{0});
  scheduler.add(9002, "w1", "healthy.test", at_once, Time{0}, MailKind::report);
  scheduler.add(9003, "w1", "box", at_once, Time{0}, MailKind::folder);
  EXPECT_EQ(start_all(scheduler, Time{0}), (std::vector<std::uint64_t>{9001, 9002, 9003}));
}

TEST(SchedulerShares, what_nothing_is_known_of_cannot_take_the_slots_of_swift_destinations) {
  Scheduler scheduler({.workers = 100, .initial_connections = 1});
  scheduler.add(1, "t", "swift.test", at_once, Time{0});
  const auto first = scheduler.next(Time{0});
  scheduler.finished(first->place, Contact::delivered, std::nullopt, Time{1s});
  EXPECT_EQ(scheduler.destinations(), 0u);
  add_tarpits(scheduler, "t", 1000, 1000, Time{2s});
  EXPECT_EQ(start_all(scheduler, Time{2s}).size(), 51u);
  scheduler.add(2, "t", "swift.test", at_once, Time{3s});
  EXPECT_EQ(start_all(scheduler, Time{3s}), std::vector<std::uint64_t>{2})
      << "how fast it was is remembered between its messages";
}

TEST(SchedulerShares, slow_destinations_hold_less_and_are_not_starved) {
  Scheduler scheduler({.workers = 90, .initial_connections = 1});
  add_tarpits(scheduler, "t", 0, 200, Time{0});
  Time now{0};
  // Each of them once, so that all are known as slow.
  std::set<std::uint64_t> seen;
  while (seen.size() < 200) {
    std::vector<Scheduler::Work> running;
    while (const auto work = scheduler.next(now)) running.push_back(*work);
    ASSERT_FALSE(running.empty());
    now += 300s;
    for (const auto& work : running) {
      seen.insert(work.message);
      scheduler.finished(work.place, Contact::answered, Scheduler::Times{Time{10h}, never}, now);
    }
  }
  EXPECT_EQ(start_all(scheduler, Time{10h}).size(), 31u) << "a third";
  for (std::uint64_t i = 0; i < 60; ++i)
    scheduler.add(1000 + i, "t", "new" + std::to_string(i) + ".test", at_once, Time{10h});
  EXPECT_EQ(start_all(scheduler, Time{10h}).size(), 15u) << "up to a half";
  scheduler.add(2000, "other", "t1.tarpit.test", at_once, Time{10h});
  scheduler.add(2001, "other", "t199.tarpit.test", at_once, Time{10h});
  EXPECT_EQ(start_all(scheduler, Time{10h}).size(), 1u) << "slow, but its tenant has slots";
}

/// Runs each of these once for `took`, so that its pace is known; they are due at `due`.
void learn_pace(Scheduler& scheduler, const std::string& tenant, std::uint64_t first, int count,
                Time took, Time due) {
  add_tarpits(scheduler, tenant, first, count, Time{0});
  std::vector<Scheduler::Place> running;
  while (const auto work = scheduler.next(Time{0})) running.push_back(work->place);
  ASSERT_EQ(running.size(), static_cast<std::size_t>(count));
  for (const auto place : running)
    scheduler.finished(place, Contact::answered, Scheduler::Times{due, never}, took);
}

// A former defect: the tenant with the fewest attempts was first for each pace, and when it could
// not take a slot, the tenants after it were not considered.
TEST(SchedulerShares, a_tenant_that_may_not_take_a_slot_hides_none_that_may) {
  Scheduler scheduler({.workers = 1000, .initial_connections = 1});
  learn_pace(scheduler, "a", 0, 300, Time{20s}, Time{1h});
  learn_pace(scheduler, "b", 10000, 310, Time{50ms}, Time{2h});
  learn_pace(scheduler, "c", 20000, 2, Time{20s}, never);
  EXPECT_EQ(start_all(scheduler, Time{1h}).size(), 300u);
  EXPECT_EQ(start_all(scheduler, Time{2h}).size(), 310u);
  scheduler.add(1, "a", "c0.tarpit.test", at_once, Time{2h});
  EXPECT_TRUE(start_all(scheduler, Time{2h}).empty()) << "600 of 390";
  scheduler.add(2, "b", "c1.tarpit.test", at_once, Time{2h});
  EXPECT_EQ(start_all(scheduler, Time{2h}), std::vector<std::uint64_t>{2});
}

// The same for every mix of paces: while a tenant may start an attempt, one starts.
TEST(SchedulerShares, no_slot_stays_free_that_a_waiting_tenant_may_take) {
  constexpr std::array<std::pair<std::uint64_t, std::uint64_t>, 3> of_free_and_held{
      {{3, 1}, {1, 1}, {1, 2}}};
  std::minstd_rand random(7);
  const auto pick = [&](std::uint32_t below) {
    return static_cast<std::uint32_t>(random() % below);
  };
  for (int round = 0; round < 200; ++round) {
    const std::uint32_t slots = 20 + pick(80);
    Scheduler scheduler({.workers = slots, .initial_connections = 1});
    // For each tenant: swift, unknown and slow destinations, each with one message.
    std::map<std::uint64_t, std::pair<std::uint32_t, std::size_t>> all;
    std::map<std::pair<std::uint32_t, std::size_t>, std::uint64_t> running, waiting;
    for (int i = 0; i < 12; ++i) {
      const std::pair<std::uint32_t, std::size_t> of{pick(4), pick(3)};
      const Scheduler::Times later{Time{std::chrono::hours(1 + pick(3))}, never};
      for (std::uint32_t left = pick(slots); left > 0; --left) {
        const std::uint64_t number = all.size();
        all[number] = of;
        ++waiting[of];
        const bool known = of.second != 1;
        scheduler.add(number, std::to_string(of.first), "d" + std::to_string(number) + ".test",
                      known ? at_once : later, Time{0});
        if (!known) continue;
        const auto work = scheduler.next(Time{0});
        ASSERT_TRUE(work);
        scheduler.finished(work->place, Contact::delivered, later,
                           of.second == 0 ? Time{1s} : Time{60s});
      }
    }
    for (const Time now : {Time{1h}, Time{2h}, Time{3h}}) {
      for (const std::uint64_t id : start_all(scheduler, now)) {
        ++running[all[id]];
        --waiting[all[id]];
      }
    }
    const std::uint64_t free = slots - scheduler.running();
    for (const auto& [of, count] : waiting) {
      if (count == 0) continue;
      std::uint64_t held = 0;
      for (std::size_t pace = of.second; pace < 3; ++pace) held += running[{of.first, pace}];
      const auto& [of_free, of_held] = of_free_and_held[of.second];
      EXPECT_TRUE(free == 0 || held * of_held > free * of_free)
          << "round " << round << ": tenant " << of.first << ", pace " << of.second;
    }
  }
}

TEST(SchedulerShares, an_attempt_that_takes_long_for_nothing_narrows_its_destination) {
  Scheduler scheduler({.workers = 100, .initial_connections = 8});
  for (std::uint64_t i = 1; i <= 30; ++i) scheduler.add(i, "t", "x.test", at_once, Time{0});
  std::vector<Scheduler::Place> running;
  while (const auto work = scheduler.next(Time{0})) running.push_back(work->place);
  ASSERT_EQ(running.size(), 8u);
  for (const auto place : running)  // it replied to MAIL, then it was slow
    scheduler.finished(place, Contact::answered, std::nullopt, Time{20s});
  EXPECT_EQ(start_all(scheduler, Time{20s}).size(), 1u);
  EXPECT_FALSE(scheduler.sleeps_until("x.test"));
}

TEST(SchedulerShares, a_tenant_without_slots_keeps_no_connection_of_a_shared_destination) {
  Scheduler scheduler({.workers = 40, .initial_connections = 2, .max_connections = 2});
  for (std::uint64_t i = 1; i <= 10; ++i) scheduler.add(i, "bad", "shared.test", at_once, Time{0});
  ASSERT_EQ(scheduler.next(Time{0})->message, 1u);
  const auto second = scheduler.next(Time{0});
  add_tarpits(scheduler, "bad", 1000, 100, Time{0});
  EXPECT_EQ(start_all(scheduler, Time{0}).size(), 19u);
  for (std::uint64_t i = 1; i <= 3; ++i)
    scheduler.add(100 + i, "good", "shared.test", at_once, Time{1s});
  EXPECT_TRUE(start_all(scheduler, Time{1s}).empty()) << "no connection is left";
  scheduler.finished(second->place, Contact::answered, std::nullopt, Time{5s});
  EXPECT_EQ(start_all(scheduler, Time{5s}), std::vector<std::uint64_t>{101});
}

TEST(SchedulerShares, says_when_a_tenant_has_used_up_half_of_its_part) {
  Scheduler scheduler({.workers = 100});
  add_tarpits(scheduler, "bad", 1, 1000, Time{0});
  std::vector<bool> crowded;
  while (const auto work = scheduler.next(Time{0})) crowded.push_back(work->crowded);
  ASSERT_EQ(crowded.size(), 51u);
  EXPECT_FALSE(crowded[20]);
  EXPECT_TRUE(crowded[40]);
  scheduler.add(5000, "good", "healthy.test", at_once, Time{1s});
  EXPECT_FALSE(scheduler.next(Time{1s})->crowded);
}

/// The measurement of the issue without a clock: one tenant's tarpits hold each attempt for five
/// minutes, while another tenant gets ten messages a second that take 50 ms. How long do they wait?
TEST(SchedulerShares, the_neighbour_of_tarpits_waits_for_nothing) {
  for (const bool own : {false, true}) {  // tarpits of another tenant, or of the same
    Scheduler scheduler({.workers = 100});
    const std::string tenant = own ? "bad" : "good";
    scheduler.add(1, tenant, "healthy.test", at_once, Time{0});
    const auto known = scheduler.next(Time{0});
    scheduler.finished(known->place, Contact::delivered, std::nullopt, Time{50});
    add_tarpits(scheduler, "bad", 1'000'000, 3000, Time{100});
    std::multimap<Time, Scheduler::Work> ends;
    std::map<std::uint64_t, Time> came;
    std::vector<Time> waits;
    for (Time now{100}; now < 30min; now += 10ms) {
      if (now % 100ms == 0ms) {
        const auto number = static_cast<std::uint64_t>(now.count());
        came[number] = now;
        scheduler.add(number, tenant, "healthy.test", at_once, now);
      }
      while (!ends.empty() && ends.begin()->first <= now) {
        const Scheduler::Work work = ends.begin()->second;
        ends.erase(ends.begin());
        const bool healthy = came.contains(work.message);
        scheduler.finished(
            work.place, healthy ? Contact::delivered : Contact::connection_failed,
            healthy ? std::nullopt : std::optional(Scheduler::Times{now + 300s, never}), now);
      }
      while (const auto work = scheduler.next(now)) {
        const bool healthy = came.contains(work->message);
        if (healthy) waits.push_back(now - came[work->message]);
        ends.emplace(now + (healthy ? 50ms : 300'000ms), *work);
      }
    }
    std::sort(waits.begin(), waits.end());
    ASSERT_GE(waits.size(), 17'900u);
    EXPECT_LE(waits[waits.size() * 99 / 100], 50ms) << (own ? "of its own" : "of a neighbour");
  }
}

/// A random history of a queue, checked against its invariants.
class Storm {
 public:
  explicit Storm(unsigned seed) : random_(seed) {}

  void run(int steps) {
    for (int i = 0; i < steps; ++i) {
      step();
      start();
      for (const MailKind kind : {MailKind::relay, MailKind::webhook})
        ASSERT_LE(scheduler_.running(kind), scheduler_.slots(kind));
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
                                      {soon(), roll(4) == 0 ? soon() : never}, now_,
                                      roll(3) == 0 ? MailKind::webhook : MailKind::relay);
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
      if (work->what == WorkWhat::deadline) continue;
      ASSERT_TRUE(running_.insert(work->message).second) << "never twice at once";
    }
    ASSERT_GT(scheduler_.wake_at(), now_);
  }
  /// No message is forgotten: in the end each has had its attempt.
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
  SchedulerLimits limits_{
      .workers = 5, .webhook_workers = 2, .initial_connections = 2, .max_connections = 3};
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
    if (::testing::Test::HasFailure()) return;
  }
}

}  // namespace
}  // namespace postern::relay
