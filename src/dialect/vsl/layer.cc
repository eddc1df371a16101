#include "dialect/vsl/layer.h"

#include <algorithm>

#include "base/text.h"
#include "dialect/script_record.h"
#include "dialect/vsl/delegate.h"
#include "dialect/vsl/reply_codes.h"
#include "dialect/vsl/service.h"
#include "dialect/vsl/session_state.h"
#include "policy/inquiry.h"
#include "policy/questions/authenticated.h"
#include "policy/questions/client_in.h"
#include "policy/trace.h"

namespace postern::dialect::vsl {

namespace {

using policy::Effect;
using policy::Evidence;
using policy::Grant;
using policy::GrantRelay;
using policy::Inquiry;
using policy::Route;
using policy::Ruling;
using policy::Stage;
using policy::Step;
using policy::Verdict;

Verdict failed_stage(Stage stage, std::string cause) {
  return {Verdict::Kind::defer, rule_failed(stage), std::move(cause), policy::Trouble::script};
}

Verdict refusal(smtp::Reply reply, std::string detail) {
  const auto kind = reply.temporary() ? Verdict::Kind::defer : Verdict::Kind::reject;
  return {kind, std::move(reply), std::move(detail)};
}

Verdict quarantined(const Status& status) { return {Verdict::Kind::quarantine, {}, status.queue}; }

/// Whether a quarantine takes effect at the stage. One from an earlier stage waits for the message.
bool holds_message(Stage stage) {
  return stage == Stage::message || stage == Stage::queued || stage == Stage::delivery;
}

/// Judges one stage of one session.
class Judge {
 public:
  Judge(Stage stage, Held held, Inquiry& inquiry, std::vector<Step>& steps)
      : stage_(stage), held_(held), evidence_(inquiry.evidence), inquiry_(inquiry), steps_(steps) {}

  /// The effects of the rules. Call it once, after the stage.
  std::vector<Effect> take_effects() { return std::move(effects_); }

  Task<Verdict> judge() {
    // RFC 3207 §4.2: behind STARTTLS the client has said no name yet.
    if (stage_ == Stage::helo || evidence_.session.helo.empty()) {
      held_.session.skip_from_helo.reset();
    }
    if (stage_ == Stage::mail) held_.draft.begun = std::chrono::system_clock::now();
    if (stage_ == Stage::rcpt && evidence_.candidate) begin_recipient();
    if (stage_ == Stage::mail && held_.policy.options().must_be_authenticated &&
        !policy::questions::authenticated(evidence_)) {
      Verdict verdict{Verdict::Kind::reject, login_required(), "must_be_authenticated"};
      note("must_be_authenticated", verdict);
      co_return verdict;
    }
    Verdict verdict = policy::pass_on();
    const policy::SessionFacts& session = evidence_.session;
    if (held_.policy.receives_at(session.server_ip, session.server_port)) {
      verdict = co_await of_returned();
    } else if (!holds_message(stage_)) {
      verdict = co_await ask(held_.draft);
      held_.draft.recount();
      if (stage_ == Stage::rcpt && evidence_.candidate && !verdict.refuses()) replaced_recipient();
    } else {
      verdict = co_await ask_about_copies();
    }
    co_return verdict;
  }

 private:
  const std::optional<Status>& skip() const {
    if (held_.session.skip) return held_.session.skip;
    if (held_.session.skip_from_helo) return held_.session.skip_from_helo;
    return held_.draft.skip;
  }

  bool has_route() const {
    const Route& route = evidence_.candidate->route;
    return route.kind != Route::Kind::none || policy::grants_route(effects_, route);
  }

  void effect(decltype(Effect::what) what, std::string why, std::string_view check) {
    effects_.push_back(
        {.what = std::move(what), .why = std::move(why), .check = check, .place = {}});
  }

  /// Grants relaying to the recipient if no rule is needed for that.
  void begin_recipient() {
    const policy::Recipient& candidate = *evidence_.candidate;
    route(candidate);
    // Restores a removed recipient that the client names again, but not one that is accepted only
    // to be replaced.
    std::set<std::string>& removed = held_.draft.removed;
    if (!removed.empty() && has_route()) removed.erase(lower(candidate.address.text()));
  }

  void route(const policy::Recipient& candidate) {
    if (!policy::gives_route(Grant::client, candidate.route)) return;
    const Site& site = held_.policy.site();
    std::string why;
    if (site.is_local(candidate.address.domain)) {
      why = lower(candidate.address.domain) + " is a domain of ours";
      effect(GrantRelay{Grant::domain}, why, "route");
    } else if (const auto client = policy::questions::client_in(evidence_, site.relay_networks)) {
      why = client.words("relay_networks");
      effect(policy::TrustClient{}, why, "route");
      effect(GrantRelay{Grant::client}, why, "route");
    } else {
      return;
    }
    note("route", policy::pass_on(std::move(why)));
  }

  /// Accepts a recipient that a rule removed: it gets no mail, so it needs no route.
  void replaced_recipient() {
    const std::set<std::string>& removed = held_.draft.removed;
    if (removed.empty() || has_route()) return;
    if (removed.contains(lower(evidence_.candidate->address.text()))) {
      effect(GrantRelay{Grant::nowhere}, "a rule replaced the recipient", "route");
    }
  }

  /// Judges at the port where delegated messages come back. No rule runs before the message has
  /// proved that it was delegated; any other message is refused for all recipients.
  Task<Verdict> of_returned() {
    if (stage_ == Stage::rcpt && evidence_.candidate && !has_route()) {
      static constexpr std::string_view why = "mail that comes back keeps its recipients";
      effect(GrantRelay{Grant::returned}, std::string(why), "delegation");
      note("delegation", policy::pass_on(std::string(why)));
    }
    if (!holds_message(stage_)) co_return policy::pass_on();
    if (stage_ != Stage::message) {
      Verdict verdict = co_await ask_about_copies();
      co_return verdict;
    }
    Context context = context_of(held_.draft);
    if (!take_back(context)) {
      Verdict verdict =
          policy::refuse(554, {5, 7, 1}, "only mail that was delegated comes back here",
                         "no number of a delegation that is out");
      note("delegation", verdict);
      co_return verdict;
    }
    note("delegation",
         policy::pass_on("came back from \"" + held_.draft.resumed->directive + "\""));
    publish(held_.draft);
    co_return policy::pass_on();
  }

  /// Asks about the message, or about each copy if other scripts have made copies.
  Task<Verdict> ask_about_copies() {
    Draft& draft = held_.draft;
    const auto& copies = evidence_.copies;
    // There are no copies if no script made any, or in shadow mode, where they are discarded.
    const bool ours = copies.empty() ||
                      (copies.size() == 1 && draft.published && copies.front() == *draft.published);
    if (ours || inquiry_.tape.playing) {
      Verdict verdict = co_await ask(draft);
      publish(draft);
      co_return verdict;
    }
    std::vector<policy::ScriptCopy> made;
    Verdict worst = policy::pass_on();
    for (const policy::ScriptCopy& copy : std::vector(copies)) {
      Draft one = draft_of(copy);
      Verdict verdict = co_await ask(one);
      if (verdict.decides()) worst = std::move(verdict);
      made.push_back(copy_of(one, inquiry_));
      if (worst.refuses()) break;
    }
    if (!worst.refuses()) effect(policy::Edit{std::move(made)}, {}, {});
    co_return worst;
  }

  /// The draft of a copy that other scripts made.
  Draft draft_of(const policy::ScriptCopy& copy) {
    Draft draft;
    draft.charge_to(held_.policy.world().memory());
    draft.base_copy = copy;
    draft.base.emplace(copy.forward_paths);
    if (copy.forward_paths.empty()) {
      for (const std::size_t index : copy.recipients) {
        draft.base->push_back(evidence_.recipients.at(index).address);
      }
    }
    if (copy.reverse_path || copy.null_path) {
      draft.sender = copy.reverse_path;
      draft.sender_changed = true;
    }
    if (copy.text || copy.header) {
      std::size_t body = 0;
      draft.header = mail::fields_of(copy.text ? *copy.text : *copy.header, body);
      draft.has_message = true;
    }
    draft.recount();
    draft.skip = held_.draft.skip;
    return draft;
  }

  void publish(Draft& draft) {
    if (inquiry_.tape.playing) return;
    draft.published = copy_of(draft, inquiry_);
    draft.recount();
    policy::Edit edit;
    edit.copies.push_back(*draft.published);
    effect(std::move(edit), {}, {});
  }

  Context context_of(Draft& draft) {
    return {.evidence = evidence_,
            .inquiry = inquiry_,
            .site = held_.policy.site(),
            .draft = draft,
            .stage = stage_,
            .effects = &effects_,
            .attempt = nullptr,
            .authenticate = {}};
  }

  Task<Verdict> ask(Draft& draft) {
    if (const auto& skipped = skip()) co_return verdict_of_skip(*skipped);
    Context context = context_of(draft);
    if (draft.resumed && draft.resumed->stage > stage_) co_return policy::pass_on();
    if (stage_ == Stage::message && held_.policy.has_delegates()) drop_forged(context);
    for (const Directive& directive : held_.policy.directives(stage_)) {
      if (draft.resumed && draft.resumed->directive != directive.name) continue;
      if (const auto service = held_.policy.delegate(directive);
          service != nullptr && !draft.resumed) {
        hand_out(context, directive, *service);
        note(directive, policy::permit("handed to " + service->options().address), {});
        co_return policy::permit();
      }
      draft.resumed.reset();
      const std::size_t first_effect = effects_.size();
      VslPolicy::Ran ran = co_await held_.policy.run(directive, context);
      for (std::size_t i = first_effect; i < effects_.size(); ++i) {
        effects_[i].check = policy::interned(directive.name);
        effects_[i].place = directive.place();
      }
      if (!ran.trouble.empty()) {
        Verdict verdict = failed_stage(stage_, ran.trouble);
        note(directive, verdict, ran.spent);
        co_return verdict;
      }
      if (!ran.status || ran.status->kind == Status::Kind::next) {
        note(directive, policy::pass_on(ran.words()), ran.spent);
        continue;
      }
      Verdict verdict = verdict_of(*ran.status);
      Verdict shown = verdict;
      shown.detail = ran.words();
      note(directive, std::move(shown), ran.spent);
      co_return verdict;
    }
    // Fails closed: the directive at which the rules would continue no longer exists.
    if (draft.resumed) {
      Verdict verdict =
          failed_stage(stage_, "no directive is called \"" + draft.resumed->directive + "\"");
      note("delegation", verdict);
      co_return verdict;
    }
    co_return policy::pass_on();
  }

  Verdict verdict_of_skip(const Status& skipped) const {
    if (skipped.kind == Status::Kind::quarantine && holds_message(stage_)) {
      return quarantined(skipped);
    }
    return policy::pass_on();
  }

  Verdict verdict_of(const Status& status) {
    switch (status.kind) {
      case Status::Kind::next:
        return policy::pass_on();
      case Status::Kind::faccept:
      case Status::Kind::quarantine:
        keep_skip(status);
        if (status.kind == Status::Kind::quarantine) {
          return holds_message(stage_) ? quarantined(status) : policy::permit();
        }
        [[fallthrough]];
      case Status::Kind::accept: {
        Verdict verdict = policy::permit();
        if (status.reply) verdict.reply = *status.reply;
        return verdict;
      }
      case Status::Kind::deny: {
        smtp::Reply reply = status.reply.value_or(denied());
        reply.after = smtp::After::close;
        return refusal(std::move(reply), status.detail);
      }
      case Status::Kind::info:
      case Status::Kind::refuse_recipient:
        break;
    }
    return refusal(status.reply.value_or(denied()), status.detail);
  }

  void keep_skip(const Status& status) {
    if (stage_ == Stage::connect) {
      held_.session.skip = status;
    } else if (stage_ == Stage::helo) {
      held_.session.skip_from_helo = status;
    } else {
      held_.draft.skip = status;
      if (evidence_.candidate) held_.draft.skip_for = evidence_.candidate->address;
    }
  }

  /// Adds a step of the layer itself, without a rule.
  void note(std::string_view check, Verdict verdict) {
    steps_.push_back({.stage = stage_,
                      .layer = "vsl",
                      .check = check,
                      .origin = {},
                      .verdict = std::move(verdict),
                      .spent = {}});
  }
  void note(const Directive& directive, Verdict verdict, const script::Spent& spent) {
    steps_.push_back(step_of(directive, std::move(verdict), spent));
  }

  const Stage stage_;
  const Held held_;
  const Evidence& evidence_;
  Inquiry& inquiry_;
  std::vector<Step>& steps_;
  std::vector<Effect> effects_;
};

}  // namespace

bool VslLayer::speaks_at(Stage stage) const {
  switch (stage) {
    case Stage::data:
    case Stage::auth:
      return false;
    case Stage::rcpt:
    case Stage::message:
      return true;
    case Stage::mail:
      return policy_->options().must_be_authenticated || !policy_->directives(stage).empty();
    default:
      return !policy_->directives(stage).empty();
  }
}

Task<Ruling> VslLayer::judge(Stage stage, Inquiry& inquiry, std::vector<Step>& steps) const {
  const Evidence& evidence = inquiry.evidence;
  // ETRN and VRFY deliver nothing, so rules, which may change things, are not run.
  if (evidence.etrn || evidence.vrfy != Evidence::Vrfy::no) co_return policy::pass_on();
  const Held held = held_of(inquiry, policy_);
  // What a rule said of a recipient that a layer behind it refused is about no message.
  if (const auto one = std::exchange(held.draft.skip_for, std::nullopt)) {
    const auto& accepted = evidence.recipients;
    const bool is_accepted = std::ranges::any_of(
        accepted, [&](const auto& other) { return iequals(other.address.text(), one->text()); });
    if (!is_accepted) held.draft.skip.reset();
  }
  policy::Tape& tape = inquiry.tape;
  if (tape.playing) {
    restore_state(take_line(tape.answers), held.session, held.draft);
  } else {
    held.draft.id = evidence.message_id;
    tape.record += state_line(held.session, held.draft);
  }
  Judge judge(stage, held, inquiry, steps);
  Verdict verdict = co_await judge.judge();
  co_return Ruling(std::move(verdict), judge.take_effects());
}

}  // namespace postern::dialect::vsl
