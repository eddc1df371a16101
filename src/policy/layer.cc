#include "policy/layer.h"

#include <algorithm>
#include <exception>
#include <mutex>
#include <set>
#include <stdexcept>

#include "policy/webhook.h"

namespace postern::policy {

namespace {

/// A webhook without a limit has no bucket to look into.
bool rate_matters(const Evidence& evidence) {
  return evidence.candidate && evidence.candidate->route.webhook &&
         evidence.candidate->route.webhook->rate_limit_per_minute != 0;
}

bool is_refusal(const smtp::Reply& reply) { return reply.code >= 400 && reply.code < 600; }

Verdict local_problem(std::string cause) {
  return refuse(451, {4, 3, 0}, "temporary local problem, try again later", std::move(cause));
}

std::string describe(const std::vector<LayerEntry>& layers) {
  std::string text = "[";
  for (const LayerEntry& entry : layers) {
    if (text.size() > 1) text += ',';
    text += R"({"layer":")";
    text += entry.layer->name();
    text += entry.mode == Mode::shadow ? R"(","mode":"shadow","definition":)"
                                       : R"(","mode":"enforce","definition":)";
    text += entry.layer->definition();
    text += '}';
  }
  return text + "]";
}

}  // namespace

Task<void> Gatherer::ask(dns::Question question, Evidence&) {
  throw std::runtime_error("nobody here answers a question about " + question.name);
}

Task<void> Gatherer::consult(Consultation question, Evidence&) {
  throw std::runtime_error("nobody here asks " + question.service);
}

std::optional<std::string_view> Gatherer::message() { return std::nullopt; }

bool Gatherer::is_ours(const mail::Mailbox&) { return false; }

void Gatherer::script_wrote(std::string_view, std::string_view, std::string_view) {}

void Gatherer::script_lacked(std::string_view) {}

Need missing(Need needs, const Evidence& evidence) {
  Need result = Need::none;
  if (has(needs, Need::rate_tokens) && !evidence.rate_tokens && rate_matters(evidence)) {
    result = result | Need::rate_tokens;
  }
  const auto want = [&](Need item, bool there) {
    if (has(needs, item) && !there) result = result | item;
  };
  want(Need::spf, evidence.spf.has_value());
  want(Need::dkim, evidence.dkim.has_value());
  want(Need::dmarc, evidence.dmarc.has_value());
  want(Need::arc, evidence.arc.has_value());
  return result;
}

Task<Verdict> run_rule(std::string_view layer, const Rule& rule, Evidence& evidence,
                       Gatherer& gatherer, std::vector<Step>& steps) {
  const Need needs = missing(rule.check->needs, evidence);
  if (needs != Need::none) co_await gatherer.gather(needs, evidence);
  Verdict verdict = rule.check->judge(evidence, rule.argument);
  steps.push_back({.stage = rule.check->stage,
                   .layer = layer,
                   .check = rule.check->name,
                   .origin = rule.origin,
                   .verdict = verdict});
  co_return verdict;
}

Task<Verdict> run_plan(std::string_view layer, const Plan& plan, Stage stage, Evidence& evidence,
                       Gatherer& gatherer, std::vector<Step>& steps) {
  for (const Rule& rule : plan.at(stage)) {
    Verdict verdict = co_await run_rule(layer, rule, evidence, gatherer, steps);
    if (verdict.decides()) co_return verdict;
  }
  co_return pass_on();
}

namespace {

/// What layers decided of the transaction up to now. What a shadow layer decides stays its own
/// affair: it is put back. What the layer found out is kept.
class DecidedSoFar {
 public:
  explicit DecidedSoFar(const Evidence& evidence)
      : candidate_(evidence.candidate),
        discard_(evidence.discard),
        trusted_client_(evidence.trusted_client),
        copies_(evidence.copies) {
    if (evidence.session.script) offered_ = evidence.session.script->offered;
  }

  void put_back(Evidence& evidence) && {
    evidence.candidate = std::move(candidate_);
    evidence.discard = std::move(discard_);
    evidence.trusted_client = trusted_client_;
    evidence.copies = std::move(copies_);
    if (evidence.session.script) evidence.session.script->offered = std::move(offered_);
  }

 private:
  std::optional<Recipient> candidate_;
  std::optional<std::string> discard_;
  bool trusted_client_;
  std::vector<ScriptCopy> copies_;
  std::optional<std::vector<std::string>> offered_;
};

bool has_route(const Recipient& recipient) { return recipient.route.kind != Route::Kind::none; }

}  // namespace

Engine::Engine(std::vector<LayerEntry> layers)
    : layers_(std::move(layers)),
      definition_(std::make_shared<const std::string>(describe(layers_))) {}

bool Engine::speaks_at(Stage stage) const {
  return std::any_of(layers_.begin(), layers_.end(),
                     [stage](const LayerEntry& entry) { return entry.layer->speaks_at(stage); });
}

/// The layer's verdict; whatever it throws is a temporary refusal: what a layer cannot decide is
/// not accepted.
Task<Verdict> Engine::ask(const Layer& layer, Stage stage, Evidence& evidence, Gatherer& gatherer,
                          std::vector<Step>& steps) const {
  std::string cause;
  try {
    Verdict verdict = co_await layer.judge(stage, evidence, gatherer, steps);
    if (!verdict.refuses() || is_refusal(verdict.reply)) co_return verdict;
    cause = "a refusal with reply code " + std::to_string(verdict.reply.code);
  } catch (const std::exception& error) {
    cause = error.what();
  } catch (...) {
    cause = "an exception of unknown type";
  }
  Verdict verdict = local_problem(std::move(cause));
  steps.push_back({.stage = stage,
                   .layer = layer.name(),
                   .check = "internal_error",
                   .origin = {},
                   .verdict = verdict});
  co_return verdict;
}

Task<Decision> Engine::decide(Stage stage, Evidence& evidence, Gatherer& gatherer) const {
  const auto started = std::chrono::steady_clock::now();
  Decision decision{.stage = stage};
  decision.reply.code = 0;
  decision.engine = definition_;
  decision.accepted = evidence.recipients.size();
  decision.discarded = evidence.discard.has_value();
  decision.after_revoked = evidence.session.revoked.has_value();
  if (stage == Stage::rcpt && evidence.candidate) {
    decision.recipient = evidence.candidate->address.text();
    decision.candidate = evidence.candidate;
  }
  evidence.script_record.clear();
  for (const LayerEntry& entry : layers_) {
    if (entry.mode == Mode::shadow || refused(decision)) continue;
    std::optional<Step> unread = entry.layer->refusal_unread(stage, evidence);
    if (!unread) continue;
    decision.reply = unread->verdict.reply;
    decision.steps.push_back(std::move(*unread));
  }
  for (const LayerEntry& entry : layers_) {
    if (!entry.layer->speaks_at(stage)) continue;
    const bool shadow = entry.mode == Mode::shadow;
    if (refused(decision) && !shadow) continue;
    const std::size_t first_step = decision.steps.size();
    std::optional<DecidedSoFar> before;
    if (shadow) before.emplace(evidence);
    const bool had_route = !evidence.candidate || has_route(*evidence.candidate);
    Verdict verdict = co_await ask(*entry.layer, stage, evidence, gatherer, decision.steps);
    if (!shadow && !had_route && evidence.candidate && has_route(*evidence.candidate)) {
      decision.granted = entry.layer->name();
    }
    if (shadow) {
      std::move(*before).put_back(evidence);
      for (std::size_t i = first_step; i < decision.steps.size(); ++i) {
        decision.steps[i].enforced = false;
      }
    } else if (verdict.refuses()) {
      decision.reply = std::move(verdict.reply);
    } else if (verdict.kind == Verdict::Kind::quarantine && !decision.quarantine) {
      decision.quarantine = std::move(verdict.detail);
    } else if (verdict.kind == Verdict::Kind::permit && !verdict.reply.text.empty()) {
      decision.permit = std::move(verdict.reply);
    }
  }
  decision.rate_tokens = evidence.rate_tokens;
  decision.script = std::move(evidence.script_record);
  decision.took = std::chrono::steady_clock::now() - started;
  co_return decision;
}

std::string_view interned(std::string_view name) {
  static std::mutex mutex;
  static std::set<std::string, std::less<>> names;
  const std::lock_guard lock(mutex);
  const auto found = names.find(name);
  return found != names.end() ? *found : *names.emplace(name).first;
}

bool Trace::note(Decision decision) {
  const std::size_t limit = max_recipients + (refused(decision) ? max_refusals : 0);
  if (decision.stage == Stage::rcpt && decisions.size() >= limit) {
    ++omitted;
    return false;
  }
  decisions.push_back(std::move(decision));
  return true;
}

smtp::Reply Trace::settled() const {
  if (reply.code != 0) return reply;
  const auto last = std::find_if(decisions.rbegin(), decisions.rend(), refused);
  return last == decisions.rend() ? reply : last->reply;
}

const Decision* Trace::settling() const {
  for (auto one = decisions.rbegin(); one != decisions.rend(); ++one) {
    // A recipient that was refused has no part in what was said to the end of data.
    if (reply.code != 0 && one->stage < Stage::data) return nullptr;
    if (refused(*one)) return &*one;
  }
  return nullptr;
}

bool refused(const Decision& decision) { return is_refusal(decision.reply); }

const Step* refusing_step(const Decision& decision) {
  const auto found =
      std::find_if(decision.steps.begin(), decision.steps.end(),
                   [](const Step& step) { return step.enforced && step.verdict.refuses(); });
  return found == decision.steps.end() ? nullptr : &*found;
}

}  // namespace postern::policy
