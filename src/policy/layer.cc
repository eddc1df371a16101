#include "policy/layer.h"

#include <exception>

namespace postern::policy {

Need missing(Need needs, const Evidence& evidence) {
  Need result = Need::none;
  if (has(needs, Need::rate_tokens) && !evidence.rate_tokens) result = result | Need::rate_tokens;
  return result;
}

Task<Verdict> run_plan(std::string_view layer, const Plan& plan, Stage stage, Evidence& evidence,
                       Gatherer& gatherer, std::vector<Step>& steps) {
  for (const Rule& rule : plan.at(stage)) {
    const Need needs = missing(rule.check->needs, evidence);
    if (needs != Need::none) co_await gatherer.gather(needs, evidence);
    Verdict verdict = rule.check->judge(evidence, rule.argument);
    steps.push_back({.stage = stage,
                     .layer = layer,
                     .check = rule.check->name,
                     .origin = rule.origin,
                     .verdict = verdict});
    if (verdict.decides()) co_return verdict;
  }
  co_return pass_on();
}

bool Engine::speaks_at(Stage stage) const {
  return std::any_of(layers_.begin(), layers_.end(),
                     [stage](const LayerEntry& entry) { return entry.layer->speaks_at(stage); });
}

namespace {

Step failed_step(Stage stage, const Layer& layer, const std::string& cause) {
  Verdict verdict = refuse(451, {4, 3, 0}, "temporary local problem, try again later", cause);
  return {.stage = stage,
          .layer = layer.name(),
          .check = "internal_error",
          .origin = {},
          .verdict = std::move(verdict)};
}

}  // namespace

Task<Decision> Engine::decide(Stage stage, Evidence& evidence, Gatherer& gatherer) const {
  const auto started = std::chrono::steady_clock::now();
  Decision decision{.stage = stage};
  if (evidence.candidate) decision.recipient = evidence.candidate->address.text();
  decision.reply.code = 0;
  for (const LayerEntry& entry : layers_) {
    if (!entry.layer->speaks_at(stage)) continue;
    const std::size_t first_step = decision.steps.size();
    Verdict verdict;
    std::string cause;
    try {
      verdict = co_await entry.layer->judge(stage, evidence, gatherer, decision.steps);
    } catch (const std::exception& error) {
      cause = error.what();
    }
    if (!cause.empty()) {  // fail closed: what a layer cannot decide is not accepted
      decision.steps.push_back(failed_step(stage, *entry.layer, cause));
      verdict = decision.steps.back().verdict;
    }
    if (entry.mode == Mode::shadow) {
      for (std::size_t i = first_step; i < decision.steps.size(); ++i) {
        decision.steps[i].enforced = false;
      }
      continue;
    }
    if (verdict.refuses()) {
      decision.reply = std::move(verdict.reply);
      break;
    }
  }
  decision.took = std::chrono::steady_clock::now() - started;
  co_return decision;
}

bool refused(const Decision& decision) { return decision.reply.code >= 400; }

}  // namespace postern::policy
