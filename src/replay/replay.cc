#include "replay/replay.h"

#include <algorithm>
#include <map>
#include <utility>

#include "base/text.h"
#include "policy/trace.h"
#include "policy/webhook.h"
#include "replay/rederive.h"
#include "replay/replay_gatherer.h"

namespace postern::replay {

namespace {

using policy::Decision;
using policy::Evidence;
using policy::Recipient;
using policy::Route;
using policy::Stage;

const Lack earlier_recipient{"the outcome of an earlier recipient", {}};

/// What a client, and the message, get.
struct Answer {
  bool refused = false;
  std::string text;
  std::optional<RuleName> rule;
  smtp::Reply reply{.code = 0, .enhanced = {}, .text = {}};  ///< of a refusal
  std::string detail;                                        ///< what the rule saw
};

const Answer let_through{.refused = false, .text = "accepted", .rule = {}, .detail = {}};

Answer answer_of(const Decision& decision, bool discarded) {
  Answer answer = let_through;
  answer.refused = policy::refused(decision);
  if (answer.refused) {
    answer.text = decision.reply.to_string();
    answer.reply = decision.reply;
  } else if (discarded) {
    answer.text = "accepted, discarded";
  } else if (decision.quarantine) {
    answer.text = "accepted, held";
  }
  for (const policy::Step& step : decision.steps) {
    const bool holds = step.verdict.kind == policy::Verdict::Kind::quarantine;
    if (!step.enforced || !(step.verdict.refuses() || holds)) continue;
    answer.rule = RuleName{std::string(step.layer), std::string(step.check), step.origin};
    answer.detail = step.verdict.detail;
    break;
  }
  return answer;
}

/// One transaction under the draft.
class Replay {
 public:
  Replay(const policy::Trace& trace, const Draft& draft, dns::Resolver* live, ScriptLog* log,
         DnsTrouble trouble)
      : trace_(trace), draft_(draft), gatherer_(draft.authentication, live, log, trouble) {}

  Task<std::vector<Replayed>> run() {
    for (const Stage stage : {Stage::connect, Stage::helo, Stage::auth, Stage::mail}) {
      const bool goes_on = co_await command(stage);
      if (!goes_on) co_return std::move(found_);
    }
    for (const Decision& one : trace_.decisions) {
      if (one.stage == Stage::rcpt) co_await recipient(one);
    }
    for (std::size_t i = 0; i < trace_.omitted; ++i) {
      undecided(Stage::rcpt, {}, {"recipients beyond those that a trace keeps", {}});
    }
    if (!listed_.empty()) co_await after_recipients();
    co_return std::move(found_);
  }

 private:
  /// A recipient that the draft accepts, or may accept.
  struct Listed {
    Recipient recipient;
    bool certain;
  };

  struct Made {
    Answer answer;
    std::optional<Lack> lack;
    std::optional<Recipient> candidate;  ///< with the route that the draft gave it
    std::optional<std::string> discard;
  };

  const Decision* recorded_at(Stage stage) const {
    const auto last =
        std::find_if(trace_.decisions.rbegin(), trace_.decisions.rend(),
                     // One without layers is what verifiers said of credentials.
                     [&](const Decision& one) { return one.stage == stage && one.engine; });
    return last == trace_.decisions.rend() ? nullptr : &*last;
  }

  bool reached(Stage stage) const {
    if (stage == Stage::data && trace_.evidence.message) return true;
    return std::any_of(trace_.decisions.begin(), trace_.decisions.end(),
                       [&](const Decision& one) { return one.stage >= stage; });
  }

  /// Whether anything from `stage` on was let through, as far as the record goes.
  bool went_through(Stage stage) const {
    bool refused = false;
    bool passed = false;
    for (const Decision& one : trace_.decisions) {
      if (one.stage < stage || !one.engine) continue;
      if (one.stage == Stage::message && policy::refused(one)) return false;
      (policy::refused(one) ? refused : passed) = true;
    }
    return passed || !refused;
  }

  Evidence evidence_at(const Decision& at) const {
    Evidence evidence = policy::evidence_at(trace_, at);
    evidence.discard = discard_;
    // Another way to find the DMARC record may lead to another one.
    if (evidence.dmarc && evidence.dmarc->mode != draft_.authentication.dmarc) {
      evidence.dmarc.reset();
    }
    evidence.recipients.clear();
    return evidence;
  }

  /// Whether the client's commands came ahead, at a stage without decision: as at the next one.
  bool may_be_early_at(Stage stage) const {
    const auto next = std::ranges::find_if(
        trace_.decisions, [stage](const Decision& one) { return one.stage >= stage; });
    return next != trace_.decisions.end() ? next->early : trace_.evidence.session.early_talker;
  }

  /// What a decision is made from again: where one is recorded, what scripts were told at it.
  Decision as_recorded(Stage stage, const Decision* recorded) const {
    Decision at{.stage = stage};
    at.early = recorded != nullptr ? recorded->early : may_be_early_at(stage);
    if (recorded == nullptr) return at;
    at.script = recorded->script;
    at.before_tls = recorded->before_tls;
    at.rate_tokens = recorded->rate_tokens;
    at.after_revoked = recorded->after_revoked;
    return at;
  }

  Task<Made> decide(Stage stage, Evidence evidence, const std::string& script) {
    gatherer_.forget();
    const Decision decision =
        co_await draft_.engine.decide(stage, evidence, gatherer_, policy::Tape::of(script));
    const bool discarded = stage == Stage::message && evidence.discard;
    co_return Made{.answer = answer_of(decision, discarded),
                   .lack = gatherer_.lack_of(decision),
                   .candidate = std::move(evidence.candidate),
                   .discard = std::move(evidence.discard)};
  }

  /// A recipient as it was at the end of data: webhooks and policies may have been edited since
  /// RCPT.
  Recipient at_the_end(Recipient recipient) const {
    for (const Recipient& one : trace_.evidence.recipients) {
      if (!one.judged || !(one.address == recipient.address)) continue;
      recipient.judged = std::exchange(recipient.route, one.route);
      break;
    }
    return recipient;
  }

  /// The evidence with the certain recipients, and of the others those that `also` names.
  template <class Also>
  Evidence with_recipients(Stage stage, const Evidence& evidence, Also also) const {
    Evidence made = evidence;
    for (std::size_t i = 0; i < listed_.size(); ++i) {
      if (!listed_[i].certain && !also(i)) continue;
      made.recipients.push_back(stage < Stage::message ? listed_[i].recipient
                                                       : at_the_end(listed_[i].recipient));
    }
    return made;
  }

  /// Decides with the recipients so far. Those that may have been accepted must make no difference:
  /// answers depend on how many there are and on the first, so all, none and each alone are tried.
  Task<Made> settle(const Decision& at) {
    const Stage stage = at.stage;
    const Evidence evidence = evidence_at(at);
    const auto all = [](std::size_t) { return true; };
    Made made = co_await decide(stage, with_recipients(stage, evidence, all), at.script);
    const auto unsure = std::count_if(listed_.begin(), listed_.end(),
                                      [](const Listed& one) { return !one.certain; });
    if (unsure == 0) co_return made;
    for (std::size_t i = 0; i <= listed_.size() && !made.lack; ++i) {
      if (i < listed_.size() && (listed_[i].certain || unsure == 1)) continue;
      Evidence fewer = with_recipients(stage, evidence, [i](std::size_t at) { return at == i; });
      if (fewer.recipients.empty() && stage > Stage::rcpt) {
        made.lack = earlier_recipient;
        break;
      }
      const Made other = co_await decide(stage, std::move(fewer), at.script);
      if (other.lack || other.answer.text != made.answer.text) made.lack = earlier_recipient;
    }
    co_return made;
  }

  void undecided(Stage stage, std::string recipient, Lack lack) {
    Replayed& one = found_.emplace_back();
    one.stage = stage;
    one.change = Change::undecidable;
    one.recipient = std::move(recipient);
    one.lack = std::move(lack);
  }

  Change note(Stage stage, std::string recipient, Answer was, Answer is) {
    Replayed& one = found_.emplace_back();
    one.stage = stage;
    one.recipient = std::move(recipient);
    one.draft_reply = is.reply;
    one.draft_detail = std::move(is.detail);
    if (was.text == is.text && was.refused == is.refused) return one.change;
    one.change = was.refused == is.refused ? Change::changed
                 : is.refused              ? Change::newly_refused
                                           : Change::newly_accepted;
    one.recorded = std::move(was.text);
    one.draft = std::move(is.text);
    one.recorded_rule = std::move(was.rule);
    one.draft_rule = std::move(is.rule);
    return one.change;
  }

  void never_came(Stage stage) { undecided(stage, {}, {"what the client did not send", {}}); }

  /// Whoever was refused later anyway hears another reply, earlier.
  Answer recorded_from(Stage stage) const {
    if (went_through(stage)) return let_through;
    for (auto one = trace_.decisions.rbegin(); one != trace_.decisions.rend(); ++one) {
      if (one->stage >= stage && one->engine && policy::refused(*one))
        return answer_of(*one, false);
    }
    return let_through;
  }

  /// A command that stands for the whole transaction; false: nothing comes after it.
  Task<bool> command(Stage stage) {
    const Decision* recorded = recorded_at(stage);
    const bool speaks = draft_.engine.speaks_at(stage);
    if (!reached(stage) || (!speaks && recorded == nullptr)) co_return true;
    if (stage == Stage::auth && !trace_.evidence.session.auth) co_return true;
    for (const Decision& one : trace_.decisions) {
      if (one.stage != stage || &one == recorded || !one.engine) continue;
      undecided(stage, {}, {"the arguments of a repeated command", {}});
    }
    Made made{.answer = let_through, .lack = {}, .candidate = {}, .discard = discard_};
    if (speaks) {
      Made decided = co_await settle(as_recorded(stage, recorded));
      made = std::move(decided);
    }
    if (made.lack) {
      undecided(stage, {}, *made.lack);
      for (const Decision& one : trace_.decisions) {
        if (one.stage > stage) undecided(one.stage, one.recipient, *made.lack);
      }
      co_return false;
    }
    discard_ = std::move(made.discard);
    const bool was_refused = recorded != nullptr && policy::refused(*recorded);
    if (made.answer.refused) {
      note(stage, {}, was_refused ? answer_of(*recorded, false) : recorded_from(stage),
           std::move(made.answer));
      co_return false;
    }
    if (recorded != nullptr) {
      note(stage, {}, answer_of(*recorded, false), std::move(made.answer));
    }
    if (was_refused && !reached(static_cast<Stage>(static_cast<int>(stage) + 1))) {
      never_came(stage == Stage::data ? Stage::message : Stage::rcpt);
      co_return false;
    }
    co_return true;
  }

  Task<void> recipient(const Decision& recorded) {
    if (!recorded.candidate) co_return;
    const bool was_refused = policy::refused(recorded);
    if (recorded.candidate->route.kind == Route::Kind::relay) {
      undecided(Stage::rcpt, recorded.recipient, {"the owner of a relayed recipient", {}});
      listed_.push_back({*recorded.candidate, false});
      co_return;
    }
    Made made = co_await settle(recorded);
    if (made.lack) {
      undecided(Stage::rcpt, recorded.recipient, *made.lack);
      listed_.push_back({*recorded.candidate, false});
      co_return;
    }
    discard_ = std::move(made.discard);
    const bool accepted = !made.answer.refused;
    note(Stage::rcpt, recorded.recipient, answer_of(recorded, false), std::move(made.answer));
    if (!accepted) co_return;
    more_accepted_ |= was_refused;
    const bool known = std::any_of(listed_.begin(), listed_.end(), [&](const Listed& other) {
      return other.certain &&
             iequals(other.recipient.address.text(), made.candidate->address.text());
    });
    if (!known) listed_.push_back({std::move(*made.candidate), true});
  }

  Task<void> after_recipients() {
    if (!reached(Stage::data)) {
      if (more_accepted_) never_came(Stage::message);
      co_return;
    }
    const bool goes_on = co_await command(Stage::data);
    if (!goes_on) co_return;
    if (!trace_.evidence.message) {
      if (more_accepted_) never_came(Stage::message);
      co_return;
    }
    const Decision* recorded = recorded_at(Stage::message);
    if (recorded == nullptr && !draft_.engine.speaks_at(Stage::message)) co_return;
    Decision at = as_recorded(Stage::message, recorded);
    if (recorded == nullptr) at.after_revoked = trace_.evidence.revoked_meanwhile;
    Made made = co_await settle(at);
    if (made.lack) {
      undecided(Stage::message, {}, *made.lack);
      co_return;
    }
    Answer was = recorded != nullptr ? answer_of(*recorded, trace_.evidence.discard.has_value())
                                     : let_through;
    note(Stage::message, {}, std::move(was), std::move(made.answer));
  }

  const policy::Trace& trace_;
  const Draft& draft_;
  ReplayGatherer gatherer_;
  std::vector<Replayed> found_;
  std::vector<Listed> listed_;
  std::optional<std::string> discard_;
  bool more_accepted_ = false;  ///< recipients that the record refused
};

}  // namespace

void ScriptLog::add(std::string_view level, std::string_view place, std::string_view text) {
  std::string line(level);
  line += ' ';
  if (!place.empty()) line += std::string(place) + ": ";
  line = printable(line + std::string(text.substr(0, text.find('\n'))), longest);  // no traceback
  if (lines_.size() < most || lines_.contains(line)) {
    if (!lines_.insert(std::move(line)).second) ++left_out_;
  } else {
    ++left_out_;
  }
}

void ScriptLog::add(const ScriptLog& other) {
  left_out_ += other.left_out_;
  for (const std::string& line : other.lines_) {
    if (lines_.size() >= most || !lines_.insert(line).second) ++left_out_;
  }
}

Task<std::vector<Replayed>> replay(const policy::Trace& trace, const Draft& draft,
                                   dns::Resolver* live, ScriptLog* log, DnsTrouble trouble) {
  Replay transaction(trace, draft, live, log, trouble);
  std::vector<Replayed> found = co_await transaction.run();
  co_return found;
}

policy::DefinitionSource replay_source(
    std::function<Result<std::string>(const std::string& id, std::uint64_t version)> text) {
  using Policy = std::shared_ptr<policy::WebhookPolicy>;
  using Known = std::map<std::pair<std::string, std::uint64_t>, Result<Policy>>;
  const auto known = std::make_shared<Known>();
  const auto compile = definition_source(std::move(text)).policy;
  const auto policy = [known, compile](const std::string& id,
                                       std::uint64_t version) -> Result<Policy> {
    auto at = known->find({id, version});
    if (at == known->end()) at = known->emplace(std::pair(id, version), compile(id, version)).first;
    if (!at->second) return tl::unexpected(at->second.error());
    return std::make_shared<policy::WebhookPolicy>(**at->second);  // the record adds credentials
  };
  const auto engine = [](std::uint64_t) -> Result<std::string> { return std::string("[]"); };
  return {policy, engine};
}

}  // namespace postern::replay
