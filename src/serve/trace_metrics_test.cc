#include "serve/trace_metrics.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "telemetry/metrics.h"

namespace postern::app {
namespace {

using ::testing::HasSubstr;

policy::Step step(std::string_view layer, std::string_view check, policy::Verdict::Kind kind,
                  bool enforced) {
  policy::Step made;
  made.layer = layer;
  made.check = check;
  made.verdict.kind = kind;
  made.enforced = enforced;
  return made;
}

TEST(TraceMetrics, layers_checks_and_durations_are_counted) {
  telemetry::MetricsSetup setup;
  setup.checks = {"recipient_known", "client_in_networks"};
  telemetry::start_metrics(setup);
  policy::Decision decision;
  decision.stage = policy::Stage::rcpt;
  decision.took = std::chrono::milliseconds(2);
  using Kind = policy::Verdict::Kind;
  decision.steps = {step("gateway", "recipient_known", Kind::pass_on, true),
                    step("webhook", "client_in_networks", Kind::pass_on, true),
                    step("webhook", "client_in_networks", Kind::reject, true),
                    step("webhook", "unheard_of", Kind::permit, false)};
  decision.steps.back().layer = "draft";
  policy::Trace trace;
  trace.decisions.push_back(decision);
  decision.counted = true;
  trace.decisions.push_back(std::move(decision));
  count_decisions(trace);
  const std::string text = telemetry::metrics().registry.render();
  for (
      const std::string_view line :
      {R"(postern_check_results_total{check="recipient_known",result="pass_on"} 1)",
       R"(postern_check_results_total{check="client_in_networks",result="pass_on"} 1)",
       R"(postern_check_results_total{check="client_in_networks",result="reject"} 1)",
       R"(postern_check_results_total{check="other",result="permit"} 1)",
       R"(postern_decision_verdicts_total{stage="rcpt",layer="gateway",dialect="gateway",mode="enforce",verdict="pass_on"} 1)",
       R"(postern_decision_verdicts_total{stage="rcpt",layer="webhook",dialect="webhook",mode="enforce",verdict="reject"} 1)",
       R"(postern_decision_verdicts_total{stage="rcpt",layer="other",dialect="other",mode="shadow",verdict="permit"} 1)",
       R"(postern_decision_duration_seconds_count{stage="rcpt"} 1)"}) {
    EXPECT_THAT(text, HasSubstr(std::string(line) + "\n"));
  }
}

TEST(TraceMetrics, decisions_that_failed_closed_are_counted_by_their_cause) {
  telemetry::start_metrics({});
  policy::Trace trace;
  const auto add = [&](policy::Trouble cause, bool enforced) {
    policy::Decision decision{.stage = policy::Stage::rcpt};
    policy::Step failed = step("webhook", "internal_error", policy::Verdict::Kind::defer, enforced);
    failed.verdict.trouble = cause;
    decision.steps.push_back(std::move(failed));
    trace.decisions.push_back(std::move(decision));
  };
  for (std::size_t i = 0; i < policy::trouble_count; ++i) {
    add(static_cast<policy::Trouble>(i), true);
    add(static_cast<policy::Trouble>(i), false);
  }
  count_decisions(trace);
  const std::string text = telemetry::metrics().registry.render();
  for (std::size_t i = 0; i < policy::trouble_count; ++i) {
    EXPECT_THAT(text,
                HasSubstr("postern_decision_errors_total{dialect=\"webhook\",kind=\"" +
                          std::string(to_string(static_cast<policy::Trouble>(i))) + "\"} 1\n"));
  }
}

}  // namespace
}  // namespace postern::app
