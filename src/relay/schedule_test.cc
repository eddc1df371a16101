#include "relay/schedule.h"

#include <gtest/gtest.h>

namespace postern::relay {
namespace {

using namespace std::chrono_literals;
using DeadlineWhat = Deadline::What;

TEST(RetryDelay, doubles_to_its_maximum_and_keeps_there) {
  const RetryPolicy policy;
  EXPECT_EQ(retry_delay(policy, 1, 0), 300s);
  EXPECT_EQ(retry_delay(policy, 2, 0), 600s);
  EXPECT_EQ(retry_delay(policy, 6, 0), 9600s);
  EXPECT_EQ(retry_delay(policy, 7, 0), 14400s);
  EXPECT_EQ(retry_delay(policy, UINT32_MAX, 0), 14400s);
  EXPECT_EQ(retry_delay(policy, 7, 1), 15840s);
  EXPECT_EQ(retry_delay(policy, 7, -7), 12960s) << "a draw beyond its range is brought back";
}

TEST(Retry, delay_notice_waits_for_the_first_attempt) {
  Retry retry(RetryPolicy{}, Time{0});
  EXPECT_EQ(retry.deadline().what, DeadlineWhat::expiry);
  retry.begin(Time{20000s});
  EXPECT_EQ(retry.deadline().what, DeadlineWhat::delay_notice);
  EXPECT_EQ(retry.deadline().at, Time{14400s});
  retry.noticed();
  EXPECT_EQ(retry.deadline().what, DeadlineWhat::expiry);
}

TEST(Retry, attempt_cut_off_by_a_crash_counts_from_its_start) {
  const RetryPolicy policy;
  Retry retry(policy, Time{0});
  retry.begin(Time{10s});
  retry.resume(policy, Time{5000s}, 0);
  EXPECT_EQ(retry.failed(), 1u);
  EXPECT_EQ(retry.due(), Time{310s});
  retry.begin(Time{5000s}, AttemptKind::extra);
  retry.resume(policy, Time{6000s}, 0);
  EXPECT_EQ(retry.failed(), 1u) << "the operator's own is not counted";
  EXPECT_EQ(retry.due(), Time{5300s});
}

TEST(Retry, last_attempt_missed_by_a_stopped_process_puts_expiry_off_for_half_an_hour) {
  const RetryPolicy policy{.ttl = 7200s};
  Retry retry(policy, Time{0});
  retry.begin(Time{0});
  retry.failed(policy, Time{0}, 0);
  retry.resume(policy, Time{9000s}, 0);
  EXPECT_LT(retry.due(), Time{9000s});
  EXPECT_EQ(retry.deadline().what, DeadlineWhat::expiry);
  EXPECT_EQ(retry.deadline().at, Time{9000s + 30min});
  retry.begin(Time{9010s});
  retry.failed(policy, Time{9020s}, 0);
  EXPECT_EQ(retry.due(), never);
  EXPECT_EQ(retry.deadline().what, DeadlineWhat::expiry);
  EXPECT_EQ(retry.deadline().at, Time{7200s});
}

TEST(Retry, last_attempt_made_before_the_stop_is_not_made_again) {
  const RetryPolicy policy{.ttl = 3600s};
  Retry retry(policy, Time{0});
  retry.begin(Time{3540s});
  retry.failed(policy, Time{3541s}, 0);
  retry.resume(policy, Time{9000s}, 0);
  EXPECT_EQ(retry.due(), never);
  EXPECT_EQ(retry.deadline().at, Time{3600s});
}

TEST(Retry, held_message_has_no_time) {
  const RetryPolicy policy;
  Retry retry(policy, Time{0});
  retry.begin(Time{0});
  retry.failed(policy, Time{1s}, 0);
  retry.hold(Time{100s});
  retry.hold(Time{200s});
  EXPECT_EQ(retry.due(), never);
  EXPECT_EQ(retry.deadline().at, never);
  retry.release(Time{1100s});
  EXPECT_EQ(retry.due(), Time{301s});
  EXPECT_EQ(retry.deadline().at, Time{14400s + 1000s});
  retry.noticed();
  EXPECT_EQ(retry.deadline().at, Time{432000s + 1000s});
  retry.release(Time{9999s});
  EXPECT_EQ(retry.deadline().at, Time{432000s + 1000s}) << "released once";
}

TEST(QueueClock, follows_small_steps_of_the_wall_clock_in_silence) {
  QueueClock clock(Time{1000000s}, Time{50s});
  EXPECT_EQ(clock.now(Time{60s}), Time{1000010s});
  EXPECT_FALSE(clock.look(Time{1000040s}, Time{60s}));  // 30 s ahead
  EXPECT_EQ(clock.wall(clock.now(Time{60s})), Time{1000040s});
  EXPECT_EQ(clock.look(Time{990040s}, Time{60s}), -10000s);
  EXPECT_EQ(clock.now(Time{60s}), Time{1000010s});
}

}  // namespace
}  // namespace postern::relay
