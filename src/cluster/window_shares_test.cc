// The cases of tests/suites/cluster/limits.json, and what they do not say.
#include "cluster/window_shares.h"

#include <fstream>
#include <map>
#include <random>
#include <sstream>

#include <gtest/gtest.h>
#include <boost/json.hpp>

#include "base/patience_test.h"
#include "cluster/pgsql_server_test.h"
#include "cluster/shared_windows.h"

namespace postern::cluster {
namespace {

namespace json = boost::json;

using Limit = WindowShares::Limit;
using Time = WindowShares::Time;
using Verdict = WindowShares::Verdict;

/// Gateways on a clock of their own, over a real table. A statement takes its time of that clock.
class WindowSharesTest : public ::testing::Test {
 protected:
  WindowSharesTest()
      : database_(*Database::make(
            {.postgres = tests::PgsqlServer::one().database(), .allow_one_copy = true})),
        session_(*database_->connect()) {
    EXPECT_TRUE(migrate(*session_, limits_schema()));
    EXPECT_TRUE(session_->run({.sql = "SET synchronous_commit = off", .values = {}},
                              Clock::now() + tests::patience));
  }

  void gateways(std::size_t count) {
    shares_ = std::vector<WindowShares>(count);
    pending_.clear();
    statements_ = 0;
  }
  /// Has answers that are due by then arrive. How many events that waited are admitted.
  std::int64_t arrive(Time until) {
    std::int64_t admitted = 0;
    while (!pending_.empty() && pending_.begin()->first <= until) {
      const auto [number, draw] = pending_.begin()->second;
      pending_.erase(pending_.begin());
      const auto rows =
          session_->run(draw_statement(std::span(&draw, 1)), Clock::now() + tests::patience);
      EXPECT_TRUE(rows) << rows.error().message;
      const std::int64_t granted = rows && rows->size() > 0 ? rows->integer(0, 2) : 0;
      shares_[number].drawn(draw, granted);
      admitted += std::min(granted, draw.waiting);
    }
    return admitted;
  }
  /// Plays events, as gateways by time, and returns how many are admitted.
  std::int64_t play(const Limit& limit, const std::multimap<Time, std::size_t>& events) {
    std::int64_t admitted = 0;
    const auto nodes = static_cast<std::int64_t>(shares_.size());
    for (const auto& [at, number] : events) {
      admitted += arrive(at);
      admitted += shares_[number].take(limit, at, nodes, false) == Verdict::yes ? 1 : 0;
      for (const WindowShares::Draw& draw : shares_[number].due(100)) {
        ++statements_;
        pending_.emplace(at + 1 + static_cast<Time>(random_() % 20), std::pair(number, draw));
      }
    }
    return admitted + arrive(std::numeric_limits<Time>::max());
  }

  std::unique_ptr<Database> database_;
  std::unique_ptr<net::PgsqlSession> session_;
  std::vector<WindowShares> shares_;
  std::multimap<Time, std::pair<std::size_t, WindowShares::Draw>> pending_;
  std::int64_t statements_ = 0;
  std::minstd_rand random_{7305};
};

TEST_F(WindowSharesTest, admits_what_the_suite_allows) {
  std::ostringstream text;
  text << std::ifstream(POSTERN_SOURCE_DIR "/tests/suites/cluster/limits.json").rdbuf();
  const json::value suite = json::parse(text.str());
  int cases = 0;
  for (const json::value& one : suite.at("cases").as_array()) {
    const json::value& input = one.at("input");
    const std::string id = json::value_to<std::string>(one.at("id"));
    const Limit limit{.kind = json::value_to<std::string>(input.at("kind")),
                      .key = id,
                      .most = one.at("input").at("limit").to_number<std::uint64_t>(),
                      .window = input.at("window_ms").to_number<std::int64_t>()};
    const Time begins = WindowShares::end_of(limit, 1'800'000'000'000);
    const auto spread = input.at("spread_ms").to_number<std::int64_t>();
    std::multimap<Time, std::size_t> events;
    const json::array& demand = input.at("demand").as_array();
    for (std::size_t number = 0; number < demand.size(); ++number) {
      const auto count = demand[number].to_number<std::int64_t>();
      for (std::int64_t i = 0; i < count; ++i) {
        events.emplace(begins + static_cast<Time>(random_() % static_cast<std::uint64_t>(spread)),
                       number);
      }
    }
    gateways(demand.size());
    const std::int64_t admitted = play(limit, events);
    const json::object& expected = one.at("expected").as_object();
    EXPECT_LE(admitted, expected.at("admitted_most").to_number<std::int64_t>()) << id;
    if (const json::value* least = expected.if_contains("admitted_least")) {
      EXPECT_GE(admitted, least->to_number<std::int64_t>()) << id;
    }
    EXPECT_LE(statements_, input.at("writes_at_most").to_number<std::int64_t>()) << id;
    ++cases;
  }
  EXPECT_GE(cases, 30);
}

TEST_F(WindowSharesTest, a_new_window_has_all_of_it_again) {
  gateways(2);
  for (const std::uint64_t most : {10u, 200u}) {
    const Limit limit{.kind = "calls", .key = std::to_string(most), .most = most, .window = 1000};
    const Time begins = WindowShares::end_of(limit, 1'800'000'000'000);
    std::multimap<Time, std::size_t> first, second;
    for (Time at = 0; at < 1000; at += 2) {
      first.emplace(begins + at, at / 2 % 2);
      second.emplace(begins + 1000 + at, at / 2 % 2);
    }
    const auto bound = static_cast<std::int64_t>(most) / 50 * 2;
    for (const auto& events : {first, second}) {
      const std::int64_t admitted = play(limit, events);
      EXPECT_LE(admitted, static_cast<std::int64_t>(most) + bound);
      EXPECT_GE(admitted, static_cast<std::int64_t>(most) * 8 / 10);
    }
  }
}

TEST_F(WindowSharesTest, without_the_database_each_has_its_share) {
  for (const std::uint64_t most : {10u, 100u}) {
    WindowShares shares;
    const Limit limit{.kind = "calls", .key = "a", .most = most, .window = 60'000};
    int admitted = 0;
    for (int i = 0; i < 200; ++i) {
      admitted += shares.take(limit, 1'800'000'000'000, 3, true) == Verdict::yes ? 1 : 0;
    }
    EXPECT_EQ(admitted, most == 10 ? 4 : 34);
    EXPECT_TRUE(shares.wants()) << "it asks whether the database is back";
  }
}

TEST_F(WindowSharesTest, memory_is_bounded_and_busy_keys_stay) {
  WindowShares shares(100);
  const auto of = [](int number) {
    return Limit{.kind = "calls", .key = std::to_string(number), .most = 1000, .window = 60'000};
  };
  const Time now = WindowShares::end_of(of(0), 1'800'000'000'000);
  for (int i = 0; i < 32; ++i) shares.take(of(0), now, 3, false);
  for (int i = 1; i < 1000; ++i) shares.take(of(i), now, 3, false);
  EXPECT_LE(shares.size(), 100u);
  EXPECT_FALSE(shares.wants()) << "keys that were seen once ask for nothing";
  shares.take(of(0), now, 3, false);
  EXPECT_TRUE(shares.wants()) << "it has not forgotten that its credit is used";
}

}  // namespace
}  // namespace postern::cluster
