// `postern queue` on a spool without a gateway, and with a running gateway.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <sstream>

#include <sys/stat.h>
#include <boost/json.hpp>

#include "cli/answer_test.h"
#include "cli/run.h"
#include "serve/control_file.h"
#include "serve/instance.h"
#include "spool/spool_fixture.h"

namespace postern::app {
namespace {

namespace json = boost::json;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;
using namespace postern::spool;

/// Runs every test twice: the command opens the queue itself, or asks a gateway.
class QueueCommandTest : public SpoolTest, public ::testing::WithParamInterface<bool> {
 protected:
  QueueCommandTest() {
    std::filesystem::create_directories(data_ + "/spool");
    options_.directory = data_ + "/spool";
    open();
  }
  ~QueueCommandTest() override { gateway_.reset(); }

  MessageId add(const std::string& sender, State state = State::queued,
                const std::string& text = "Subject: x\r\n\r\nbody\r\n") {
    Envelope made{.received = std::chrono::system_clock::now(), .reverse_path = sender};
    const Time later = made.received + std::chrono::hours(1);
    made.recipients = {{.address = "x@example.net",
                        .destination = {RouteKind::relay, "example.net"},
                        .state = state,
                        .last_reply = "451 4.7.1 later\x1b[31m"}};
    const auto id = put(std::move(made), text);
    EXPECT_TRUE(id) << id.error().message;
    if (state == State::queued) {  // already tried: not again during the test
      const auto claims = claim({{*id, 0}}, Time::max(), later);
      EXPECT_TRUE(settle({{.key = {*id, 0},
                           .attempt = claims->front().attempt,
                           .outcome = AttemptOutcome::retry,
                           .next_attempt = later,
                           .reply = "451 4.7.1 later\x1b[31m"}}));
    }
    return *id;
  }

  /// From here on the queue belongs to the gateway, if there is one.
  void let_go() {
    spool_.reset();
    if (!GetParam()) return;
    Config config = default_config().config;
    config.server.data_dir = data_;
    config.api.address = *Endpoint::parse("127.0.0.1:0");
    for (auto& listener : config.listeners) listener.address = *Endpoint::parse("127.0.0.1:0");
    // Delivery attempts stay on this machine, where nothing listens.
    config.routes.push_back({.match = {"*"}, .to = {"[127.0.0.1]:9"}});
    auto started = Instance::start(config);
    ASSERT_TRUE(started) << started.error().message;
    gateway_ = std::move(*started);
  }
  Answer run(std::vector<std::string> words) {
    words.insert(words.begin(), "queue");
    words.insert(words.end(), {"--data-dir", data_});
    return answer_of([](const auto& line, Streams& to) { return run_line(line, to); }, words);
  }
  std::string state(const MessageId& id) {
    const Answer answer = run({"show", id, "--json"});
    if (answer.code != 0) return "gone";
    return std::string(json::parse(answer.out).at_pointer("/recipients/0/state").as_string());
  }

  const std::string data_ = folder_.file("data");
  std::unique_ptr<Instance> gateway_;
};

INSTANTIATE_TEST_SUITE_P(_, QueueCommandTest, ::testing::Bool(), [](const auto& info) {
  return info.param ? "through_a_gateway" : "on_the_spool";
});

TEST_P(QueueCommandTest, lists_and_shows_what_waits) {
  const MessageId a = add("a@example.org");
  const MessageId held = add("", State::held);
  let_go();
  const Answer all = run({"list"});
  ASSERT_EQ(all.code, 0) << all.err;
  EXPECT_THAT(all.out, HasSubstr(a + "  <a@example.org>"));
  EXPECT_THAT(all.out, HasSubstr("held         x@example.net  relay:example.net"));
  EXPECT_THAT(all.out, Not(HasSubstr("\x1b"))) << "a foreign reply must not reach the terminal";
  EXPECT_THAT(run({"list", "--state", "held"}).out, StartsWith(held));
  EXPECT_THAT(run({"list", "--sender", "<>"}).out, StartsWith(held));
  EXPECT_THAT(run({"list", "--recipient", "x@example.net", "--state", "queued"}).out,
              StartsWith(a));
  EXPECT_THAT(run({"list", "--older-than", "1h"}).err, HasSubstr("no message matches"));
  EXPECT_THAT(run({"list", "--limit", "1"}).err, HasSubstr("the newest 1"));
  const Answer one = run({"list", "--state", "held", "--json"});
  EXPECT_EQ(json::parse(one.out).at("id").as_string(), held);

  const Answer shown = run({"show", a});
  ASSERT_EQ(shown.code, 0) << shown.err;
  EXPECT_THAT(shown.out, HasSubstr("<a@example.org>"));
  EXPECT_THAT(shown.out, HasSubstr("relay:example.net"));
  EXPECT_THAT(shown.out, HasSubstr("451 4.7.1 later"));
  EXPECT_THAT(shown.out, HasSubstr("\n  postern queue hold " + a + "  "));
  EXPECT_THAT(shown.out, Not(HasSubstr("queue release")));
  EXPECT_THAT(run({"show", held}).out, HasSubstr("\n  postern queue release " + held + "  "));
  const Answer unknown = run({"show", "01ARZ3NDEKTSV4RRFFQ69G5FAV"});
  EXPECT_EQ(unknown.code, 66);
  EXPECT_THAT(unknown.err, HasSubstr("what to do: `postern queue list` shows ids"));
  EXPECT_THAT(run({"destinations"}).out, HasSubstr("relay:example.net         1         1"));
  EXPECT_THAT(run({"destinations"}).out, testing::StartsWith("recipients, by their state:\n"));
}

TEST_P(QueueCommandTest, prints_the_octets_of_a_small_and_of_a_large_message) {
  const MessageId small = add("a@example.org");
  const std::string text(1 << 20, 'y');
  const MessageId large = add("a@example.org", State::queued, text);
  let_go();
  EXPECT_EQ(run({"show", small, "--message"}).out, "Subject: x\r\n\r\nbody\r\n");
  EXPECT_EQ(run({"show", large, "--message"}).out, text);
  EXPECT_EQ(run({"show", "01ARZ3NDEKTSV4RRFFQ69G5FAV", "--message"}).code, 66);
}

TEST_P(QueueCommandTest, what_does_nothing_says_so) {
  const MessageId held = add("a@example.org", State::held);
  let_go();
  const Answer retried = run({"retry", held});
  EXPECT_NE(retried.code, 0);
  EXPECT_THAT(retried.err, HasSubstr("the message is held; `release` queues it"));
  EXPECT_EQ(state(held), "held");
  EXPECT_NE(run({"hold", held}).code, 0);
  EXPECT_EQ(run({"release", held}).code, 0);
}

TEST_P(QueueCommandTest, changes_messages_by_their_ids) {
  const MessageId a = add("a@example.org");
  const MessageId b = add("a@example.org");
  let_go();
  EXPECT_EQ(run({"hold", a, b}).code, 0);
  EXPECT_EQ(state(a), "held");
  EXPECT_EQ(state(b), "held");
  EXPECT_EQ(run({"release", a}).code, 0);
  EXPECT_EQ(state(a), "queued");
  EXPECT_EQ(run({"retry", a}).code, 0);
  EXPECT_EQ(run({"drop", a}).code, 0);
  EXPECT_EQ(state(a), "gone");
  const Answer missing = run({"hold", a, b});
  EXPECT_EQ(missing.code, 66) << "and the other is held all the same";
  EXPECT_THAT(missing.err, HasSubstr(a));
  const Answer told = run({"drop", "--notify", b});
  EXPECT_EQ(told.code, 1) << told.err;
  EXPECT_EQ(state(b), "held") << "no report, no drop";
}

TEST_P(QueueCommandTest, changes_all_that_filters_meet) {
  const MessageId kept = add("b@example.org");
  for (int i = 0; i < 5; ++i) add("a@example.org");
  let_go();
  const Answer held = run({"hold", "--all", "--sender", "a@example.org"});
  EXPECT_EQ(held.code, 0) << held.err;
  EXPECT_EQ(held.out, "5 messages\n");
  EXPECT_EQ(state(kept), "queued");
  EXPECT_EQ(run({"drop", "--all", "--state", "held"}).code, 64) << "needs --yes";
  EXPECT_EQ(run({"drop", "--all", "--state", "held", "--yes"}).out, "5 messages\n");
  EXPECT_THAT(run({"list"}).out, StartsWith(kept));
}

TEST_P(QueueCommandTest, verifies_and_says_what_is_wrong) {
  add("a@example.org");
  const MessageId large = add("a@example.org", State::queued, std::string(400 << 10, 'z'));
  const std::vector<std::string> bodies = [&] {
    std::vector<std::string> found;
    for (const auto& entry :
         std::filesystem::recursive_directory_iterator(data_ + "/spool/bodies")) {
      if (entry.is_regular_file()) found.push_back(entry.path());
    }
    return found;
  }();
  ASSERT_EQ(bodies.size(), 1u);
  let_go();
  const Answer sound = run({"verify"});
  EXPECT_EQ(sound.code, 0) << sound.err;
  EXPECT_THAT(sound.out, HasSubstr("2 messages, 2 recipients"));
  std::filesystem::permissions(bodies[0], std::filesystem::perms::owner_all);
  std::fstream(bodies[0], std::ios::in | std::ios::out | std::ios::binary).seekp(1000) << "Q";
  const Answer damaged = run({"verify"});
  EXPECT_EQ(damaged.code, 1);
  EXPECT_THAT(damaged.out, HasSubstr(large + ": "));
  EXPECT_EQ(run({"show", large, "--message"}).code, 74) << "the end is never given out";
}

TEST_P(QueueCommandTest, refuses_lines_that_mean_nothing) {
  const MessageId a = add("a@example.org");
  let_go();
  for (const std::vector<std::string>& words :
       std::vector<std::vector<std::string>>{{"list", "--state", "x"},
                                             {"list", "--destination", "example.com"},
                                             {"list", "--older-than", "yesterday"},
                                             {"list", "--limit", "0"},
                                             {"show"},
                                             {"show", "x"},
                                             {"retry"},
                                             {"retry", "--all"},
                                             {"retry", "x"},
                                             {"retry", a, "--state", "held"},
                                             {"retry", "--all", "--state", "held", a},
                                             {"drop", a, a}}) {
    const Answer answer = run(words);
    EXPECT_EQ(answer.code, 64) << words[0];
    EXPECT_THAT(answer.err, HasSubstr("error: "));
  }
  EXPECT_EQ(state(a), "queued");
}

class ControlFileTest : public SpoolTest {};

TEST_F(ControlFileTest, is_for_its_owner_alone_and_read_as_written) {
  const std::string path = control_path(folder_.path());
  EXPECT_FALSE(*read_control(path));
  ControlFile control = new_control();
  control.url = control_url(*Endpoint::parse("0.0.0.0:8025"));
  EXPECT_EQ(control.url, "http://127.0.0.1:8025");
  EXPECT_EQ(control_url(*Endpoint::parse("[::]:1")), "http://[::1]:1");
  EXPECT_GE(control.token.size(), 40u);
  EXPECT_NE(control.token.reveal(), new_control().token.reveal());
  ASSERT_TRUE(write_control(path, control));
  ASSERT_TRUE(write_control(path, control)) << "what a crash left is replaced";
  struct stat about{};
  ASSERT_EQ(::stat(path.c_str(), &about), 0);
  EXPECT_EQ(about.st_mode & 07777, 0600u);
  const auto read = read_control(path);
  ASSERT_TRUE(read && *read);
  EXPECT_EQ((*read)->url, control.url);
  EXPECT_TRUE((*read)->token.equals(control.token.reveal()));
  std::ofstream(path) << "{}";
  EXPECT_EQ(read_control(path).error().fault, Fault::malformed);
}

TEST_F(ControlFileTest, stands_while_a_gateway_runs_and_a_left_over_one_does_no_harm) {
  const std::string data = folder_.file("data");
  const auto list = [&] {
    std::istringstream in;
    std::ostringstream out;
    std::ostringstream err;
    Streams streams{in, out, err};
    return run_line({"queue", "list", "--data-dir", data}, streams);
  };
  EXPECT_EQ(list(), 66) << "no queue at all, and none is made";
  EXPECT_FALSE(std::filesystem::exists(data));
  Config config = default_config().config;
  config.server.data_dir = data;
  config.api.address = *Endpoint::parse("127.0.0.1:0");
  for (auto& listener : config.listeners) listener.address = *Endpoint::parse("127.0.0.1:0");
  auto gateway = Instance::start(config);
  ASSERT_TRUE(gateway) << gateway.error().message;
  EXPECT_TRUE(std::filesystem::exists(control_path(data)));
  EXPECT_EQ(list(), 0);
  const auto control = *read_control(control_path(data));
  gateway->reset();
  EXPECT_FALSE(std::filesystem::exists(control_path(data)));
  ASSERT_TRUE(write_control(control_path(data), *control));
  EXPECT_EQ(list(), 0) << "the lock is free: nobody is asked";
}

}  // namespace
}  // namespace postern::app
