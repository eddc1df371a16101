#include "dialect/kumo/hook.h"

#include <fmt/format.h>

#include "base/text.h"
#include "dialect/kumo/message.h"
#include "dialect/kumo/refusal.h"
#include "dialect/kumo/replies.h"
#include "dialect/kumo/session.h"
#include "dialect/script_record.h"

namespace postern::dialect::kumo {

using policy::Verdict;

namespace {

/// The verdict with the script's reply, which may lack an enhanced code.
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

void log_trouble(const LuaPolicy& policy, const Context& context, std::string_view event,
                 const script::Raised& raised) {
  CallWorld(policy.world(), context.inquiry)
      .log("error", policy.place_of(event),
           fmt::format("{}: {}\n{}", event, raised.message, raised.traceback));
}

namespace {

/// Whether a value was refused because memory ran out.
bool ran_out(const Context& context) {
  if (context.message != nullptr && context.message->held->take_refusal()) return true;
  const auto& session = context.evidence.session.script;
  HeldValues* const held = session ? held_values(*session) : nullptr;
  return held != nullptr && held->take_refusal();
}

}  // namespace

Task<Verdict> ask(const LuaPolicy& policy, Question question, Context& context,
                  std::vector<policy::Step>& steps) {
  const script::State::Read ignore = [](lua_State*, int) {};
  const bool reads = question.results != nullptr;
  LuaPolicy::Ran ran = co_await policy.run(question.event, std::move(question.arguments),
                                           reads ? std::move(question.results) : ignore, context,
                                           LuaPolicy::Recorded::yes);
  Verdict verdict = policy::pass_on();
  if (ran.raised) {
    const auto* refusal = dynamic_cast<const Refusal*>(ran.raised->thrown.get());
    if (refusal != nullptr) {
      verdict = refusal_of(question.stage, *refusal);
    } else {
      log_trouble(policy, context, question.event, *ran.raised);
      using policy::questions::Trouble;
      const Trouble kind = ran_out(context) ? Trouble::no_memory : Trouble::script;
      verdict = replies::trouble(question.stage, kind, ran.raised->message);
    }
  }
  std::string words;
  words.reserve(question.shown.size() + verdict.detail.size() + 4);
  words.append("(").append(question.shown).append(")");
  if (!verdict.detail.empty()) words.append(": ").append(verdict.detail);
  verdict.detail = std::move(words);
  Verdict answer = verdict.refuses() ? verdict : policy::pass_on();
  steps.push_back({.stage = question.stage,
                   .layer = "lua",
                   .check = question.event,
                   .origin = policy.place_of(question.event),
                   .verdict = std::move(verdict),
                   .spent = script::words_of(ran.spent)});
  co_return answer;
}

}  // namespace postern::dialect::kumo
