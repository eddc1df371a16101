// Recorded sessions under a script, as `postern replay` and "run again" decide them.
#include "replay/replay.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "dialect/kumo/hooks_test.h"
#include "policy/trace.h"

namespace postern::dialect::kumo {
namespace {

using policy::Mode;
using policy::Stage;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

class ReplayOfScripts : public testing::Hooks {
 protected:
  /// Greeting, EHLO and MAIL, as the gateway records them.
  policy::Trace recorded() {
    policy::Trace trace;
    trace.id = "01HX0000000000000000000000";
    for (const Stage stage : {Stage::connect, Stage::helo, Stage::mail}) {
      policy::Decision decision = decide(stage);
      const bool refused = policy::refused(decision);
      trace.note(std::move(decision));
      if (refused) break;
    }
    trace.evidence = evidence_;
    world_.lines.clear();
    return trace;
  }
  policy::Engine engine(Mode mode = Mode::enforce) const {
    return policy::Engine(
        std::vector<policy::LayerEntry>{{std::make_shared<KumoLayer>(policy_), mode}});
  }
  std::vector<replay::Replayed> again(const policy::Trace& trace, replay::ScriptLog* log = nullptr,
                                      Mode mode = Mode::enforce) {
    const replay::Draft draft{engine(mode), {}};
    return script::testing::run(replay::replay(trace, draft, nullptr, log));
  }
};

std::string summary(const std::vector<replay::Replayed>& found) {
  std::string out;
  for (const replay::Replayed& one : found) {
    const bool same = one.change == replay::Change::same;
    const bool lacks = one.change == replay::Change::undecidable;
    out += (out.empty() ? "" : ", ") + std::string(policy::to_string(one.stage)) + " " +
           (same    ? "same"
            : lacks ? "lacks " + one.lack.kind
                    : "other");
  }
  return out;
}

// The replay once ran scripts without the recorded answers, and no such decision could be repeated.
TEST_F(ReplayOfScripts, a_script_is_told_again_what_it_was_told_at_each_stage) {
  load(R"(
    local function look() return math.random(1000000) end
    kumo.on('smtp_server_connection_accepted', function() look() end)
    kumo.on('smtp_server_ehlo', function() look() end)
    kumo.on('smtp_server_mail_from', function()
      kumo.reject(550, '5.7.1 number ' .. look())
    end))");
  EXPECT_EQ(summary(again(recorded())), "connect same, helo same, mail same");
}

TEST_F(ReplayOfScripts, what_scripts_write_belongs_to_the_result_and_not_to_the_log) {
  load(R"(
    kumo.on('smtp_server_ehlo', function() kumo.log_error('hello') kumo.log_info('quiet') end)
    kumo.on('smtp_server_mail_from', function() error('broken') end))");
  const policy::Trace trace = recorded();
  replay::ScriptLog log;
  for (int i = 0; i < 3; ++i) again(trace, &log);
  EXPECT_THAT(world_.lines, ElementsAre()) << "the log is about what happens now";
  ASSERT_THAT(log.lines(), ElementsAre(HasSubstr("hello"), HasSubstr("broken")));
  EXPECT_EQ(log.left_out(), 4u);
  again(trace);
  EXPECT_THAT(world_.lines, ElementsAre());
}

TEST_F(ReplayOfScripts, the_lines_are_bounded) {
  replay::ScriptLog log;
  for (int i = 0; i < 1000; ++i) log.add("error", "policy.lua:1", std::to_string(i));
  replay::ScriptLog other;
  other.add("error", "", std::string(100000, 'x'));
  log.add(other);
  EXPECT_EQ(log.lines().size(), replay::ScriptLog::most);
  EXPECT_EQ(log.left_out(), 901u);
  EXPECT_LE(other.lines().front().size(), replay::ScriptLog::longest + 3);
}

// The record is older than the script, and the script catches its errors.
TEST_F(ReplayOfScripts, a_script_that_catches_what_the_record_lacks_has_decided_nothing) {
  load("kumo.on('smtp_server_ehlo', function() end)");
  const policy::Trace trace = recorded();
  load(R"(
    kumo.on('smtp_server_mail_from', function()
      if not pcall(math.random) then kumo.reject(550, '5.7.1 no') end
    end))");
  EXPECT_EQ(summary(again(trace)), "connect same, helo same, mail lacks the answer to a script");
  EXPECT_EQ(summary(again(trace, nullptr, Mode::shadow)), "connect same, helo same, mail same")
      << "in shadow it decides nothing";
}

}  // namespace
}  // namespace postern::dialect::kumo
