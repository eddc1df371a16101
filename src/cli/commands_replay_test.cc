#include "cli/commands_replay.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <sstream>

#include <boost/json.hpp>

#include "base/temporary_folder_test.h"
#include "base/ulid.h"
#include "cli/answer_test.h"
#include "dialect/webhook/compile.h"
#include "dialect/webhook/layer.h"
#include "policy/gateway_layer.h"
#include "policy/testing.h"
#include "policy/trace.h"
#include "store/traces.h"

namespace postern::app {
namespace {

using namespace postern::policy::testing;
using policy::Stage;
using std::chrono::hours;
using ::testing::HasSubstr;
using ::testing::Not;

constexpr const char* refusing =
    "[restrictions]\nmynetworks = \"192.0.2.0/24\"\n"
    "smtpd_relay_restrictions = \"reject_unauth_destination\"\n"
    "smtpd_sender_restrictions = \"check_sender_access inline:{spam.example=REJECT}\"\n";

/// A data directory with 40 accepted messages to a webhook, at least an hour old; `refusing`
/// rejects the sender of every fourth.
class ReplayCommand : public testing::Test {
 protected:
  void SetUp() override {
    auto writer = store::TraceWriter::open(folder_.file("traces.db"));
    ASSERT_TRUE(writer) << writer.error().message;
    const auto now = std::chrono::system_clock::now();
    for (int i = 0; i < 40; ++i) {
      ids_.push_back(new_ulid());
      policy::Trace trace = transaction(i % 4 == 0 ? "spam.example" : "example.com");
      trace.id = ids_.back();
      trace.started = now - (i < 20 ? hours(2) : hours(0));
      ASSERT_TRUE((*writer)->post(std::move(trace)));
    }
    (*writer)->flush();
  }

  static policy::Trace transaction(std::string sender) {
    const policy::Engine engine(
        {{std::make_shared<dialect::webhook::WebhookLayer>(100)}, {policy::gateway_layer()}});
    CountingGatherer gatherer;
    policy::Trace trace;
    policy::Evidence evidence = from_client("198.51.100.1");
    evidence.reverse_path = mail::Mailbox{"alerts", std::move(sender)};
    dialect::webhook::PolicyFields fields;
    fields.name = "any";
    evidence.consider(
        recipient_of(a_webhook("a"), dialect::webhook::compile("pol_1", "acc_1", 1, 1, fields)));
    trace.note(policy::testing::run(engine.decide(Stage::rcpt, evidence, gatherer)));
    evidence.recipients.push_back(*evidence.candidate);
    evidence.candidate.reset();
    evidence.message = policy::MessageFacts{.received_fields = 3};
    trace.note(policy::testing::run(engine.decide(Stage::message, evidence, gatherer)));
    trace.outcome = "accepted";
    trace.evidence = std::move(evidence);
    return trace;
  }

  Answer replay(const std::string& draft, std::vector<std::string> more = {}) {
    more.insert(more.begin(), {"replay", "--config", "-", "--data-dir", folder_.path()});
    const auto parsed = parse_command_line(more);
    EXPECT_TRUE(std::holds_alternative<Arguments>(parsed));
    return answer_of(run_replay, std::get<Arguments>(parsed), draft);
  }

  tests::TemporaryFolder folder_;
  std::vector<std::string> ids_;
};

TEST_F(ReplayCommand, nothing_changes_under_the_defaults) {
  const Answer answer = replay("");
  EXPECT_EQ(answer.code, 0) << answer.err;
  EXPECT_THAT(answer.out, HasSubstr("80 decisions of 40 transactions under <stdin>:\n"));
  EXPECT_THAT(answer.out, HasSubstr("        80  same\n"));
  EXPECT_THAT(answer.out, HasSubstr("         0  newly refused\n"));
  EXPECT_THAT(answer.err, Not(HasSubstr("\r")));
}

TEST_F(ReplayCommand, says_what_is_newly_refused_by_which_rule_with_samples) {
  const Answer answer = replay(refusing, {"--samples", "2"});
  EXPECT_EQ(answer.code, 1) << answer.err;
  EXPECT_THAT(answer.out, HasSubstr("        10  newly refused\n"));
  EXPECT_THAT(answer.out, HasSubstr("\nnewly refused: 10\n"
                                    "         10  restrictions check_sender_access ("));
  // The newest two.
  EXPECT_THAT(answer.out, HasSubstr(ids_[36]));
  EXPECT_THAT(answer.out, HasSubstr(ids_[32]));
  EXPECT_THAT(answer.out, Not(HasSubstr(ids_[28])));
  EXPECT_THAT(answer.out, HasSubstr("<alerts@spam.example> to <a@hooks.example.net>  at rcpt\n"));
  EXPECT_THAT(answer.out, HasSubstr("      recorded  accepted\n"));
  EXPECT_THAT(answer.out, HasSubstr("      draft     554 5.7.1 "));
}

TEST_F(ReplayCommand, answers_in_one_json_object) {
  const Answer answer = replay(refusing, {"--json"});
  EXPECT_EQ(answer.code, 1) << answer.err;
  const boost::json::value found = boost::json::parse(answer.out);
  EXPECT_EQ(found.at("transactions").to_number<int>(), 40);
  EXPECT_EQ(found.at("counts").at("newly_refused").to_number<int>(), 10);
  EXPECT_EQ(found.at("counts").at("same").to_number<int>(), 60);
  const boost::json::value& change = found.at("changes").at("newly_refused");
  EXPECT_EQ(change.at("rules").at(0).at("count").to_number<int>(), 10);
  ASSERT_EQ(change.at("samples").as_array().size(), 5u);
  const boost::json::value& sample = change.at("samples").at(0);
  EXPECT_EQ(sample.at("trace_id").as_string(), ids_[36]);
  EXPECT_EQ(sample.at("client_ip"), "198.51.100.1");
  EXPECT_EQ(sample.at("rcpt_to"), "a@hooks.example.net");
  EXPECT_EQ(sample.at("draft_rule").at("check"), "check_sender_access");
  EXPECT_TRUE(sample.at("recorded_rule").is_null());
}

TEST_F(ReplayCommand, takes_a_time_and_a_number) {
  EXPECT_THAT(replay(refusing, {"--since", "1h"}).out, HasSubstr("of 20 transactions"));
  EXPECT_THAT(replay(refusing, {"--since", "7d"}).out, HasSubstr("of 40 transactions"));
  EXPECT_THAT(replay(refusing, {"--since", "2020-01-01T00:00:00+01:00"}).out,
              HasSubstr("of 40 transactions"));
  EXPECT_THAT(replay(refusing, {"--limit", "4"}).out, HasSubstr("         1  newly refused\n"));
  EXPECT_THAT(replay("", {"--since", "2100-01-01T00:00:00Z"}).out,
              HasSubstr("0 decisions of 0 transactions"));
}

TEST_F(ReplayCommand, counts_apart_what_it_cannot_know) {
  const Answer answer = replay(
      "[restrictions]\nmynetworks = \"192.0.2.0/24\"\n"
      "smtpd_relay_restrictions = \"reject_unauth_destination\"\n"
      "smtpd_client_restrictions = \"reject_rbl_client bl.example.net\"\n");
  EXPECT_EQ(answer.code, 3) << "nothing changes, as far as it is known" << answer.out;
  EXPECT_THAT(answer.out, HasSubstr("        80  not decidable\n"));
  EXPECT_THAT(
      answer.out,
      HasSubstr("        40  DNS answers of type A, such as 1.100.51.198.bl.example.net\n"));
}

TEST_F(ReplayCommand, refuses_what_it_cannot_read) {
  EXPECT_EQ(replay("", {"--since", "yesterday"}).code, 64);
  EXPECT_EQ(replay("", {"--limit", "0"}).code, 64);
  EXPECT_EQ(replay("", {"--samples", "x"}).code, 64);
  EXPECT_EQ(replay("mistake = 1\n").code, 78);
  const Answer lost = replay("", {"--data-dir", folder_.file("elsewhere")});
  EXPECT_EQ(lost.code, 66);
  EXPECT_THAT(lost.err, HasSubstr("there is no traces.db in " + folder_.file("elsewhere")));
  unsetenv("POSTERN_CONFIG");
  const auto parsed = parse_command_line({"replay"});
  std::istringstream in;
  std::ostringstream out;
  std::ostringstream err;
  Streams streams{in, out, err};
  EXPECT_EQ(run_replay(std::get<Arguments>(parsed), streams), 64);
  EXPECT_THAT(err.str(), HasSubstr("which draft?"));
}

}  // namespace
}  // namespace postern::app
