// Plays tests/suites/relay/schedule.json: messages with their schedules in a scheduler, on a clock
// that the test turns.
#include <fstream>
#include <map>
#include <sstream>

#include <gtest/gtest.h>
#include <boost/json.hpp>

#include "relay/schedule.h"
#include "relay/scheduler.h"

namespace postern::relay {
namespace {

namespace json = boost::json;
using std::chrono::duration_cast;
using std::chrono::seconds;

json::value read_suite() {
  std::ifstream in(POSTERN_SOURCE_DIR "/tests/suites/relay/schedule.json");
  std::ostringstream text;
  text << in.rdbuf();
  return json::parse(text.str());
}

double number(const json::value& value) { return value.to_number<double>(); }
Time time_of(const json::value& value) {
  return Time(static_cast<std::int64_t>(number(value) * 1000));
}

struct Result {
  std::string klass;
  std::string phase;
  Time takes{0};
};

Result result_of(const json::object& object) {
  Result result{.klass = std::string(object.at("class").as_string())};
  if (const auto* phase = object.if_contains("phase")) result.phase = phase->as_string();
  if (const auto* takes = object.if_contains("takes")) result.takes = time_of(*takes);
  return result;
}

/// One message of a case and what became of it.
struct Mail {
  std::string name;
  std::string tenant;
  std::string to = "example.test";
  Time arrival{0};
  Retry retry;
  Scheduler::Place place = 0;
  bool queued = false;
  bool over = false;
  std::size_t attempts = 0;
  std::size_t draws = 0;
};

class Player {
 public:
  explicit Player(const json::object& test, const json::object& defaults) : test_(test) {
    const json::object& config = test.at("config").as_object();
    const auto setting = [&](std::string_view name) -> const json::value& {
      return config.contains(name) ? config.at(name) : defaults.at(name);
    };
    policy_.initial = duration_cast<seconds>(time_of(setting("initial")));
    policy_.max = duration_cast<seconds>(time_of(setting("max")));
    policy_.ttl = duration_cast<seconds>(time_of(setting("ttl")));
    policy_.jitter = number(setting("jitter"));
    policy_.delay_notice.reset();
    if (!setting("delay_notice").is_null())
      policy_.delay_notice = duration_cast<seconds>(time_of(setting("delay_notice")));
    if (config.contains("workers"))
      limits_.workers = config.at("workers").to_number<std::uint32_t>();
    for (const auto* name : {"concurrency", "per_destination"}) {
      if (!config.contains(name)) continue;
      limits_.initial_connections = config.at(name).to_number<std::uint32_t>();
      limits_.max_connections = limits_.initial_connections;
    }
    scheduler_.emplace(limits_);
    read_messages();
    read_events();
  }

  /// Runs until nothing is left or `until`.
  void run(Time until) {
    for (;;) {
      Time at = actions_.empty() ? never : actions_.begin()->first;
      if (!down_) at = std::min(at, scheduler_->wake_at());
      if (at == never || at > until) return;
      ASSERT_GE(at, now_) << "time runs forward";
      now_ = at;
      while (!actions_.empty() && actions_.begin()->first <= now_) {
        const auto action = actions_.begin()->second;
        actions_.erase(actions_.begin());
        action();
      }
      while (!down_) {
        const auto work = scheduler_->next(now_);
        if (!work) break;
        work->what == Scheduler::Work::What::deadline ? deadline(mail(work->message))
                                                      : attempt(mail(work->message), work->what);
      }
    }
  }

  std::vector<std::pair<double, std::string>> attempts;
  std::vector<double> notices;
  double ended = -1;
  std::string ended_as;

 private:
  Mail& mail(std::uint64_t number) { return mails_.at(number); }
  static double in_seconds(Time time) { return static_cast<double>(time.count()) / 1000; }
  void at(Time time, std::function<void()> action) { actions_.emplace(time, std::move(action)); }

  void read_messages() {
    json::array one{json::object{{"id", "message"}, {"arrival", 0}}};
    const json::value* list = test_.if_contains("messages");
    for (const json::value& each : list != nullptr ? list->as_array() : one) {
      const json::object& message = each.as_object();
      const int count = message.contains("count") ? message.at("count").to_number<int>() : 1;
      for (int i = 0; i < count; ++i) {
        const Time arrival = time_of(message.at("arrival"));
        const std::uint64_t number = mails_.size() + 1;
        Mail& made = mails_
                         .emplace(number, Mail{.name = std::string(message.at("id").as_string()),
                                               .arrival = arrival,
                                               .retry = Retry(policy_, arrival)})
                         .first->second;
        if (message.contains("to")) made.to = message.at("to").as_string();
        if (message.contains("tenant")) made.tenant = message.at("tenant").as_string();
        at(arrival, [this, number] { enqueue(number, mail(number).retry.due()); });
      }
    }
  }

  void enqueue(std::uint64_t number, Time due) {
    Mail& its = mail(number);
    its.place = scheduler_->add(number, its.tenant, its.to, {due, its.retry.deadline().at}, now_);
    its.queued = true;
  }

  void read_events() {
    const json::value* events = test_.if_contains("events");
    if (events == nullptr) return;
    for (const json::value& each : events->as_array()) {
      const json::object& event = each.as_object();
      const std::string what(event.at("do").as_string());
      const Time begin = time_of(event.at("t"));
      const Time until = event.contains("until") ? time_of(event.at("until")) : begin;
      Mail& its = mail(1);
      if (what == "down") {
        at(begin, [this] { stop(); });
        at(until, [this] { start(); });
      } else if (what == "hold") {
        at(begin, [this, &its] {
          its.retry.hold(now_);
          scheduler_->reschedule(its.place, times(its), now_);
        });
        at(until, [this, &its] {
          its.retry.release(now_);
          scheduler_->reschedule(its.place, times(its), now_);
        });
      } else if (what == "destination_sleep") {
        at(begin, [this, &its, until] { scheduler_->put_to_sleep(its.to, until, now_); });
      } else if (what == "retry") {
        at(begin, [this, &its] { EXPECT_TRUE(scheduler_->retry(its.place)); });
      } else if (what == "wall_jump") {
        const Time by = time_of(event.at("by"));
        at(begin, [this, by] {
          EXPECT_FALSE(clock_.look(now_ + wall_offset_, now_));
          wall_offset_ += by;
          EXPECT_EQ(clock_.look(now_ + wall_offset_, now_), by);
          EXPECT_EQ(clock_.now(now_), now_) << "no timer moves";
          EXPECT_EQ(clock_.wall(now_), now_ + by);
        });
      } else {
        FAIL() << "unknown event " << what;
      }
    }
  }

  Scheduler::Times times(const Mail& its) const {
    return {its.retry.due(), its.retry.deadline().at};
  }
  double draw(Mail& its) const {
    const json::value* jitter = test_.if_contains("jitter");
    if (jitter == nullptr || !jitter->is_array()) return 0;
    const json::array& draws = jitter->as_array();
    return its.draws < draws.size() ? number(draws[its.draws++]) : 0;
  }

  /// The process dies: what runs is cut off, what is stored stays.
  void stop() {
    down_ = true;
    scheduler_.emplace(limits_);
    ++life_;
  }
  void start() {
    down_ = false;
    StartupSpread spread(now_);
    for (auto& [number, its] : mails_) {
      if (!its.queued || its.over) continue;
      its.retry.resume(policy_, now_, draw_if_cut(its));
      enqueue(number, spread.place(its.retry.due()));
    }
  }
  double draw_if_cut(Mail& its) const { return its.retry.in_attempt() ? draw(its) : 0; }

  Result result(const Mail& its) const {
    const json::value& results = test_.at("results");
    if (results.is_array()) {
      const json::array& list = results.as_array();
      return result_of(list[std::min(its.attempts, list.size()) - 1].as_object());
    }
    for (const std::string& key : {its.name, its.to}) {
      if (results.as_object().contains(key)) return result_of(results.at(key).as_object());
    }
    return result_of(results.at("*").as_object());
  }

  void attempt(Mail& its, Scheduler::Work::What what) {
    its.retry.begin(
        now_, what == Scheduler::Work::What::attempt ? AttemptKind::regular : AttemptKind::extra);
    scheduler_->set_deadline(its.place, its.retry.deadline().at);
    ++its.attempts;
    attempts.emplace_back(in_seconds(now_), its.name);
    const Result outcome = result(its);
    if (outcome.klass == "interrupted") return;  // until the process stops
    const Time start = now_;
    const auto end = [this, &its, outcome, start, life = life_] {
      if (life == life_) finish(its, outcome, start);
    };
    outcome.takes.count() == 0 ? end() : at(now_ + outcome.takes, end);
  }

  void finish(Mail& its, const Result& outcome, Time start) {
    Contact contact = Contact::answered;
    if (outcome.klass == "delivered") contact = Contact::delivered;
    if (outcome.phase == "connect") contact = Contact::connection_failed;
    if (outcome.klass == "delivered" || outcome.klass == "permanent") {
      scheduler_->finished(its.place, contact, std::nullopt, now_);
      over(its, outcome.klass, start);
      return;
    }
    its.retry.failed(policy_, now_, draw(its));
    const Deadline left = its.retry.deadline();
    if (left.what == Deadline::What::expiry && left.at <= now_) {
      scheduler_->finished(its.place, contact, std::nullopt, now_);
      over(its, "expired", now_);
      return;
    }
    scheduler_->finished(its.place, contact, times(its), now_);
  }

  void deadline(Mail& its) {
    const Deadline reached = its.retry.deadline();
    ASSERT_LE(reached.at, now_);
    if (reached.what == Deadline::What::delay_notice) {
      notices.push_back(in_seconds(now_));
      its.retry.noticed();
      scheduler_->set_deadline(its.place, its.retry.deadline().at);
    } else if (!its.retry.in_attempt()) {
      scheduler_->remove(its.place, now_);
      over(its, "expired", now_);
    }
  }

  void over(Mail& its, std::string how, Time when) {
    its.over = true;
    ended = in_seconds(when);
    ended_as = std::move(how);
  }

  const json::object& test_;
  RetryPolicy policy_;
  SchedulerLimits limits_;
  std::optional<Scheduler> scheduler_;
  QueueClock clock_{Time{0}, Time{0}};
  Time wall_offset_{0};
  std::map<std::uint64_t, Mail> mails_;
  std::multimap<Time, std::function<void()>> actions_;
  Time now_{0};
  int life_ = 0;
  bool down_ = false;
};

constexpr double tolerance = 1;

void expect_times(const std::vector<double>& seen, const json::array& wanted,
                  const std::string& what) {
  ASSERT_EQ(seen.size(), wanted.size()) << what;
  for (std::size_t i = 0; i < seen.size(); ++i)
    EXPECT_NEAR(seen[i], number(wanted[i]), tolerance) << what << " " << i + 1;
}

void play_message(Player& player, const json::object& expect) {
  player.run(never - Time{1});
  std::vector<double> starts;
  for (const auto& [time, name] : player.attempts) starts.push_back(time);
  expect_times(starts, expect.at("attempts").as_array(), "attempt");
  expect_times(player.notices, expect.at("delay_notices").as_array(), "notice");
  const json::object& end = expect.at("end").as_object();
  EXPECT_NEAR(player.ended, number(end.at("t")), tolerance);
  EXPECT_EQ(player.ended_as, end.at("result").as_string());
  if (const auto* status = end.if_contains("status")) {
    EXPECT_EQ(expired_status.to_string(), status->as_string());
  }
}

void play_destination(Player& player, const json::object& expect) {
  player.run(time_of(expect.at("until")));
  const json::array& wanted = expect.at("attempts").as_array();
  ASSERT_EQ(player.attempts.size(), wanted.size());
  for (std::size_t i = 0; i < wanted.size(); ++i) {
    EXPECT_NEAR(player.attempts[i].first, number(wanted[i].as_array()[0]), tolerance);
    EXPECT_EQ(player.attempts[i].second, wanted[i].as_array()[1].as_string());
  }
}

void play_fair(Player& player, const json::object& expect) {
  player.run(std::chrono::hours(1));
  for (const auto& [name, by] : expect.at("starts_by").as_object()) {
    const auto first =
        std::find_if(player.attempts.begin(), player.attempts.end(),
                     [&, wanted = std::string(name)](const auto& a) { return a.second == wanted; });
    ASSERT_NE(first, player.attempts.end()) << name;
    EXPECT_LE(first->first, number(by)) << name;
  }
}

TEST(ScheduleSuite, plays_every_case) {
  const json::value suite = read_suite();
  ASSERT_EQ(suite.at("format").as_string(), "postern-relay-schedule/1");
  std::size_t played = 0;
  for (const json::value& each : suite.at("cases").as_array()) {
    const json::object& test = each.as_object();
    SCOPED_TRACE(std::string(test.at("id").as_string()));
    Player player(test, suite.at("defaults").as_object());
    const json::object& expect = test.at("expect").as_object();
    const std::string kind =
        test.contains("kind") ? std::string(test.at("kind").as_string()) : "message";
    if (kind == "message") {
      play_message(player, expect);
    } else if (kind == "destination") {
      play_destination(player, expect);
    } else {
      ASSERT_EQ(kind, "fair");
      play_fair(player, expect);
    }
    ++played;
  }
  EXPECT_EQ(played, suite.at("cases").as_array().size());
  EXPECT_GE(played, 26u);
}

}  // namespace
}  // namespace postern::relay
