#include "policy/layer.h"

#include <algorithm>
#include <exception>
#include <mutex>
#include <set>
#include <stdexcept>

#include <fmt/format.h>

#include "base/text.h"
#include "policy/evidence.h"
#include "policy/inquiry.h"
#include "policy/plan.h"
#include "policy/replies.h"
#include "policy/trace.h"

namespace postern::policy {

namespace {

bool is_refusal(const smtp::Reply& reply) { return reply.code >= 400 && reply.code < 600; }

std::string layers_text(const std::vector<LayerEntry>& layers) {
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

std::optional<Step> Layer::refusal_unread(Stage, const Evidence&) const { return std::nullopt; }

Task<void> Gatherer::ask(dns::Question question, Evidence&) {
  throw std::runtime_error("nobody here answers a question about " + question.name);
}

Task<void> Gatherer::consult(Consultation question, Evidence&) {
  throw std::runtime_error("nobody here asks " + question.service);
}

Task<void> Gatherer::wait(std::chrono::seconds) { co_return; }

std::optional<std::string_view> Gatherer::message() { return std::nullopt; }

bool Gatherer::is_ours(const mail::Mailbox&) { return false; }

void Gatherer::script_wrote(std::string_view, std::string_view, std::string_view) {}

void Gatherer::script_lacked(std::string_view) {}

Task<void> Inquiry::wait(std::chrono::seconds time) {
  if (!evidence.in_shadow) co_await gatherer_.wait(time);
}

Need missing(Need needs, const Evidence& evidence) {
  Need result = Need::none;
  if (has(needs, Need::rate_tokens) && !evidence.rate_tokens && questions::rate(evidence).limited) {
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

Task<void> Inquiry::gather(Need needs) {
  needs = missing(needs, all_);
  if (needs != Need::none) co_await gatherer_.gather(needs, all_);
}

Inquiry::Trial::Trial(Inquiry& inquiry, bool shadow)
    : all_(inquiry.all_),
      shadow_(shadow),
      outer_(std::exchange(all_.in_shadow, all_.in_shadow || shadow)),
      answers_(all_.dns.size()),
      replies_(all_.consulted.size()),
      lacked_(missing(Need::spf | Need::dkim | Need::dmarc | Need::arc, all_)),
      author_(all_.author.has_value()) {}

Inquiry::Trial::~Trial() {
  all_.in_shadow = outer_;
  if (!shadow_) return;
  for (std::size_t i = answers_; i < all_.dns.size(); ++i) all_.dns[i].in_shadow = true;
  all_.consulted.hide_from(replies_);
  if (has(lacked_, Need::spf)) all_.spf.reset();
  if (has(lacked_, Need::dkim)) all_.dkim.reset();
  if (has(lacked_, Need::dmarc)) all_.dmarc.reset();
  if (has(lacked_, Need::arc)) all_.arc.reset();
  if (!author_) all_.author.reset();
}

ScriptSession& Inquiry::session() {
  auto& script = all_.session.script;
  if (!script) script = std::make_shared<ScriptSession>();
  return *script;
}

Task<Verdict> run_rule(std::string_view layer, const Rule& rule, Inquiry& inquiry,
                       std::vector<Step>& steps) {
  if (missing(rule.check->needs, inquiry.evidence) != Need::none)
    co_await inquiry.gather(rule.check->needs);
  Verdict verdict = rule.check->judge(inquiry.evidence, rule.argument);
  steps.push_back({.stage = rule.check->stage,
                   .layer = layer,
                   .check = rule.check->name,
                   .origin = rule.origin,
                   .verdict = verdict});
  co_return verdict;
}

Task<Verdict> run_plan(std::string_view layer, const Plan& plan, Stage stage, Inquiry& inquiry,
                       std::vector<Step>& steps) {
  for (const Rule& rule : plan.at(stage)) {
    Verdict verdict = co_await run_rule(layer, rule, inquiry, steps);
    if (verdict.decides()) co_return verdict;
  }
  co_return pass_on();
}

namespace {

/// Applies an effect of an enforced layer; false: nothing changed.
bool apply(Effect& effect, Evidence& evidence, Decision& decision) {
  struct Applied {
    Evidence& evidence;
    Decision& decision;
    const std::string& why;

    bool operator()(GrantRelay& grant) const {
      return evidence.candidate && grant_relay(grant.by, evidence.candidate->route);
    }
    bool operator()(TrustClient&) const { return !std::exchange(evidence.trusted_client, true); }
    bool operator()(Discard&) const {
      if (evidence.discard) return false;
      evidence.discard = why;
      return true;
    }
    bool operator()(Hold&) const {
      if (decision.quarantine) return false;
      decision.quarantine = why;
      return true;
    }
    bool operator()(Edit& edit) const {
      evidence.copies = std::move(edit.copies);
      return true;
    }
    bool operator()(Offer& offer) const {
      if (!evidence.session.script) return false;
      evidence.session.script->offered = std::move(offer.extensions);
      return true;
    }
  };
  return std::visit(Applied{evidence, decision, effect.why}, effect.what);
}

/// Copies of scripts without changes are applied but not recorded.
bool is_noteworthy(const Effect& effect) {
  const auto* edit = std::get_if<Edit>(&effect.what);
  return edit == nullptr || !std::ranges::all_of(edit->copies, &ScriptCopy::is_as_it_came);
}

/// A verdict of quarantine has the effect `hold`, with the position of its step.
void add_hold(Ruling& ruling, const std::vector<Step>& steps, std::size_t first) {
  if (ruling.verdict.kind != Verdict::Kind::quarantine) return;
  Effect hold{.what = Hold{}, .why = ruling.verdict.detail, .check = {}, .place = {}};
  for (std::size_t i = first; i < steps.size(); ++i) {
    if (steps[i].verdict.kind != Verdict::Kind::quarantine) continue;
    hold.check = steps[i].check;
    hold.place = steps[i].origin;
  }
  ruling.effects.push_back(std::move(hold));
}

}  // namespace

Engine::Engine(std::vector<LayerEntry> layers)
    : layers_(std::move(layers)),
      definition_(std::make_shared<const std::string>(layers_text(layers_))) {}

bool Engine::speaks_at(Stage stage) const {
  return std::any_of(layers_.begin(), layers_.end(),
                     [stage](const LayerEntry& entry) { return entry.layer->speaks_at(stage); });
}

/// The layer's ruling. An exception is a temporary refusal: mail that a layer cannot judge is not
/// accepted.
Task<Ruling> Engine::ask(const LayerEntry& entry, Stage stage, Inquiry& inquiry,
                         std::vector<Step>& steps) const {
  const Inquiry::Trial trial(inquiry, entry.mode == Mode::shadow);
  const Layer& layer = *entry.layer;
  std::string cause;
  try {
    Ruling ruling = co_await layer.judge(stage, inquiry, steps);
    const Verdict& said = ruling.verdict;
    if (!said.refuses() || is_refusal(said.reply)) co_return ruling;
    cause = "a refusal with reply code " + std::to_string(said.reply.code);
  } catch (const std::exception& error) {
    cause = error.what();
  } catch (...) {
    cause = "an exception of unknown type";
  }
  Verdict verdict = replies::trouble(stage, questions::Trouble::local, std::move(cause));
  steps.push_back({.stage = stage,
                   .layer = layer.name(),
                   .check = "internal_error",
                   .origin = {},
                   .verdict = verdict});
  co_return verdict;
}

namespace {

/// A shadow layer's ruling is recorded but not merged.
void merge(const LayerEntry& entry, Ruling ruling, std::size_t first_step, Evidence& evidence,
           Decision& decision) {
  const bool shadow = entry.mode == Mode::shadow;
  if (shadow) {
    for (std::size_t i = first_step; i < decision.steps.size(); ++i) {
      decision.steps[i].enforced = false;
    }
  }
  Verdict& verdict = ruling.verdict;
  if (verdict.refuses()) {
    // The recipient is refused; the message is discarded all the same if others are accepted.
    std::erase_if(ruling.effects,
                  [](const Effect& one) { return !std::holds_alternative<Discard>(one.what); });
    if (!shadow) decision.reply = std::move(verdict.reply);
  } else {
    add_hold(ruling, decision.steps, first_step);
  }
  for (Effect& effect : ruling.effects) {
    const bool noteworthy = is_noteworthy(effect);
    if (!shadow && !apply(effect, evidence, decision)) continue;
    if (!noteworthy) continue;
    decision.effects.push_back({.effect = word_of(effect),
                                .layer = entry.layer->name(),
                                .check = effect.check,
                                .place = std::move(effect.place),
                                .why = std::move(effect.why),
                                .enforced = !shadow});
  }
  if (!shadow && verdict.kind == Verdict::Kind::permit && !verdict.reply.text.empty()) {
    decision.permit = std::move(verdict.reply);
  }
}

/// In a tape, each layer's lines are a section: a head "@LAYER NUMBER" and that number of lines. So
/// a layer that is missing when the tape is played takes no lines from another.
constexpr char section_mark = '@';

/// Puts a head in front of the lines that a layer recorded from `begin` on, if there are any.
void end_section(std::string_view layer, std::size_t begin, std::string& record) {
  if (record.size() == begin) return;
  const auto lines =
      std::count(record.begin() + static_cast<std::ptrdiff_t>(begin), record.end(), '\n');
  record.insert(begin, fmt::format("{}{} {}\n", section_mark, layer, lines));
}

/// Removes the first section of a layer and returns its lines; empty: there is none.
std::string take_section(std::string_view layer, std::string& record) {
  for (std::size_t begin = 0; begin < record.size();) {
    const std::string_view head =
        std::string_view(record).substr(begin, record.find('\n', begin) - begin);
    const std::size_t blank = head.rfind(' ');
    if (!head.starts_with(section_mark) || blank == std::string_view::npos) return {};
    const std::size_t first = std::min(begin + head.size() + 1, record.size());
    std::size_t end = first;
    for (auto lines = parse_number(head.substr(blank + 1)).value_or(0); lines > 0; --lines) {
      const std::size_t feed = record.find('\n', end);
      if (feed == std::string::npos) return {};
      end = feed + 1;
    }
    if (head.substr(1, blank - 1) == layer) {
      std::string taken = record.substr(first, end - first);
      record.erase(begin, end - begin);
      return taken;
    }
    begin = end;
  }
  return {};
}

}  // namespace

Task<Decision> Engine::decide(Stage stage, Evidence& evidence, Gatherer& gatherer,
                              Tape tape) const {
  const auto started = std::chrono::steady_clock::now();
  Decision decision{.stage = stage};
  decision.reply.code = 0;
  decision.engine = definition_;
  decision.accepted = evidence.recipients.size();
  decision.discarded = evidence.discard.has_value();
  decision.early = evidence.session.early_talker;
  decision.after_revoked = evidence.session.revoked.has_value();
  if (stage == Stage::rcpt && evidence.candidate) {
    decision.recipient = evidence.candidate->address.text();
    decision.candidate = evidence.candidate;
  }
  for (const LayerEntry& entry : layers_) {
    if (entry.mode == Mode::shadow || refused(decision)) continue;
    std::optional<Step> unread = entry.layer->refusal_unread(stage, evidence);
    if (!unread) continue;
    decision.reply = unread->verdict.reply;
    decision.steps.push_back(std::move(*unread));
  }
  // Records of version 0.1.0 have no sections: their layers take lines in turn.
  const bool in_sections = tape.answers.starts_with(section_mark);
  std::string recorded = in_sections ? std::move(tape.answers) : std::string();
  Inquiry inquiry(evidence, gatherer, tape);
  for (const LayerEntry& entry : layers_) {
    if (!entry.layer->speaks_at(stage)) continue;
    const bool shadow = entry.mode == Mode::shadow;
    if (refused(decision) && !shadow) continue;
    const std::size_t first_step = decision.steps.size();
    const std::size_t first_line = tape.record.size();
    if (in_sections) tape.answers = take_section(entry.layer->name(), recorded);
    Ruling ruling = co_await ask(entry, stage, inquiry, decision.steps);
    end_section(entry.layer->name(), first_line, tape.record);
    merge(entry, std::move(ruling), first_step, evidence, decision);
  }
  decision.rate_tokens = evidence.rate_tokens;
  decision.script = std::move(tape.record);
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
    // A refused recipient does not affect the reply to the end of data.
    if (reply.code != 0 && one->stage < Stage::data) return nullptr;
    if (refused(*one)) return &*one;
  }
  return nullptr;
}

bool refused(const Decision& decision) { return is_refusal(decision.reply); }

std::string_view word_of(const Effect& effect) {
  static constexpr std::string_view words[] = {"grant_relay", "trust_client", "discard",
                                               "hold",        "edit",         "offer"};
  static_assert(std::size(words) == std::variant_size_v<decltype(Effect::what)>);
  return words[effect.what.index()];
}

bool grants_route(const std::vector<Effect>& effects, const Route& route) {
  return std::ranges::any_of(effects, [&](const Effect& one) {
    const auto* grant = std::get_if<GrantRelay>(&one.what);
    return grant != nullptr && gives_route(grant->by, route);
  });
}

const EffectNote* relay_grant(const Decision& decision) {
  const auto found = std::ranges::find_if(decision.effects, [](const EffectNote& one) {
    return one.enforced && one.effect == "grant_relay";
  });
  return found == decision.effects.end() ? nullptr : &*found;
}

const Step* refusing_step(const Decision& decision) {
  const auto found =
      std::find_if(decision.steps.begin(), decision.steps.end(),
                   [](const Step& step) { return step.enforced && step.verdict.refuses(); });
  return found == decision.steps.end() ? nullptr : &*found;
}

}  // namespace postern::policy
