#include "queue/runner.h"

#include <deque>
#include <filesystem>
#include <mutex>
#include <thread>

#include <sys/resource.h>

#include <gtest/gtest.h>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/post.hpp>

#include "base/patience_test.h"
#include "base/temporary_folder_test.h"
#include "net/event_loop.h"
#include "queue/stored.h"
#include "spool/sqlite_spool.h"

namespace postern::queue {
namespace {

namespace asio = boost::asio;
using namespace std::chrono_literals;
using smtp::ResultClass;
using spool::RouteKind;

smtp::RecipientResult result(ResultClass klass, std::string text = "said so") {
  const std::uint8_t digit = klass == ResultClass::delivered   ? 2
                             : klass == ResultClass::temporary ? 4
                                                               : 5;
  return {.klass = klass,
          .code = static_cast<std::uint16_t>(digit * 100 + 50),
          .enhanced = {digit, 0, 0},
          .text = std::move(text)};
}

/// A courier that gives the results of the test, the last one repeatedly, and records its calls.
class ScriptedAgent final : public DeliveryAgent {
 public:
  struct Call {
    spool::MessageId id;
    std::vector<std::string> recipients;
    std::uint32_t attempt;
    std::string text;
    std::chrono::steady_clock::duration longest{};  ///< from begin to end at most
  };
  std::function<Task<void>()> during;
  relay::Contact contact = relay::Contact::answered;

  Task<Carried> carry(const DeliveryTask& task, Text& text) override {
    Call call{.id = task.message.id, .recipients = {}, .attempt = task.attempt, .text = {}};
    call.longest = task.until - std::chrono::steady_clock::now();
    for (const std::uint32_t index : task.recipients) {
      call.recipients.push_back(task.message.envelope.recipients[index].address);
    }
    // Read twice, as for a second host.
    for (int round = 0; round < 2; ++round) {
      call.text.clear();
      while (true) {
        const std::string_view piece = text.read(call.text.size(), 1000);
        if (piece.empty()) break;
        call.text += piece;
      }
    }
    Carried carried{.results = answer_to(call), .contact = contact};
    if (during) co_await during();
    carried.results.resize(call.recipients.size(), carried.results.front());
    carried.remotes.assign(call.recipients.size(), "mx.example.net");
    co_return carried;
  }
  void answer(std::deque<std::vector<smtp::RecipientResult>> answers) {
    const std::lock_guard lock(mutex_);
    answers_ = std::move(answers);
  }
  std::vector<Call> calls() const {
    const std::lock_guard lock(mutex_);
    return calls_;
  }

 private:
  /// Records the call and takes its result in one step: a test that sees the call can no longer
  /// change the result.
  std::vector<smtp::RecipientResult> answer_to(const Call& call) {
    const std::lock_guard lock(mutex_);
    calls_.push_back(call);
    if (answers_.empty()) return {result(ResultClass::delivered)};
    auto taken = answers_.front();
    if (answers_.size() > 1) answers_.pop_front();
    return taken;
  }

  mutable std::mutex mutex_;
  std::deque<std::vector<smtp::RecipientResult>> answers_;
  std::vector<Call> calls_;
};

class NotingReporter final : public Reporter {
 public:
  explicit NotingReporter(std::string directory) : directory_(std::move(directory)) {}
  Result<std::optional<Report>> report(Event event, const DeliveryTask& task,
                                       const Carried& carried, Text& text) override {
    const std::lock_guard lock(mutex_);
    for (std::size_t i = 0; i < task.recipients.size(); ++i) {
      said.push_back(std::string(event == Event::failed ? "failed " : "delayed ") +
                     task.message.envelope.recipients[task.recipients[i]].address + " " +
                     carried.results[i].enhanced.to_string());
    }
    EXPECT_FALSE(text.read(0, 10).empty());
    if (task.message.envelope.reverse_path.empty()) return std::nullopt;
    if (no_room) return fail(Fault::temporary, "no room");
    Report made{.envelope = {.received = std::chrono::system_clock::now()},
                .body = spool::Body(directory_)};
    made.envelope.recipients.push_back(
        {.address = task.message.envelope.reverse_path, .destination = {RouteKind::local, "r"}});
    EXPECT_TRUE(made.body.append("a report\r\n"));
    if (broken) made.envelope.recipients.clear();  // no spool accepts this
    return std::optional<Report>(std::move(made));
  }
  void lost(const DeliveryTask&) override { ++lost_reports; }
  std::size_t count() {
    const std::lock_guard lock(mutex_);
    return said.size();
  }
  std::mutex mutex_;
  std::vector<std::string> said;
  std::atomic<bool> broken = false;
  std::atomic<bool> no_room = false;
  std::atomic<int> lost_reports = 0;

 private:
  std::string directory_;
};

class RunnerTest : public ::testing::Test {
 protected:
  RunnerTest() {
    options_.webhook.delays = {10ms, 10ms};
    options_.relay.initial = 1s;
    options_.relay.jitter = 0;
    options_.relay.delay_notice.reset();
    reporter_ = std::make_unique<NotingReporter>(folder_.path());
  }
  ~RunnerTest() override { down(); }

  void open_spool() {
    auto opened = spool::SqliteSpool::open({.directory = folder_.path(), .min_free = 0});
    ASSERT_TRUE(opened) << opened.error().message;
    spool_ = std::move(*opened);
  }
  void up() {
    if (!spool_) open_spool();
    loop_ = std::make_unique<asio::io_context>(1);
    disk_ = std::make_unique<net::WorkPool>(2, 100);
    runner_ = std::make_unique<Runner>(*loop_, *spool_, *disk_,
                                       Runner::Couriers{webhook_, relay_, local_}, reporter_.get(),
                                       options_);
    runner_->start();
    thread_ = std::thread([this] {
      auto work = asio::make_work_guard(*loop_);
      loop_->run();
    });
  }
  void down() {
    if (!thread_.joinable()) return;
    disk_->stop();
    loop_->stop();
    thread_.join();
    spool_.reset();  // its completions still post to the loop
    runner_.reset();
    loop_.reset();
  }

  template <class T, class Start>
  static Result<T> wait(Start start) {
    std::promise<Result<T>> answer;
    start([&](Result<T> given) { answer.set_value(std::move(given)); });
    return answer.get_future().get();
  }
  spool::MessageId put(
      std::vector<spool::Recipient> recipients, std::string path = "author@example.org",
      std::chrono::system_clock::time_point received = std::chrono::system_clock::now(),
      const std::string& bytes = "Subject: hello\r\n\r\nhi\r\n") {
    spool::Envelope envelope{.received = received, .reverse_path = std::move(path)};
    envelope.recipients = std::move(recipients);
    spool::Body body(folder_.path());
    EXPECT_TRUE(body.append(bytes));
    auto id = wait<spool::MessageId>(
        [&](auto done) { spool_->put(std::move(envelope), std::move(body), done); });
    EXPECT_TRUE(id) << id.error().message;
    if (runner_) runner_->wake();
    return *id;
  }
  static spool::Recipient to(std::string address, RouteKind kind, std::string key) {
    return {.address = std::move(address), .destination = {kind, std::move(key)}};
  }
  void act(spool::Action action, const spool::MessageId& id) {
    const auto sequence = spool_->get(id)->value().sequence;
    ASSERT_TRUE(wait<void>(
        [&](auto done) { spool_->act(action, id, std::chrono::system_clock::now(), done); }));
    runner_->told(sequence, action == spool::Action::retry);
  }
  /// The runner's answer when an operator drops a message with a report; the spool does not drop
  /// it.
  Result<Told> drop(const spool::MessageId& id) {
    const spool::Message message = **spool_->get(id);
    return net::ask(*loop_, runner_->report_dropped(message), tests::patience);
  }
  /// The runner's answer, on its own thread.
  std::size_t ask(std::size_t (Runner::*question)() const) {
    std::promise<std::size_t> answer;
    asio::post(*loop_, [&] { answer.set_value((runner_.get()->*question)()); });
    return answer.get_future().get();
  }
  bool gone(const spool::MessageId& id) {
    return tests::eventually([&] { return !spool_->get(id)->has_value(); });
  }
  spool::State state(const spool::MessageId& id) {
    return spool_->get(id)->value().envelope.recipients[0].state;
  }

  tests::TemporaryFolder folder_;
  RunnerOptions options_;
  ScriptedAgent webhook_, relay_, local_;
  std::unique_ptr<NotingReporter> reporter_;
  std::unique_ptr<spool::SqliteSpool> spool_;
  std::unique_ptr<asio::io_context> loop_;
  std::unique_ptr<net::WorkPool> disk_;
  std::unique_ptr<Runner> runner_;
  std::thread thread_;
};

TEST_F(RunnerTest, what_is_put_is_delivered_and_leaves) {
  up();
  const std::string large(700'000, 'x');
  const auto small = put({to("a@example.com", RouteKind::webhook, "wh_1")});
  const auto big = put({to("b@example.com", RouteKind::relay, "example.com")}, "", {}, large);
  EXPECT_TRUE(gone(small));
  EXPECT_TRUE(gone(big));
  ASSERT_EQ(webhook_.calls().size(), 1u);
  EXPECT_EQ(webhook_.calls()[0].text, "Subject: hello\r\n\r\nhi\r\n");
  EXPECT_EQ(webhook_.calls()[0].attempt, 1u);
  ASSERT_EQ(relay_.calls().size(), 1u);
  EXPECT_EQ(relay_.calls()[0].text, large) << "read from the start again";
  EXPECT_TRUE(tests::eventually([&] { return ask(&Runner::scheduled) == 0; }));
}

TEST_F(RunnerTest, a_webhook_is_tried_again_and_then_a_dead_letter_that_can_be_retried) {
  webhook_.answer({{result(ResultClass::temporary)}});
  up();
  const auto id = put({to("a@example.com", RouteKind::webhook, "wh_1")});
  EXPECT_TRUE(tests::eventually([&] { return state(id) == spool::State::dead; }));
  ASSERT_EQ(webhook_.calls().size(), 3u) << "the first and two retries";
  EXPECT_EQ(webhook_.calls()[2].attempt, 3u);
  EXPECT_EQ(spool_->get(id)->value().envelope.recipients[0].last_reply, "450 4.0.0 said so");
  webhook_.answer({{result(ResultClass::permanent, "5.0.0 as the host has it")}});
  act(spool::Action::retry, id);
  EXPECT_TRUE(tests::eventually([&] {
    return spool_->get(id)->value().envelope.recipients[0].last_reply ==
           "550 5.0.0 as the host has it";
  }));
  EXPECT_TRUE(tests::eventually([&] { return state(id) == spool::State::dead; }));
  webhook_.answer({{result(ResultClass::delivered)}});
  act(spool::Action::retry, id);
  EXPECT_TRUE(gone(id));
  EXPECT_EQ(reporter_->said.size(), 0u) << "nobody is told of a webhook's trouble";
}

TEST_F(RunnerTest, a_webhook_that_says_no_gets_a_dead_letter_at_once) {
  webhook_.answer({{result(ResultClass::permanent)}});
  up();
  const auto id = put({to("a@example.com", RouteKind::webhook, "wh_1")});
  EXPECT_TRUE(tests::eventually([&] { return state(id) == spool::State::dead; }));
  EXPECT_EQ(webhook_.calls().size(), 1u);
}

TEST_F(RunnerTest, recipients_part_by_destination_and_by_result_and_the_sender_is_told) {
  relay_.answer({{result(ResultClass::delivered), result(ResultClass::temporary),
                  result(ResultClass::permanent)},
                 {result(ResultClass::delivered)}});
  up();
  const auto id = put({to("a@example.com", RouteKind::relay, "example.com"),
                       to("b@example.com", RouteKind::relay, "example.com"),
                       to("l@example.com", RouteKind::local, "box"),
                       to("c@example.com", RouteKind::relay, "example.com")});
  EXPECT_TRUE(gone(id));
  const auto calls = relay_.calls();
  ASSERT_EQ(calls.size(), 2u);
  EXPECT_EQ(calls[0].recipients,
            (std::vector<std::string>{"a@example.com", "b@example.com", "c@example.com"}));
  EXPECT_EQ(calls[1].recipients, std::vector<std::string>{"b@example.com"});
  EXPECT_EQ(reporter_->said, std::vector<std::string>{"failed c@example.com 5.0.0"});
  ASSERT_TRUE(tests::eventually([&] { return local_.calls().size() == 2; }));
  bool told = false;
  for (const auto& call : local_.calls()) told = told || call.text == "a report\r\n";
  EXPECT_TRUE(told);
}

TEST_F(RunnerTest, a_restart_goes_on_where_it_was) {
  options_.relay.initial = 3600s;
  relay_.answer({{result(ResultClass::temporary)}});
  up();
  const auto waiting = put({to("a@example.com", RouteKind::relay, "example.com")});
  EXPECT_TRUE(tests::eventually([&] { return relay_.calls().size() == 1; }));
  EXPECT_TRUE(tests::eventually(
      [&] { return !spool_->get(waiting)->value().envelope.recipients[0].claimed; }));
  const auto due = spool_->get(waiting)->value().envelope.recipients[0].next_attempt;
  down();
  up();
  const auto fresh = put({to("b@example.org", RouteKind::local, "box")});
  EXPECT_TRUE(gone(fresh));
  EXPECT_TRUE(tests::eventually([&] { return ask(&Runner::scheduled) == 1; }));
  EXPECT_EQ(relay_.calls().size(), 1u) << "its hour is not over";
  EXPECT_EQ(spool_->get(waiting)->value().envelope.recipients[0].next_attempt, due);
  relay_.answer({{result(ResultClass::delivered)}});
  act(spool::Action::retry, waiting);
  EXPECT_TRUE(gone(waiting));
  EXPECT_EQ(relay_.calls().back().attempt, 2u);
}

TEST_F(RunnerTest, what_an_operator_does_meanwhile_holds) {
  std::atomic<bool> inside{false}, leave{false};
  relay_.during = [&]() -> Task<void> {
    inside = true;
    while (!leave) {
      asio::steady_timer pause(*loop_, 5ms);
      co_await pause.async_wait(asio::use_awaitable);
    }
  };
  relay_.answer({{result(ResultClass::temporary)}});
  up();
  const auto id = put({to("a@example.com", RouteKind::relay, "example.com")});
  ASSERT_TRUE(tests::eventually([&] { return inside.load(); }));
  act(spool::Action::hold, id);
  leave = true;
  EXPECT_TRUE(tests::eventually([&] { return ask(&Runner::running) == 0; }));
  EXPECT_EQ(state(id), spool::State::held);
  std::this_thread::sleep_for(50ms);
  EXPECT_EQ(ask(&Runner::scheduled), 0u);
  relay_.answer({{result(ResultClass::delivered)}});
  act(spool::Action::release, id);
  EXPECT_TRUE(gone(id));
}

TEST_F(RunnerTest, what_was_kept_back_is_delivered_when_it_is_released) {
  up();
  auto kept = to("a@example.com", RouteKind::relay, "example.com");
  kept.state = spool::State::quarantined;
  const auto id = put({kept});
  std::this_thread::sleep_for(50ms);
  EXPECT_EQ(relay_.calls().size(), 0u);
  act(spool::Action::release, id);
  EXPECT_TRUE(gone(id)) << "no other message has come meanwhile";
}

TEST_F(RunnerTest, a_message_whose_time_is_over_expires_after_a_last_attempt) {
  options_.relay.ttl = 3600s;
  relay_.answer({{result(ResultClass::temporary)}});
  open_spool();
  const auto id = put({to("a@example.com", RouteKind::relay, "example.com")}, "author@example.org",
                      std::chrono::system_clock::now() - 2h);
  spool_.reset();
  up();
  EXPECT_TRUE(gone(id));
  EXPECT_EQ(reporter_->said, std::vector<std::string>{"failed a@example.com 4.4.7"});
}

TEST_F(RunnerTest, a_wall_clock_that_is_set_while_it_runs_neither_delays_nor_bounces_new_mail) {
  options_.relay.initial = 3600s;  // the test examines the state after the first attempt
  relay_.answer({{result(ResultClass::temporary)}});
  up();
  const auto now = std::chrono::system_clock::now();
  for (const auto jump :
       {std::chrono::hours(24 * 365), std::chrono::hours(-1), std::chrono::hours(-24 * 365 * 50)}) {
    const std::size_t before = relay_.calls().size();
    const auto id = put({to("a@example.com", RouteKind::relay, "example.com")},
                        "author@example.org", now + jump);
    EXPECT_TRUE(tests::eventually([&] {
      const auto calls = relay_.calls();
      return std::any_of(calls.begin() + static_cast<std::ptrdiff_t>(before), calls.end(),
                         [&](const auto& call) { return call.id == id; });
    })) << "never tried, set by hours: "
        << jump.count();
    EXPECT_TRUE(tests::eventually(
        [&] { return !spool_->get(id)->value().envelope.recipients[0].claimed; }));
    EXPECT_EQ(state(id), spool::State::queued);
  }
  EXPECT_TRUE(reporter_->said.empty()) << reporter_->said.front();
}

TEST_F(RunnerTest, what_a_clock_that_was_ahead_has_left_does_not_sleep_for_a_year) {
  open_spool();
  const auto year = std::chrono::system_clock::now() + std::chrono::hours(24 * 365);
  const auto id =
      put({to("a@example.com", RouteKind::relay, "example.com")}, "author@example.org", year);
  spool_.reset();
  up();
  EXPECT_TRUE(gone(id));
}

TEST_F(RunnerTest, what_comes_while_the_queue_is_read_at_the_start_is_new) {
  options_.relay.initial = 3600s;
  options_.relay.ttl = 3600s;
  options_.page = 1;
  relay_.answer({{result(ResultClass::temporary)}});
  open_spool();
  const auto long_ago = std::chrono::system_clock::now() - 2h;
  for (int i = 0; i < 3; ++i) {
    put({to("old@example.com", RouteKind::relay, "example.com")}, "author@example.org", long_ago);
  }
  spool_.reset();
  open_spool();
  const auto id =
      put({to("new@example.com", RouteKind::relay, "example.com")}, "author@example.org", long_ago);
  up();
  EXPECT_TRUE(tests::eventually([&] { return reporter_->count() == 3; }));
  EXPECT_TRUE(tests::eventually([&] { return relay_.calls().size() == 4; }));
  EXPECT_TRUE(
      tests::eventually([&] { return !spool_->get(id)->value().envelope.recipients[0].claimed; }));
  EXPECT_EQ(state(id), spool::State::queued);
  EXPECT_EQ(reporter_->count(), 3u);
}

TEST_F(RunnerTest, a_message_whose_report_cannot_be_stored_has_not_failed_yet) {
  reporter_->broken = true;
  relay_.answer({{result(ResultClass::permanent)}});
  up();
  const auto id = put({to("a@example.com", RouteKind::relay, "example.com")});
  ASSERT_TRUE(tests::eventually([&] { return relay_.calls().size() == 1; }));
  ASSERT_TRUE(
      tests::eventually([&] { return !spool_->get(id)->value().envelope.recipients[0].claimed; }));
  EXPECT_EQ(state(id), spool::State::queued);
  EXPECT_EQ(reporter_->lost_reports, 1);
  reporter_->broken = false;
  EXPECT_TRUE(gone(id));
  EXPECT_EQ(relay_.calls().size(), 2u);
}

TEST_F(RunnerTest, a_message_whose_report_cannot_be_made_does_not_expire_yet) {
  options_.relay.initial = 3600s;
  options_.relay.ttl = 1s;
  reporter_->no_room = true;
  relay_.answer({{result(ResultClass::temporary)}});
  up();
  const auto id = put({to("a@example.com", RouteKind::relay, "example.com")});
  ASSERT_TRUE(tests::eventually([&] { return reporter_->count() == 1; })) << "its deadline";
  std::this_thread::sleep_for(100ms);
  EXPECT_EQ(state(id), spool::State::queued);
  EXPECT_EQ(ask(&Runner::scheduled), 1u);
  reporter_->no_room = false;
  act(spool::Action::retry, id);
  EXPECT_TRUE(gone(id));
}

TEST_F(RunnerTest, a_text_that_cannot_be_opened_can_be_read_when_it_can) {
  open_spool();
  const std::string large(700'000, 'x');
  const auto id = put({to("a@example.com", RouteKind::relay, "example.com")}, "", {}, large);
  Text text(*spool_, id, *spool_->body(id));
  text.release();
  rlimit before{};
  ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &before), 0);
  rlimit none = before;
  none.rlim_cur = 0;
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &none), 0);
  const bool empty = text.read(0, 10).empty();
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &before), 0);
  EXPECT_TRUE(empty);
  ASSERT_TRUE(text.trouble());
  EXPECT_FALSE(text.damaged());
  EXPECT_EQ(text.read(0, 10), "xxxxxxxxxx");
  EXPECT_FALSE(text.trouble());
}

TEST_F(RunnerTest, a_drop_tells_whoever_is_due_a_report_and_says_who_is_not) {
  up();
  const auto held = [&](RouteKind kind, std::string path = "author@example.org") {
    auto one = to("a@example.com", kind, "x");
    one.state = spool::State::held;
    return put({one}, std::move(path));
  };
  EXPECT_EQ(drop(held(RouteKind::relay)), Told::stored);
  EXPECT_EQ(drop(held(RouteKind::relay, "")), Told::not_due);
  EXPECT_EQ(drop(held(RouteKind::webhook)), Told::not_due);
  const auto damaged = held(RouteKind::relay);
  ASSERT_TRUE(wait<void>([&](auto done) { spool_->quarantine(damaged, "its checksum", done); }));
  EXPECT_EQ(drop(damaged).error().fault, Fault::conflict);
  reporter_->no_room = true;
  EXPECT_EQ(drop(held(RouteKind::relay)).error().fault, Fault::temporary);
}

// A former defect: the sender got a report that the message was deleted, and the recipient got it.
TEST_F(RunnerTest, what_is_being_delivered_is_not_reported_as_dropped) {
  std::atomic<bool> inside{false}, leave{false};
  relay_.during = [&]() -> Task<void> {
    inside = true;
    while (!leave) {
      asio::steady_timer pause(*loop_, 5ms);
      co_await pause.async_wait(asio::use_awaitable);
    }
  };
  up();
  auto waits = to("b@example.com", RouteKind::relay, "example.org");
  waits.state = spool::State::held;
  const auto id = put({to("a@example.com", RouteKind::relay, "example.com"), waits});
  ASSERT_TRUE(tests::eventually([&] { return inside.load(); }));
  act(spool::Action::hold, id);  // clears the claim without stopping an attempt
  const Result<Told> told = drop(id);
  EXPECT_FALSE(told);
  if (!told) EXPECT_EQ(told.error().fault, Fault::conflict);
  EXPECT_EQ(reporter_->count(), 0u);
  leave = true;
  EXPECT_TRUE(tests::eventually([&] { return ask(&Runner::running) == 0; }));
  EXPECT_EQ(state(id), spool::State::delivered) << "held too late";
  EXPECT_EQ(drop(id), Told::stored) << "of the other";
}

TEST_F(RunnerTest, nothing_is_tried_with_a_message_whose_sender_was_told_of_its_drop) {
  options_.relay.initial = 3600s;
  relay_.answer({{result(ResultClass::temporary)}});
  up();
  const auto id = put({to("a@example.com", RouteKind::relay, "example.com")});
  ASSERT_TRUE(tests::eventually([&] { return relay_.calls().size() == 1; }));
  ASSERT_TRUE(tests::eventually([&] { return ask(&Runner::running) == 0; }));
  reporter_->no_room = true;
  EXPECT_FALSE(drop(id));
  EXPECT_EQ(ask(&Runner::scheduled), 1u) << "no report, no drop: it goes on";
  reporter_->no_room = false;
  EXPECT_EQ(drop(id), Told::stored);
  EXPECT_EQ(drop(id), Told::stored);
  EXPECT_EQ(reporter_->count(), 2u) << "one that failed and one that did not";
  EXPECT_TRUE(tests::eventually([&] { return ask(&Runner::scheduled) == 0; }))
      << "the report alone was";
  EXPECT_EQ(relay_.calls().size(), 1u);
  relay_.answer({{result(ResultClass::delivered)}});
  act(spool::Action::retry, id);
  EXPECT_TRUE(gone(id)) << "the operator thought better of it";
}

// A former defect: a host that greets after two and a half minutes never got a crowded tenant's
// mail.
TEST_F(RunnerTest, a_crowded_tenant_has_each_message_cut_short_once_at_most) {
  options_.limits.workers = 8;
  options_.limits.slow_after = 0ms;
  options_.longest_attempt = 20min;
  options_.longest_crowded_attempt = 2min;
  std::atomic<bool> leave{false};
  relay_.during = [&]() -> Task<void> {
    while (!leave) {
      asio::steady_timer pause(*loop_, 5ms);
      co_await pause.async_wait(asio::use_awaitable);
    }
  };
  relay_.answer({{result(ResultClass::temporary)}});
  up();
  const auto short_ones = [&](std::uint32_t attempt) {
    const auto calls = relay_.calls();
    return std::count_if(calls.begin(), calls.end(), [&](const auto& call) {
      return call.attempt == attempt && call.longest < 10min;
    });
  };
  for (const char* host : {"a.test", "b.test", "c.test", "d.test"}) {
    put({to("a@example.com", RouteKind::relay, host)});
  }
  ASSERT_TRUE(tests::eventually([&] { return relay_.calls().size() == 4; }));
  EXPECT_EQ(short_ones(1), 1) << "the last of four holds more than half";
  leave = true;
  ASSERT_TRUE(tests::eventually([&] { return ask(&Runner::running) == 0; }));
  leave = false;
  ASSERT_TRUE(tests::eventually([&] { return relay_.calls().size() == 7; }))
      << "slow ones: a third";
  EXPECT_EQ(short_ones(2), 0) << "the third is crowded";
  leave = true;
  EXPECT_TRUE(tests::eventually([&] { return ask(&Runner::running) == 0; }));
}

TEST_F(RunnerTest, a_damaged_message_is_set_aside) {
  options_.relay.initial = 3600s;
  relay_.answer({{result(ResultClass::temporary)}});
  up();
  const auto id = put({to("a@example.com", RouteKind::relay, "example.com")}, "",
                      std::chrono::system_clock::now(), std::string(700'000, 'x'));
  ASSERT_TRUE(tests::eventually([&] { return relay_.calls().size() == 1; }));
  for (const auto& entry : std::filesystem::recursive_directory_iterator(folder_.file("bodies"))) {
    if (!entry.is_regular_file()) continue;
    FILE* file = std::fopen(entry.path().c_str(), "r+");
    std::fseek(file, 600'000, SEEK_SET);
    std::fputc('y', file);
    std::fclose(file);
  }
  relay_.answer({{result(ResultClass::delivered)}});
  act(spool::Action::retry, id);
  EXPECT_TRUE(tests::eventually([&] { return state(id) == spool::State::quarantined; }));
  EXPECT_FALSE(spool_->get(id)->value().damage.empty());
}

}  // namespace
}  // namespace postern::queue
