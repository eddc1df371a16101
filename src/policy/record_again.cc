// Replay of a recorded decision: its evidence, and the comparison of the results.
#include <algorithm>

#include "policy/deferral.h"
#include "policy/layer.h"
#include "policy/record.h"
#include "policy/trace.h"

namespace postern::policy {

Evidence evidence_at(const Trace& trace, const Decision& decision) {
  Evidence evidence = trace.evidence;
  evidence.candidate = decision.candidate;
  evidence.rate_tokens = decision.rate_tokens;
  const std::size_t accepted = std::min(decision.accepted, evidence.recipients.size());
  evidence.recipients.resize(accepted);
  if (decision.stage < Stage::message) {
    for (Recipient& one : evidence.recipients) one = as_judged(std::move(one));
    evidence.revoked_meanwhile = false;
    evidence.message.reset();
    evidence.author.reset();
    evidence.dkim.reset();
    evidence.dmarc.reset();
    evidence.arc.reset();
  }
  evidence.copies.clear();
  evidence.session.script.reset();
  evidence.kept.clear();
  if (!decision.discarded) evidence.discard.reset();
  if (decision.stage < Stage::mail) {
    evidence.reverse_path.reset();
    evidence.message_id.clear();
  }
  if (!decision.after_revoked && evidence.session.revoked) {
    evidence.session.auth = std::move(evidence.session.revoked);
    evidence.session.revoked.reset();
  }
  if (decision.stage < Stage::auth) evidence.session.auth.reset();
  if (decision.before_tls) evidence.session.tls.reset();
  evidence.session.early_talker = decision.early;
  if (decision.stage < Stage::helo) evidence.session.helo.clear();
  return evidence;
}

namespace {

std::string sentence(const Step& step) {
  std::string text = std::string(step.layer) + " " + std::string(step.check) + ": " +
                     std::string(to_string(step.verdict.kind));
  if (step.verdict.refuses()) text += " " + step.verdict.reply.to_string();
  if (!step.verdict.detail.empty()) text += " (" + step.verdict.detail + ")";
  return text + (step.enforced ? "" : " [shadow]");
}

/// Version 0.2.0 recorded no raised_by().
bool same(const Step& recorded, Step derived) {
  if (!raised_by(recorded.verdict)) {
    derived.verdict.detail = without_raiser(derived.verdict.detail);
  }
  return sentence(recorded) == sentence(derived) && recorded.origin == derived.origin &&
         recorded.stage == derived.stage;
}

/// Steps about the running gateway, not the mail: they cannot be replayed.
bool is_of_the_moment(const Step& step) {
  return step.layer == "gateway" &&
         (step.check == "memory" || step.check == "next_hop" || step.check == "dkim_replay");
}

Decision without_the_moment(Decision decision) {
  const Step* refusal = refusing_step(decision);
  if (refusal != nullptr && is_of_the_moment(*refusal)) decision.reply.code = 0;
  std::erase_if(decision.steps, is_of_the_moment);
  return decision;
}

}  // namespace

std::vector<std::string> differences(const Decision& given, const Decision& derived) {
  const Decision recorded = without_the_moment(given);
  std::vector<std::string> found;
  const std::size_t steps = std::max(recorded.steps.size(), derived.steps.size());
  for (std::size_t i = 0; i < steps; ++i) {
    const Step* was = i < recorded.steps.size() ? &recorded.steps[i] : nullptr;
    const Step* is = i < derived.steps.size() ? &derived.steps[i] : nullptr;
    if (was && is && same(*was, *is)) continue;
    found.push_back("recorded " + (was ? sentence(*was) : "nothing") + ", derived " +
                    (is ? sentence(*is) : "nothing"));
  }
  const auto answer = [](const Decision& one) {
    if (refused(one)) return one.reply.to_string();
    return one.quarantine ? "quarantine: " + *one.quarantine : std::string("accepted");
  };
  if (answer(recorded) != answer(derived)) {
    found.push_back("recorded answer " + answer(recorded) + ", derived " + answer(derived));
  }
  return found;
}

}  // namespace postern::policy
