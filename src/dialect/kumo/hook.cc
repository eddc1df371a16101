#include "dialect/kumo/hook.h"

#include <fmt/format.h>

#include "base/text.h"
#include "dialect/kumo/message.h"
#include "dialect/kumo/refusal.h"
#include "dialect/kumo/session.h"
#include "dialect/script_record.h"

namespace postern::dialect::kumo {

using policy::Verdict;

namespace {

Verdict trouble_at(policy::Stage stage, std::string cause) {
  if (stage == policy::Stage::connect) {
    return policy::refuse(421, {4, 3, 0}, "temporary local problem, try again later",
                          std::move(cause));
  }
  return policy::refuse(451, {4, 3, 0}, "temporary local problem, try again later",
                        std::move(cause));
}

smtp::Reply no_memory_at(policy::Stage stage) {
  if (stage == policy::Stage::connect) return {421, {4, 3, 2}, "insufficient system storage"};
  return {452, {4, 3, 1}, "insufficient system storage"};
}

/// "5.7.1" is the script's to give or to leave out; the reply is what it wrote.
Verdict refusal_of(policy::Stage stage, const Refusal& refusal) {
  Verdict verdict{refusal.reply().temporary() ? Verdict::Kind::defer : Verdict::Kind::reject,
                  refusal.reply(), refusal.words()};
  if (stage == policy::Stage::connect && verdict.reply.after == smtp::After::go_on) {
    verdict.reply.after = smtp::After::close;
  }
  return verdict;
}

}  // namespace

std::string shown(std::string_view text) { return '"' + printable(text, 100) + '"'; }

void log_trouble(const Policy& policy, const Context& context, std::string_view event,
                 const script::Raised& raised) {
  CallWorld(policy.world(), context.evidence, context.gatherer)
      .log("error", policy.place_of(event),
           fmt::format("{}: {}\n{}", event, raised.message, raised.traceback));
}

namespace {

/// Whether a value was refused for want of memory.
bool ran_out(const Context& context) {
  if (context.message != nullptr && context.message->held->take_refusal()) return true;
  const auto& session = context.evidence.session.script;
  HeldValues* const held = session ? held_values(*session) : nullptr;
  return held != nullptr && held->take_refusal();
}

}  // namespace

Task<Verdict> ask(const Policy& policy, Question question, Context& context,
                  std::vector<policy::Step>& steps) {
  const script::State::Read ignore = [](lua_State*, int) {};
  const bool reads = question.results != nullptr;
  Policy::Ran ran = co_await policy.run(question.event, std::move(question.arguments),
                                        reads ? std::move(question.results) : ignore, context,
                                        Policy::Recorded::yes);
  Verdict verdict = policy::pass_on();
  if (ran.raised) {
    const auto* refusal = dynamic_cast<const Refusal*>(ran.raised->thrown.get());
    if (refusal != nullptr) {
      verdict = refusal_of(question.stage, *refusal);
    } else {
      log_trouble(policy, context, question.event, *ran.raised);
      verdict = trouble_at(question.stage, ran.raised->message);
      if (ran_out(context)) {
        verdict.reply = no_memory_at(question.stage);
      }
    }
  }
  if (!verdict.detail.empty()) verdict.detail = ": " + verdict.detail;
  verdict.detail = "(" + question.shown + ")" + verdict.detail;
  steps.push_back({.stage = question.stage,
                   .layer = "lua",
                   .check = question.event,
                   .origin = policy.place_of(question.event),
                   .verdict = verdict,
                   .spent = script::words_of(ran.spent)});
  co_return verdict;
}

}  // namespace postern::dialect::kumo
