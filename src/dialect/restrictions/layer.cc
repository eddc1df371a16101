#include "dialect/restrictions/layer.h"

#include <algorithm>
#include <set>

#include <boost/json.hpp>

#include "base/sha256.h"
#include "base/text.h"
#include "dialect/restrictions/remarks.h"
#include "dialect/restrictions/remote_table.h"
#include "dialect/restrictions/replies.h"
#include "policy/catalogue.h"
#include "policy/inquiry.h"
#include "policy/json_octets.h"
#include "policy/own_addresses.h"
#include "policy/replies.h"
#include "policy/ruling.h"
#include "policy/step.h"

namespace postern::dialect::restrictions {

namespace json = boost::json;
using policy::Effect;
using policy::Evidence;
using policy::Grant;
using policy::Inquiry;
using policy::Route;
using policy::Ruling;
using policy::Stage;
using policy::Step;
using policy::Verdict;

namespace {

constexpr std::size_t most_rounds = 200;  ///< of questions in one evaluation

Verdict verdict_of(const Mark& mark, const smtp::Reply& reply) {
  const std::string detail(mark.detail());
  using Was = Mark::Result;
  switch (mark.result) {
    case Was::refused: {
      Verdict refused = policy::refuse(reply.code, reply.enhanced, reply.text, detail);
      refused.trouble = mark.trouble;
      return refused;
    }
    case Was::permitted:
      return policy::permit(detail);
    case Was::warned:
      return policy::pass_on(std::string(reject_warning) + detail);
    case Was::defers_if_permit:
      return policy::pass_on("defers unless a later rule refuses: " + detail);
    case Was::defers_if_reject:
      return policy::pass_on("makes a refusal temporary: " + detail);
    case Was::passed:
      break;
  }
  return policy::pass_on(detail);
}

void note_steps(Stage stage, Evaluated& result, std::vector<Step>& steps) {
  const std::size_t first = steps.size();
  for (Mark& mark : result.marks) {
    const Rule* rule = mark.rule;
    steps.push_back({.stage = stage,
                     .layer = "restrictions",
                     .check = name_of(rule),
                     .origin = rule != nullptr ? rule->origin : std::string(),
                     .verdict = verdict_of(mark, result.reply)});
  }
  for (Evaluated::Key& key : result.keys) {
    if (key.mark != Evaluated::Key::pending) steps[first + key.mark].key = std::move(key.text);
  }
}

}  // namespace

RestrictionsLayer::RestrictionsLayer(std::shared_ptr<const ListPolicy> policy,
                                     std::string definition)
    : policy_(std::move(policy)), definition_(std::move(definition)) {}

bool RestrictionsLayer::speaks_at(Stage stage) const {
  switch (stage) {
    case Stage::connect:
      return !policy_->delay_reject && !policy_->list(ListKind::client).empty();
    case Stage::helo:
      return !policy_->delay_reject && !policy_->list(ListKind::helo).empty();
    case Stage::mail:
      // The check behind the list is made without one, too.
      return !policy_->delay_reject &&
             (!policy_->list(ListKind::sender).empty() || policy_->reject_unlisted_sender);
    case Stage::rcpt:
      return true;
    case Stage::data:
      return !policy_->list(ListKind::data).empty();
    case Stage::message:
      return !policy_->list(ListKind::end_of_data).empty();
    case Stage::auth:
    case Stage::queued:
    case Stage::delivery:
      break;
  }
  return false;
}

namespace {

Effect make_effect(decltype(Effect::what) what, const Rule* rule, std::string why) {
  const bool named = rule != nullptr && rule->keyword != nullptr;
  return {.what = std::move(what),
          .why = std::move(why),
          .check = named ? rule->keyword->name : std::string_view(),
          .place = rule != nullptr ? rule->origin : std::string()};
}

/// The rule of a list that lets the recipient be relayed: the one that found its domain to be ours
/// and would have refused it otherwise, or the one that ended the list before. Null: there is none.
const Mark* granting(const Evaluated& result, ListKind kind) {
  const std::string beginning = std::string(parameter_of(kind)) + ":";
  for (const Mark& mark : result.marks) {
    if (mark.rule == nullptr || !mark.rule->origin.starts_with(beginning)) continue;
    const Keyword* keyword = mark.rule->keyword;
    const bool lets_ours_pass = keyword != nullptr && mark.result == Mark::Result::passed &&
                                keyword->certain == Keyword::Certain::foreign;
    if (lets_ours_pass || mark.result == Mark::Result::permitted) return &mark;
  }
  return nullptr;
}

/// The rule that lets the recipient be relayed, else the last one that permitted it; null: no rule
/// did, the lists only did not refuse. The relay list decides, whichever list runs first.
const Mark* permitting(const Evaluated& result) {
  if (const Mark* by = granting(result, ListKind::relay)) return by;
  if (const Mark* by = granting(result, ListKind::recipient)) return by;
  const auto last = std::find_if(result.marks.rbegin(), result.marks.rend(), [](const Mark& one) {
    return one.result == Mark::Result::permitted;
  });
  return last == result.marks.rend() ? nullptr : &*last;
}

/// Begins the tape's line about verifications: their number before the decision, which the record
/// of the whole transaction does not tell.
constexpr char verified_mark = 'v';

/// Consultations::verifications() before this decision; taken from a tape that is played.
std::size_t verified_before(Inquiry& inquiry) {
  policy::Tape& tape = inquiry.tape;
  if (!tape.playing) {
    return inquiry.evidence.consulted.verifications(inquiry.evidence.in_shadow);
  }
  if (!tape.answers.starts_with(verified_mark)) return 0;
  const std::size_t end = std::min(tape.answers.find('\n'), tape.answers.size());
  const auto number = parse_number(std::string_view(tape.answers).substr(1, end - 1));
  tape.answers.erase(0, end + 1);
  return number.value_or(0);
}

void note_verified(std::size_t before, policy::Tape& tape) {
  if (before == 0 || tape.playing) return;
  tape.record += verified_mark + std::to_string(before) + "\n";
}

}  // namespace

Task<Ruling> RestrictionsLayer::judge(Stage stage, Inquiry& inquiry,
                                      std::vector<Step>& steps) const {
  const Evidence& evidence = inquiry.evidence;
  // After DISCARD no further rule is evaluated for the message, as in Postfix.
  if (evidence.discard) {
    Ruling ruling(policy::permit("the message is discarded: " + *evidence.discard));
    ruling.effects.push_back(
        make_effect(policy::GrantRelay{Grant::nowhere}, nullptr, "the message is discarded"));
    co_return ruling;
  }
  Evaluated result;
  std::size_t waited = 0;
  const std::size_t verified = verified_before(inquiry);
  for (std::size_t round = 0;; ++round) {
    result = evaluate(*policy_, evidence, stage, waited, verified);
    if (result.complete()) break;
    if (round == most_rounds) {
      Verdict verdict = policy::replies::trouble(stage, policy::questions::Trouble::limit,
                                                 "more questions than one evaluation may ask");
      steps.push_back({.stage = stage,
                       .layer = "restrictions",
                       .check = name_of(nullptr),
                       .origin = {},
                       .verdict = verdict});
      co_return verdict;
    }
    if (result.wanted_wait) {
      ++waited;
      co_await inquiry.wait(*result.wanted_wait);
    } else if (result.wanted_service) {
      co_await inquiry.consult(std::move(*result.wanted_service));
    } else {
      co_await inquiry.ask(std::move(*result.wanted_dns));
    }
  }
  if (result.verifies) note_verified(verified, inquiry.tape);
  const Mark* const by = permitting(result);
  const Rule* const permitting_rule = by != nullptr ? by->rule : nullptr;
  std::string why(by != nullptr ? by->detail() : "no list refuses");
  note_steps(stage, result, steps);
  const bool refuses = result.reply.code != 0;
  Ruling ruling(refuses
                    ? policy::refuse(result.reply.code, result.reply.enhanced, result.reply.text)
                    : policy::pass_on());
  if (result.discard) {
    ruling.effects.push_back(
        make_effect(policy::Discard{}, result.discarded_by, std::move(*result.discard)));
  }
  if (refuses) co_return ruling;
  if (result.trusted_client) {
    ruling.effects.push_back(make_effect(policy::TrustClient{}, result.trusted_by, {}));
  }
  if (result.to_prober) {
    ruling.effects.push_back(
        make_effect(policy::GrantRelay{Grant::nowhere}, nullptr, std::move(why)));
    co_return ruling;
  }
  if (stage == Stage::rcpt) {
    std::optional<Grant> grant;
    Verdict verdict = co_await give_route(inquiry, steps, grant);
    if (verdict.refuses()) co_return verdict;
    if (grant) {
      ruling.effects.push_back(
          make_effect(policy::GrantRelay{*grant}, permitting_rule, std::move(why)));
    }
  }
  if (result.hold) {
    ruling.effects.push_back(make_effect(policy::Hold{}, result.held_by, std::move(*result.hold)));
  }
  co_return ruling;
}

Task<Verdict> RestrictionsLayer::give_route(Inquiry& inquiry, std::vector<Step>& steps,
                                            std::optional<Grant>& grant) const {
  static const policy::Rule one_route{&policy::checks::one_webhook_a_message, {}, "restrictions"};
  const Evidence& evidence = inquiry.evidence;
  // A recorded recipient keeps its recorded route.
  if (!evidence.candidate || evidence.candidate->route.kind == Route::Kind::webhook) {
    co_return policy::pass_on();
  }
  Grant by = Grant::rules;
  // An address that does not exist in a webhook domain stays unknown.
  if (evidence.candidate->route.missing == Route::Missing::unknown_address) {
    // The answers of other programs about the domain were gathered while the lists were evaluated.
    policy::Replies replies(evidence);
    const std::string& said = evidence.candidate->address.domain;
    const DomainClass of_domain = policy_->domain_class(
        said.empty() ? policy_->myorigin
                     : policy::completed_domain(said, policy_->appended_domain()),
        &replies);
    if (of_domain == DomainClass::foreign) co_return policy::pass_on();
    if (of_domain == DomainClass::unknown) {
      const auto& words = replies::route_lookup_failed;
      co_return policy::refuse(words.code, words.enhanced, std::string(words.text),
                               unread("the lists of domains", replies));
    }
    by = Grant::domain;
  }
  Verdict verdict = co_await policy::run_rule(name(), one_route, inquiry, steps);
  if (!verdict.refuses()) grant = by;
  co_return verdict;
}

std::string definition_of(const Parameters& parameters,
                          const std::map<std::string, std::string>& files,
                          const std::vector<std::string>& closed,
                          const std::map<std::string, std::string>& places, std::size_t largest) {
  json::object settings;
  for (const auto& [name, value] : parameters.settings()) settings[name] = value;
  json::object kept;
  json::object left_out;
  for (const auto& [path, text] : files) {
    if (text.size() > largest) {
      left_out[path] = hex_encode(sha256(text));
      continue;
    }
    largest -= text.size();
    kept[path] = policy::octets_json(text);
  }
  json::object definition{{"hostname", parameters.text("myhostname")},
                          {"parameters", std::move(settings)},
                          {"files", std::move(kept)}};
  if (!left_out.empty()) definition["left_out"] = std::move(left_out);
  if (!closed.empty()) definition["closed"] = json::value_from(closed);
  if (!places.empty()) definition["places"] = json::value_from(places);
  return json::serialize(definition);
}

namespace {

std::map<std::string, std::string> places_of(const ListPolicy& policy, const Locate& locate) {
  std::map<std::string, std::string> places;
  const auto note = [&](const List& list) {
    for (const Rule& rule : list) {
      if (std::string place = locate(rule.place); !place.empty()) {
        places.emplace(rule.origin, std::move(place));
      }
    }
  };
  for (const List& list : policy.lists) note(list);
  for (const auto& [name, list] : policy.classes) note(*list);
  return places;
}

}  // namespace

Loaded load(const Parameters& parameters, const TableSources& sources, Errors errors,
            const Locate& locate) {
  auto files = std::make_shared<std::map<std::string, std::string>>();
  TableSources keeping = sources;
  if (errors == Errors::defer) keeping.bad_rows = BadRows::skip;
  std::set<std::string> secret;  // files that are not kept as they are
  // A file is read once, so that the lists are of one version of it and of the one that is kept.
  keeping.read = [&](const std::string& path) -> Result<std::string> {
    const auto known = files->find(path);
    if (known != files->end() && !secret.contains(path)) return known->second;
    auto text = sources.read(path);
    if (text) files->emplace(path, *text);
    return text;
  };
  keeping.read_secret = [&](const std::string& path) -> Result<std::string> {
    auto text = sources.read(path);
    if (text) files->insert_or_assign(path, without_secrets(*text));
    secret.insert(path);
    return text;
  };
  Loaded loaded;
  loaded.compiled = compile(parameters, keeping, errors);
  std::map<std::string, std::string> places;
  if (locate && loaded.compiled.policy) places = places_of(*loaded.compiled.policy, locate);
  loaded.definition = definition_of(parameters, *files, sources.closed, places);
  return loaded;
}

Result<Loaded> loaded_from_definition(std::string_view definition) {
  try {
    const json::value parsed = json::parse({definition.data(), definition.size()});
    std::map<std::string, std::string, std::less<>> settings;
    for (const auto& [name, value] : parsed.at("parameters").as_object()) {
      settings.emplace(name, json::value_to<std::string>(value));
    }
    const json::object files = parsed.at("files").as_object();
    FileRules rules;
    if (const json::value* closed = parsed.as_object().if_contains("closed"))
      rules.closed = json::value_to<std::vector<std::string>>(*closed);
    TableSources sources = file_sources(std::move(rules));
    sources.bad_rows = BadRows::skip;
    json::object left_out;
    if (const json::value* told = parsed.as_object().if_contains("left_out")) {
      left_out = told->as_object();
    }
    std::set<std::string> changed;
    for (const auto& one : left_out) changed.emplace(one.key());
    sources.read = [files, left_out, &changed,
                    read = sources.read](const std::string& path) -> Result<std::string> {
      if (const json::value* text = files.if_contains(path)) {
        return policy::octets_of(*text);
      }
      Result<std::string> text = read(path);
      const json::value* digest = left_out.if_contains(path);
      if (text && digest != nullptr && digest->as_string() == hex_encode(sha256(*text))) {
        changed.erase(path);
      }
      return text;
    };
    Compiled compiled =
        compile(Parameters(std::move(settings), json::value_to<std::string>(parsed.at("hostname"))),
                sources, Errors::defer);
    if (!compiled.policy) {
      return fail(Fault::malformed, "recorded restriction lists do not compile any more");
    }
    return Loaded{.compiled = std::move(compiled),
                  .definition = std::string(definition),
                  .changed = std::move(changed)};
  } catch (const std::exception& error) {  // Boost.JSON throws for a missing member or a wrong type
    return fail(Fault::malformed, std::string("recorded restriction lists: ") + error.what());
  }
}

Result<std::shared_ptr<const policy::Layer>> layer_from_definition(std::string_view definition) {
  Result<Loaded> loaded = loaded_from_definition(definition);
  if (!loaded) return tl::unexpected(loaded.error());
  return std::shared_ptr<const policy::Layer>(
      std::make_shared<RestrictionsLayer>(loaded->compiled.policy, std::move(loaded->definition)));
}

}  // namespace postern::dialect::restrictions
