#include "admin/follower.h"

#include <atomic>
#include <future>

#include <gtest/gtest.h>

#include "base/patience_test.h"

namespace postern::admin {
namespace {

using namespace std::chrono_literals;
using store::Change;

/// A log of changes, and what a follower does with it. Locked, as two threads use it.
class FollowerTest : public ::testing::Test {
 protected:
  void add(std::uint64_t count) {
    const std::lock_guard lock(mutex_);
    for (; count > 0; --count) log_.push_back({.number = log_.size() + 1, .edit = {}, .keys = {}});
  }
  template <class Value>
  void set(Value& value, Value to) {
    const std::lock_guard lock(mutex_);
    value = std::move(to);
  }
  template <class Value>
  Value get(const Value& value) {
    const std::lock_guard lock(mutex_);
    return value;
  }
  Follower::Hooks hooks() {
    return {.read = [this](std::uint64_t from, std::size_t limit) { return read(from, limit); },
            .apply = [this](const Change& change) -> Result<void> {
              const std::lock_guard lock(mutex_);
              if (change.number == refused_) return fail(Fault::unreachable, "refused");
              applied_.push_back(change.number);
              return {};
            },
            .applied = [this](std::uint64_t number) -> Result<void> {
              const std::lock_guard lock(mutex_);
              if (note_fails_) return fail(Fault::unreachable, "not noted");
              noted_.push_back(number);
              return {};
            },
            .lost =
                [this] {
                  const std::lock_guard lock(mutex_);
                  ++lost_;
                }};
  }
  std::unique_ptr<Follower> follow(std::uint64_t after) {
    return std::make_unique<Follower>(after, hooks(), 1ms);
  }
  static std::vector<std::uint64_t> span(std::uint64_t from, std::uint64_t to) {
    std::vector<std::uint64_t> all;
    for (; from <= to; ++from) all.push_back(from);
    return all;
  }

  std::mutex mutex_;
  std::vector<Change> log_;
  std::optional<Error> trouble_;
  std::uint64_t refused_ = 0;
  bool note_fails_ = false;
  std::vector<std::uint64_t> applied_, noted_;
  int reads_ = 0, lost_ = 0;

 private:
  Result<std::vector<Change>> read(std::uint64_t after, std::size_t limit) {
    const std::lock_guard lock(mutex_);
    ++reads_;
    if (trouble_) return tl::unexpected(*trouble_);
    std::vector<Change> found;
    for (const Change& one : log_) {
      if (one.number > after && found.size() < limit) found.push_back(one);
    }
    return found;
  }
};

TEST_F(FollowerTest, applies_each_change_once_and_in_order) {
  add(1203);
  const auto follower = follow(2);
  EXPECT_TRUE(tests::eventually([&] { return follower->applied() == 1203; }));
  EXPECT_EQ(get(applied_), span(3, 1203)) << "piece by piece";
  EXPECT_TRUE(
      tests::eventually([&] { return !get(noted_).empty() && get(noted_).back() == 1203; }));
  EXPECT_EQ(get(reads_) >= 3, true);
  add(1);
  EXPECT_TRUE(tests::eventually([&] { return follower->applied() == 1204; }));
  EXPECT_EQ(get(applied_).size(), 1202u);
  EXPECT_TRUE(tests::eventually([&] { return follower->behind() < 200ms; }));
}

TEST_F(FollowerTest, says_where_it_begins_and_then_what_is_new) {
  const auto follower = follow(0);
  EXPECT_TRUE(tests::eventually([&] { return get(reads_) > 5; }));
  EXPECT_EQ(get(noted_), std::vector<std::uint64_t>{0});
  set(note_fails_, true);
  add(1);
  EXPECT_TRUE(tests::eventually([&] { return follower->applied() == 1; }));
  EXPECT_EQ(get(noted_).size(), 1u);
  set(note_fails_, false);
  EXPECT_TRUE(tests::eventually([&] { return get(noted_).size() == 2; }))
      << "said again until it is heard";
  EXPECT_EQ(get(noted_).back(), 1u);
}

TEST_F(FollowerTest, waits_for_a_log_that_cannot_be_read) {
  set(trouble_, std::optional(Error{.fault = Fault::unreachable, .message = "away"}));
  add(2);
  const auto follower = follow(0);
  EXPECT_TRUE(tests::eventually([&] { return follower->behind() > 300ms; }));
  EXPECT_EQ(follower->applied(), 0u);
  set(trouble_, std::optional<Error>());
  EXPECT_TRUE(
      tests::eventually([&] { return follower->applied() == 2 && follower->behind() < 200ms; }));
  EXPECT_EQ(get(lost_), 0);
  follower->stop();
  add(1);
  EXPECT_EQ(follower->applied(), 2u);
}

TEST_F(FollowerTest, reads_when_it_is_rung_for) {
  std::mutex mutex;
  std::condition_variable bell;
  bool rung = false;
  int waits = 0;
  Follower::Hooks hooks = this->hooks();
  hooks.wait = [&](std::chrono::milliseconds longest) {
    std::unique_lock lock(mutex);
    ++waits;
    bell.notify_all();
    bell.wait_for(lock, longest, [&] { return rung; });
    rung = false;
  };
  Follower follower(0, std::move(hooks), 1min);
  {
    std::unique_lock lock(mutex);
    bell.wait(lock, [&] { return waits == 1; });
    add(1);
    rung = true;
    bell.notify_all();
  }
  EXPECT_TRUE(tests::eventually([&] { return follower.applied() == 1; }))
      << "long before its pause is over";
  const std::lock_guard lock(mutex);
  rung = true;  // for the end
  bell.notify_all();
}

// Neither of a reading that hangs nor of a slow one is more known than what was there at its start.
TEST_F(FollowerTest, a_reading_that_does_not_end_is_behind) {
  std::promise<void> ends;
  std::shared_future<void> end = ends.get_future().share();
  std::atomic<bool> hangs = false;
  Follower::Hooks hooks = this->hooks();
  hooks.read = [&, read = hooks.read](std::uint64_t after, std::size_t limit) {
    if (hangs) end.wait();
    return read(after, limit);
  };
  Follower follower(0, std::move(hooks), 1ms);
  add(1);
  EXPECT_TRUE(
      tests::eventually([&] { return follower.applied() == 1 && follower.behind() < 200ms; }));
  hangs = true;
  EXPECT_TRUE(tests::eventually([&] { return follower.behind() > 300ms; }));
  hangs = false;
  ends.set_value();
  EXPECT_TRUE(tests::eventually([&] { return follower.behind() < 200ms; }));
}

TEST_F(FollowerTest, a_change_that_cannot_be_applied_stops_those_behind_it) {
  set(refused_, std::uint64_t{2});
  add(3);
  const auto follower = follow(0);
  EXPECT_TRUE(tests::eventually([&] { return get(reads_) > 5; }));
  EXPECT_EQ(get(applied_), span(1, 1)) << "and the first one is not applied again";
  EXPECT_TRUE(tests::eventually([&] { return follower->behind() > 300ms; }));
  set(refused_, std::uint64_t{0});
  EXPECT_TRUE(tests::eventually([&] { return follower->applied() == 3; }));
  EXPECT_EQ(get(applied_), span(1, 3));
}

TEST_F(FollowerTest, a_log_that_does_not_go_on_is_said_once_and_followed_no_more) {
  add(1);
  const auto follower = follow(0);
  EXPECT_TRUE(tests::eventually([&] { return follower->applied() == 1; }));
  set(trouble_, std::optional(Error{.fault = Fault::not_found, .message = "gone"}));
  EXPECT_TRUE(tests::eventually([&] { return get(lost_) == 1; }));
  set(trouble_, std::optional<Error>());
  add(1);
  EXPECT_TRUE(tests::eventually([&] { return follower->behind() > 300ms; })) << "not ready";
  EXPECT_EQ(get(lost_), 1);
  EXPECT_EQ(follower->applied(), 1u);
}

}  // namespace
}  // namespace postern::admin
