#include "serve/trace_metrics.h"

#include "telemetry/metrics.h"

namespace postern::app {

namespace {

using telemetry::metrics;

/// Counts the verdict of each layer that was asked, which is that of its last step: a layer ends
/// when a rule decides.
void count_layers(const policy::Decision& decision, std::string_view stage) {
  for (std::size_t i = 0; i < decision.steps.size(); ++i) {
    const policy::Step& step = decision.steps[i];
    metrics().check_results.counter({step.check, to_string(step.verdict.kind)}).add();
    const bool is_last =
        i + 1 == decision.steps.size() || decision.steps[i + 1].layer != step.layer;
    if (!is_last) continue;
    // In shadow nothing fails: the layer's ruling is not applied.
    if (step.verdict.trouble && step.enforced) {
      metrics().decision_errors.counter({step.layer, to_string(*step.verdict.trouble)}).add();
    }
    metrics()
        .decision_verdicts
        .counter({stage, step.layer, step.layer, step.enforced ? "enforce" : "shadow",
                  to_string(step.verdict.kind)})
        .add();
  }
}

}  // namespace

void count_decisions(const policy::Trace& trace) {
  for (const policy::Decision& decision : trace.decisions) {
    if (decision.counted) continue;
    const std::string_view stage = to_string(decision.stage);
    count_layers(decision, stage);
    metrics().decision_duration.histogram({stage}).observe(decision.took);
  }
}

}  // namespace postern::app
