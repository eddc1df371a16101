// Keywords for the questions that all dialects offer, policy/questions/offered.h.
#include "dialect/restrictions/judges.h"
#include "policy/questions/offered.h"

namespace postern::dialect::restrictions {

namespace {

using policy::Stage;
using policy::questions::Finding;

Stage stage_of(Protocol protocol) {
  switch (protocol) {
    case Protocol::connect:
      return Stage::connect;
    case Protocol::helo:
      return Stage::helo;
    case Protocol::mail:
      return Stage::mail;
    case Protocol::rcpt:
    case Protocol::vrfy:
    case Protocol::etrn:
      return Stage::rcpt;
    case Protocol::data:
      return Stage::data;
    case Protocol::end_of_data:
      break;
  }
  return Stage::message;
}

}  // namespace

RuleOutcome judge_offered(Context& context, const Rule& rule) {
  const auto& question = *policy::questions::find_offered(
      rule.keyword->name.substr(policy::questions::offered_prefix.size()));
  // Lists that are asked again see facts that came later.
  if (stage_of(context.protocol()) < question.from) return context.pass(not_known_yet);
  Finding found = question.ask(context.evidence());
  if (found.is != Finding::Is::fails) return context.pass(std::move(found.words));
  return context.refuse(rule, question.code, question.enhanced, question.text);
}

}  // namespace postern::dialect::restrictions
