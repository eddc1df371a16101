// Keywords for the questions that all dialects offer, policy/questions/offered.h.
#include "dialect/restrictions/judges.h"
#include "policy/questions/offered.h"

namespace postern::dialect::restrictions {

RuleOutcome judge_offered(Context& context, const Rule& rule) {
  const auto& question = *policy::questions::find_offered(
      rule.keyword->name.substr(policy::questions::offered_prefix.size()));
  // Lists that are asked again see facts that came later.
  if (context.stage() < question.from) return context.pass(not_known_yet);
  policy::questions::Finding found = question.ask(context.evidence());
  if (found.is != policy::questions::Finding::Is::fails)
    return context.pass(std::move(found.words));
  return context.refuse(rule, question.code, question.enhanced, question.text);
}

}  // namespace postern::dialect::restrictions
