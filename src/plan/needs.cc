#include "plan/needs.h"

#include <algorithm>

#include "dialect/restrictions/layer.h"
#include "dialect/restrictions/rule_effect.h"
#include "plan/deadline.h"

namespace postern::plan {

namespace {

class Asker {
 public:
  Asker(const Edition& now, const std::function<std::optional<Edition>(const ListEdit&)>& edited,
        const Deadline& deadline)
      : now_(now), edited_(edited), deadline_(deadline) {}

  std::map<std::string, RuleNeed> run(const std::set<std::string>& origins) {
    std::map<std::string, RuleNeed> needs;
    const auto* loaded = now_.config.restrictions.loaded();
    if (loaded == nullptr || origins.empty()) return needs;
    const Comparison itself = judge_edit(now_, now_, options(true)).comparison;
    for (const std::string& origin : origins) {
      if (!spot_of(*loaded->compiled.policy, origin)) continue;
      RuleNeed& one = needs[origin];
      if (itself.idle_rules && itself.idle_rules->contains(origin)) {
        one.need = Need::idle;
      } else if (deadline_.is_over()) {
        one.why = "there was no time for it";
      } else {
        one = without(*loaded->compiled.policy, origin);
      }
    }
    return needs;
  }

 private:
  EditOptions options(bool idle_rules) const {
    EditOptions options{.guardrails = false};
    options.compare.time =
        std::clamp(deadline_.left(), std::chrono::milliseconds(1), options.compare.time);
    options.compare.idle_rules = idle_rules;
    return options;
  }

  RuleNeed without(const dialect::restrictions::ListPolicy& policy, const std::string& origin) {
    const Spot spot = *spot_of(policy, origin);
    if (looks_at(policy, (*rules_of(policy, spot.parameter))[spot.at]).others) {
      return {.why = "it looks at other recipients of the message"};
    }
    ListEdit edit;
    const auto version = take_out(policy, origin, edit) ? edited_(edit) : std::nullopt;
    if (!version) return {.why = "the lists do not load without it"};
    Comparison found = judge_edit(now_, *version, options(false)).comparison;
    const auto differs = [](const Witness& one) {
      return is_verdict(one.kind) || one.kind == DifferenceKind::handling;
    };
    const auto witness = std::ranges::find_if(found.witnesses, differs);
    if (witness != found.witnesses.end()) {
      return {.need = Need::needed, .witness = std::move(*witness)};
    }
    if (found.verdicts() == Answer::same && found.handling == Known::no) {
      return {.need = Need::spare};
    }
    return {.why = found.not_proved.empty() ? "not proved" : found.not_proved.front().text};
  }

  const Edition& now_;
  const std::function<std::optional<Edition>(const ListEdit&)>& edited_;
  const Deadline deadline_;
};

}  // namespace

std::map<std::string, RuleNeed> needs_of(
    const Edition& now, const std::set<std::string>& origins,
    const std::function<std::optional<Edition>(const ListEdit&)>& edited,
    std::chrono::milliseconds time) {
  return Asker(now, edited, Deadline(time)).run(origins);
}

}  // namespace postern::plan
