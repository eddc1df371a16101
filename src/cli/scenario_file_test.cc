// Plays tests/suites/relay/schedule.json through the file of `postern queue simulate`.
#include "cli/scenario_file.h"

#include <algorithm>
#include <chrono>
#include <tuple>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <boost/json.hpp>

#include "base/temporary_folder_test.h"

namespace postern::app {
namespace {

namespace json = boost::json;
using relay::Scenario;
using relay::Simulated;
using ::testing::HasSubstr;

constexpr double tolerance = 1;

double number(const json::value& value) { return value.to_number<double>(); }
double in_seconds(relay::Time time) { return static_cast<double>(time.count()) / 1000; }

/// The scenario of a test case: its members, except those that only the suite needs.
Scenario scenario_of(const json::object& test) {
  json::object file = test;
  for (const auto* key : {"id", "title", "rules", "kind", "note"}) file.erase(key);
  if (const json::value* until = file.at("expect").as_object().if_contains("until")) {
    file["until"] = *until;
  }
  file.erase("expect");
  json::object& config = file.at("config").as_object();
  if (const json::value* each = config.if_contains("concurrency")) {
    config["per_destination"] = *each;
    config.erase("concurrency");
  }
  const auto scenario = read_scenario(json::serialize(file), {});
  EXPECT_TRUE(scenario) << (scenario ? "" : scenario.error().message);
  return scenario ? *scenario : Scenario{};
}

void expect_times(const std::vector<double>& seen, const json::array& wanted,
                  const std::string& what) {
  ASSERT_EQ(seen.size(), wanted.size()) << what;
  for (std::size_t i = 0; i < seen.size(); ++i)
    EXPECT_NEAR(seen[i], number(wanted[i]), tolerance) << what << " " << i + 1;
}

void judge_message(const Simulated& seen, const json::object& expect) {
  std::vector<double> starts;
  for (const auto& each : seen.attempts) starts.push_back(in_seconds(each.at));
  expect_times(starts, expect.at("attempts").as_array(), "attempt");
  std::vector<double> notices;
  for (const auto& each : seen.notices) notices.push_back(in_seconds(each.at));
  expect_times(notices, expect.at("delay_notices").as_array(), "notice");
  const json::object& end = expect.at("end").as_object();
  ASSERT_EQ(seen.ends.size(), 1u);
  EXPECT_NEAR(in_seconds(seen.ends.front().at), number(end.at("t")), tolerance);
  static const std::map<std::string, Simulated::End, std::less<>> words{
      {"delivered", Simulated::End::delivered},
      {"permanent", Simulated::End::permanent},
      {"expired", Simulated::End::expired}};
  EXPECT_EQ(seen.ends.front().how, words.at(std::string(end.at("result").as_string())));
  if (const auto* status = end.if_contains("status")) {
    EXPECT_EQ(relay::expired_status.to_string(), status->as_string());
  }
}

void judge_destination(const Simulated& seen, const Scenario& scenario,
                       const json::object& expect) {
  const json::array& wanted = expect.at("attempts").as_array();
  ASSERT_EQ(seen.attempts.size(), wanted.size());
  for (std::size_t i = 0; i < wanted.size(); ++i) {
    EXPECT_NEAR(in_seconds(seen.attempts[i].at), number(wanted[i].as_array()[0]), tolerance);
    EXPECT_EQ(scenario.messages[seen.attempts[i].message].id, wanted[i].as_array()[1].as_string());
  }
}

void judge_fair(const Simulated& seen, const Scenario& scenario, const json::object& expect) {
  for (const auto& [name, by] : expect.at("starts_by").as_object()) {
    const auto first = std::find_if(seen.attempts.begin(), seen.attempts.end(),
                                    [&, wanted = std::string(name)](const auto& a) {
                                      return scenario.messages[a.message].id == wanted;
                                    });
    ASSERT_NE(first, seen.attempts.end()) << name;
    EXPECT_LE(in_seconds(first->at), number(by)) << name;
  }
}

TEST(ScheduleSuite, PlaysEveryCase) {
  const json::value suite =
      json::parse(tests::read_file(POSTERN_SOURCE_DIR "/tests/suites/relay/schedule.json"));
  ASSERT_EQ(suite.at("format").as_string(), "postern-relay-schedule/1");
  std::size_t played = 0;
  for (const json::value& each : suite.at("cases").as_array()) {
    const json::object& test = each.as_object();
    SCOPED_TRACE(std::string(test.at("id").as_string()));
    const json::object& expect = test.at("expect").as_object();
    const Scenario scenario = scenario_of(test);
    const Simulated seen = relay::simulate(scenario);
    for (const auto& event : scenario.events) {
      if (event.what != relay::SimulatedEvent::What::wall_jump) continue;
      ASSERT_EQ(seen.jumps.size(), 1u);
      EXPECT_EQ(seen.jumps.front().by, event.by);
    }
    const std::string kind =
        test.contains("kind") ? std::string(test.at("kind").as_string()) : "message";
    if (kind == "message") {
      judge_message(seen, expect);
    } else if (kind == "destination") {
      judge_destination(seen, scenario, expect);
    } else {
      ASSERT_EQ(kind, "fair");
      judge_fair(seen, scenario, expect);
    }
    ++played;
  }
  EXPECT_EQ(played, suite.at("cases").as_array().size());
  EXPECT_GE(played, 26u);
}

TEST(ScenarioFile, ResultsHoldUntilATimeAndTimesAreTexts) {
  const auto scenario = read_scenario(R"({
    "config": {"initial": "10m", "max": "1h", "ttl": "1d"},
    "results": [{"class": "temporary", "until": "3h"}, {"class": "delivered"}]})",
                                      {});
  ASSERT_TRUE(scenario) << scenario.error().message;
  const Simulated seen = relay::simulate(*scenario);
  std::vector<double> starts;
  for (const auto& each : seen.attempts) starts.push_back(in_seconds(each.at) / 60);
  EXPECT_THAT(starts, ::testing::ElementsAre(0, 10, 30, 70, 130, 190));
  ASSERT_EQ(seen.ends.size(), 1u);
  EXPECT_EQ(seen.ends.front().how, Simulated::End::delivered);
}

TEST(ScenarioFile, AMessageEndsWithItsLastAttempt) {
  const std::tuple<const char*, Simulated::End, int> cases[] = {
      {R"({"results": [{"class": "temporary"}, {"class": "delivered", "takes": 45}]})",
       Simulated::End::delivered, 345},
      {R"({"results": [{"class": "permanent", "takes": 30}]})", Simulated::End::permanent, 30},
      // A delivery attempt that began within the lifetime may end after it.
      {R"({"results": [{"class": "temporary", "takes": 600}], "config": {"ttl": "5m"}})",
       Simulated::End::expired, 600},
      {R"({"results": [{"class": "temporary", "takes": 10}], "config": {"ttl": "5m"}})",
       Simulated::End::expired, 300},
  };
  for (const auto& [text, how, seconds] : cases) {
    const auto scenario = read_scenario(text, Scenario{});
    ASSERT_TRUE(scenario) << text;
    const Simulated seen = relay::simulate(*scenario);
    ASSERT_EQ(seen.ends.size(), 1u) << text;
    EXPECT_EQ(seen.ends[0].how, how) << text;
    EXPECT_EQ(seen.ends[0].at, std::chrono::seconds(seconds)) << text;
  }
}

TEST(ScenarioFile, WhatTheFileDoesNotSayIsThePresets) {
  Scenario preset;
  preset.policy.initial = std::chrono::seconds(7);
  preset.limits.workers = 3;
  const auto scenario = read_scenario(R"({"results": []})", preset);
  EXPECT_FALSE(scenario);
  const auto good = read_scenario(R"({"results": {"class": "delivered"}})", preset);
  EXPECT_FALSE(good) << "an object is by name";
  const auto named = read_scenario(R"({"results": {"*": {"class": "permanent"}}})", preset);
  ASSERT_TRUE(named) << named.error().message;
  EXPECT_EQ(named->policy.initial, std::chrono::seconds(7));
  EXPECT_EQ(named->limits.workers, 3u);
  ASSERT_EQ(named->messages.size(), 1u);
}

TEST(ScenarioFile, MistakesAreNamed) {
  const auto message = [](std::string_view text) {
    const auto read = read_scenario(text, {});
    return read ? std::string("read") : read.error().message;
  };
  EXPECT_THAT(message("{"), HasSubstr("not JSON"));
  EXPECT_THAT(message("[]"), HasSubstr("object"));
  EXPECT_THAT(message("{}"), HasSubstr("`results` is missing"));
  const auto with = [&](std::string_view more) {
    return message(R"({"results": [{"class": "temporary"}], )" + std::string(more) + "}");
  };
  EXPECT_EQ(with(R"("jitter": [0.5])"), "read");
  EXPECT_THAT(with(R"("jitter": [2])"), HasSubstr("jitter"));
  EXPECT_THAT(with(R"("result": [])"), HasSubstr("`result`"));
  EXPECT_THAT(with(R"("config": {"initial": 0})"), HasSubstr("at least 1 s"));
  EXPECT_THAT(with(R"("config": {"initial": "soon"})"), HasSubstr("`initial`"));
  EXPECT_THAT(with(R"("events": [{"t": 5, "do": "down", "until": 1}])"), HasSubstr("before `t`"));
  EXPECT_THAT(with(R"("events": [{"t": 5, "do": "sing"}])"), HasSubstr("`do`"));
  EXPECT_THAT(with(R"("messages": [{"count": 1000000}])"), HasSubstr("count"));
  EXPECT_THAT(message(R"({"results": [{"class": "lost"}]})"), HasSubstr("`class`"));
}

}  // namespace
}  // namespace postern::app
