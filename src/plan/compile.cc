#include "plan/compile.h"
#include "plan/listings.h"
#include "plan/settings_answers.h"

#include <algorithm>
#include <array>
#include <bit>
#include <functional>
#include <set>
#include <tuple>
#include <utility>

#include <fmt/format.h>

#include "base/domain_below.h"
#include "base/sha256.h"
#include "base/text.h"
#include "dialect/restrictions/remote_table.h"
#include "dialect/restrictions/verification.h"
#include "explain/play.h"
#include "policy/answers.h"
#include "policy/dns_list.h"
#include "policy/own_addresses.h"
#include "policy/questions/authenticated.h"
#include "policy/webhook.h"

namespace postern::plan {

namespace restrictions = dialect::restrictions;
using policy::Evidence;
using policy::Stage;
using restrictions::List;
using restrictions::ListKind;
using restrictions::ListPolicy;
using restrictions::ReplyCodes;
using restrictions::Rule;
using restrictions::RuleEffect;
using restrictions::RuleMoment;
using restrictions::RuleOutcome;

namespace {

constexpr std::string_view some_v4 = "192.0.2.80";
constexpr std::string_view some_v6 = "2001:db8::80";

/// What a rule may do whose answers cannot be listed.
struct OpaqueStep {
  std::string_view words;
  bool permits = false;
  std::uint16_t refuses = 0;  ///< a code
  bool if_permit = false;
  bool if_reject = false;
  bool hold = false;
  bool discard = false;
};
constexpr OpaqueStep opaque_steps[] = {{.words = "passes"},
                                       {.words = "permits", .permits = true},
                                       {.words = "refuses", .refuses = 554},
                                       {.words = "refuses for now", .refuses = 450},
                                       {.words = "defers if permitted", .if_permit = true},
                                       {.words = "defers if refused", .if_reject = true},
                                       {.words = "holds", .hold = true},
                                       {.words = "discards", .permits = true, .discard = true}};

/// What a rule of this keyword may do: one that refuses never permits, and only a table or a
/// program can say HOLD or DISCARD.
std::vector<OpaqueStep> steps_of(const restrictions::Keyword& keyword) {
  using Class = restrictions::Keyword::Class;
  std::vector<OpaqueStep> steps;
  for (const OpaqueStep& step : opaque_steps) {
    const bool by_action = step.hold || step.discard;
    const bool is_possible = keyword.kind == Class::reject   ? !by_action && !step.permits
                             : keyword.kind == Class::permit ? !by_action
                                                             : true;
    if (is_possible) steps.push_back(step);
  }
  return steps;
}

/// Of an error of the configuration that shows when mail comes.
constexpr ReplyCodes bad_configuration{.code = 451, .enhanced = {4, 3, 5}};

}  // namespace

// ---------------------------------------------------------------------------------- Vocabulary

Vocabulary::Vocabulary(Diagrams& diagrams, const restrictions::PolicyWords& words,
                       const std::string& delimiters, const ServedSessions& served,
                       const std::vector<const policy::Directory*>& directories)
    : diagrams_(diagrams),
      classes_(classes_of(
          words, delimiters, served, [&] { diagrams.poll(); }, directories)),
      zones_(words.zones),
      opaque_(words.opaque),
      actions_(words.actions),
      by_settings_(words.answers),
      asks_rows_(words.asks_rows),
      asks_owners_(words.asks_owners),
      languages_(classes_) {
  for (std::size_t axis = 0; axis < axis_count; ++axis) {
    diagrams_.add(classes_.count(static_cast<Axis>(axis)));
  }
  const auto say = [&](Axis axis, const std::string& text) {
    parts_[lower(text)] |= 1u << variable(axis);
  };
  for (const NameClass& one : classes_.names) say(Axis::name, one.name);
  for (const HeloClass& one : classes_.helos) say(Axis::helo, one.name);
  const auto say_address = [&](Axis axis, const std::optional<mail::Mailbox>& address) {
    if (!address) return;
    say(axis, address->domain);
    say(axis, address->text());
  };
  for (const AddressClass& one : classes_.senders) say_address(Axis::sender, one.one);
  for (const AddressClass& one : classes_.recipients) say_address(Axis::recipient, one.one);
}

/// The one part of the dialogue that says the name or address, or what it is below.
std::optional<Axis> Vocabulary::part_with(std::string_view name) const {
  unsigned parts = 0;
  const auto add = [&](std::string_view text) {
    if (const auto said = parts_.find(std::string(text)); said != parts_.end()) {
      parts |= said->second;
    }
  };
  add(name);
  for (std::size_t dot = name.find('.'); dot != std::string_view::npos;
       dot = name.find('.', dot + 1)) {
    add(name.substr(dot + 1));
  }
  if (std::popcount(parts) != 1) return std::nullopt;
  return static_cast<Axis>(std::countr_zero(parts));
}

const OpenQuestion* Vocabulary::question(Variable variable) const {
  if (variable < axis_count) return nullptr;
  return questions_[variable - axis_count].get();
}

OpenQuestion& Vocabulary::add(OpenQuestion question) {
  const std::size_t values = question.answers.size();
  question.variable =
      question.of ? diagrams_.add(values, variable(*question.of)) : diagrams_.add(values);
  questions_.push_back(std::make_unique<OpenQuestion>(std::move(question)));
  by_key_.emplace(questions_.back()->key, questions_.back().get());
  return *questions_.back();
}

const OpenQuestion& Vocabulary::ask(const dns::Question& asked, const IpAddress& client) {
  const std::string name = lower(asked.name);
  OpenQuestion question;
  question.dns = dns::Question{name, asked.type};
  if (asked.type == dns::Type::a) {
    const policy::DnsList* best = nullptr;
    for (const policy::DnsList& list : zones_) {
      if (name != list.zone() && domain_below(name, list.zone()) &&
          (best == nullptr || list.zone().size() > best->zone().size())) {
        best = &list;
      }
    }
    if (best != nullptr) {
      question.zone = best->zone();
      std::string prefix = name.substr(0, name.size() - best->zone().size() - 1);
      if (prefix == reversed_client(client)) prefix = "%client";
      question.key = "list " + best->zone() + " " + prefix;
    }
  }
  if (question.key.empty()) {
    question.key = std::string(dns::to_string(asked.type)) + " " + name;
  }
  if (const auto known = by_key_.find(question.key); known != by_key_.end()) return *known->second;
  if (!question.zone.empty()) {
    const std::string about = name.substr(0, name.size() - question.zone.size() - 1);
    question.of = question.key.ends_with(" %client") ? Axis::client : part_with(about);
    question.answers = listings(zones_, question.zone);
    return add(std::move(question));
  }
  question.of = part_with(name);
  question.answers.push_back({.dns = missing(), .words = "missing"});
  switch (asked.type) {
    case dns::Type::a:
      question.answers.push_back({.dns = found({std::string(some_v4)}), .words = "found"});
      break;
    case dns::Type::aaaa:
      question.answers.push_back({.dns = found({std::string(some_v6)}), .words = "found"});
      break;
    case dns::Type::mx:
      question.answers.push_back({.dns = found({"10 mx." + name}), .words = "found"});
      question.answers.push_back({.dns = found({"0 ."}), .words = "null MX"});  // RFC 7505 §3
      break;
    case dns::Type::ns:
    case dns::Type::cname:
    case dns::Type::ptr:
    case dns::Type::txt:
    case dns::Type::tlsa:
    case dns::Type::caa:
      throw NotCompiled("external_table", "a rule asks for records of type " +
                                              std::string(dns::to_string(asked.type)));
  }
  question.answers.push_back({.dns = failed(), .words = "no answer"});
  return add(std::move(question));
}

const OpenQuestion& Vocabulary::ask(const policy::Consultation& asked, bool after_starttls) {
  OpenQuestion question;
  question.service = asked;
  const bool is_table = restrictions::is_remote_table(asked.service);
  const bool verifies = policy::is_verification(asked.service);
  std::string address;
  if (is_table) {
    question.key = asked.service + " " + asked.request;
  } else if (verifies) {
    // Asked again, the answer is the same.
    address = lower(std::string(policy::verified_address(asked.request)));
    question.key = asked.service + " " + address;
  } else {
    // A server is told everything about the dialogue; at one command, with one policy_context, it
    // is asked the same, and both versions get one answer. There may be two EHLO.
    const auto line = [&](std::string_view name) {
      const std::size_t at = asked.request.find("\n" + std::string(name) + "=");
      if (at == std::string::npos) return std::string();
      return asked.request.substr(at + 1, asked.request.find('\n', at + 1) - at - 1);
    };
    const std::string state = line("protocol_state");
    question.key = asked.service + " " + state + " " + line("policy_context");
    const bool is_helo = state.ends_with("=HELO") || state.ends_with("=EHLO");
    const bool in_tls =
        line("encryption_protocol").size() > std::string_view("encryption_protocol=").size();
    if (is_helo && (after_starttls || in_tls)) question.key += " after STARTTLS";
  }
  if (const auto known = by_key_.find(question.key); known != by_key_.end()) return *known->second;
  const auto add_answer = [&](std::string_view text) {
    PossibleAnswer one;
    one.service = asked;
    one.service.answer = is_table ? "found " + std::string(text) : std::string(text);
    one.words = std::string(text);
    question.answers.push_back(std::move(one));
  };
  if (is_table) {
    add_answer("");
    question.answers.back().service.answer = "absent";
    question.answers.back().words = "absent";
  }
  const auto known = verifies && known_ ? known_(asked) : std::nullopt;
  if (known) {
    add_answer(*known);
    return add(std::move(question));
  }
  if (verifies) {
    question.of = part_with(address);
    for (const std::string_view text : {"deliverable", "undeliverable", "deferred"}) {
      add_answer(text);
    }
  } else if (is_table && !asks_rows_) {
    add_answer("OK");  // that there is a row is all that matters
  } else {
    for (const std::string_view text : std::initializer_list<std::string_view>{
             "DUNNO", "OK", "REJECT", "DEFER", "DEFER_IF_PERMIT", "DEFER_IF_REJECT", "HOLD",
             "DISCARD", "permit_mynetworks", "permit_sasl_authenticated", "permit_auth_destination",
             "reject_unauth_destination", "reject, permit", "defer_if_permit, permit",
             answer_with_an_error}) {
      add_answer(text);
    }
    for (const std::string& name : actions_) add_answer(name);
    for (const std::string& name : by_settings_) add_answer(name);
  }
  if (is_table && asks_owners_) add_answer(own_login);
  add_answer("no answer");
  question.answers.back().service.failed = true;
  question.answers.back().service.answer = "no answer";
  return add(std::move(question));
}

std::optional<DialogueText> Vocabulary::text_of(
    const restrictions::PatternQuestions::Question& question, const std::vector<Axis>& axes,
    const Chosen& chosen) {
  std::optional<DialogueText> only;
  for (const Axis axis : axes) {
    const std::optional<DialogueText> text = classes_.text_of(axis, chosen[axis], question.second);
    if (text && only) return std::nullopt;
    if (text) only = text;
  }
  using Part = DialogueText::Part;
  if (only && only->part == Part::quoted && languages_.is_blind(question.first)) {
    only->part = Part::whole;
  }
  if (only) only->as_written = question.first.starts_with(restrictions::written_question);
  return only;
}

std::optional<bool> Vocabulary::known_if_completed(
    const restrictions::PatternQuestions::Question& question, const std::vector<Axis>& axes,
    const Chosen& chosen) {
  std::optional<std::string> texts;
  for (const Axis axis : axes) {
    const auto completed = classes_.completed_as(axis, chosen[axis], question.second);
    if (completed && texts) return std::nullopt;
    if (completed) texts = completed;
  }
  return texts ? languages_.answer_among(question.first, *texts) : std::nullopt;
}

const OpenQuestion& Vocabulary::ask(const restrictions::PatternQuestions::Question& asked,
                                    const std::optional<DialogueText>& about) {
  // A dialogue has one sender, so what a pattern says of it is one question, whatever its class.
  OpenQuestion question;
  question.about = about;
  std::string text = asked.second;
  const std::size_t end = text.rfind("\"@");
  if (text.starts_with('"') && end != std::string::npos && languages_.is_blind(asked.first)) {
    text.erase(end, 1).erase(0, 1);
  }
  question.key = fmt::format("{} {}", asked.first, about ? words_of(*about) : text);
  if (const auto known = by_key_.find(question.key); known != by_key_.end()) return *known->second;
  question.pattern = asked;
  question.answers.push_back({.words = "no"});
  question.answers.push_back({.words = "yes"});
  return add(std::move(question));
}

PatternTexts Vocabulary::texts_on(const Assignment& path) {
  std::map<DialogueText, std::vector<const OpenQuestion*>> by_text;
  // Keys that are no such text; as they are written, and in lower case.
  std::map<std::pair<std::string, bool>, std::vector<const OpenQuestion*>> by_key;
  for (const auto& one : questions_) {
    const bool is_asked = one->variable < path.size() && path[one->variable] != any_value;
    if (is_asked && one->about) by_text[*one->about].push_back(one.get());
    if (!is_asked || !one->pattern || one->about) continue;
    const auto& [asked, text] = *one->pattern;
    by_key[{text, asked.starts_with(restrictions::written_question)}].push_back(one.get());
  }
  PatternTexts made;
  const auto rule_out = [&](const std::vector<const OpenQuestion*>& questions) {
    made.impossible = Assignment(diagrams_.variables(), any_value);
    for (const OpenQuestion* one : questions) {
      (*made.impossible)[one->variable] = path[one->variable];
    }
  };
  const auto wanted_of = [&](const std::vector<const OpenQuestion*>& questions) {
    std::vector<PatternLanguages::Wanted> wanted;
    for (const OpenQuestion* one : questions) {
      wanted.emplace_back(one->pattern->first, path[one->variable] == 1);
    }
    return wanted;
  };
  for (const auto& [key, questions] : by_key) {
    if (questions.size() < 2 || made.impossible) continue;
    if (!languages_.may_be(wanted_of(questions))) rule_out(questions);
  }
  for (const auto& [text, questions] : by_text) {
    const std::vector<PatternLanguages::Wanted> wanted = wanted_of(questions);
    const std::size_t value =
        path[variable(text.axis)] == any_value ? 0 : path[variable(text.axis)];
    TextFound found = languages_.text(text, value, wanted, true);
    if (found.status != TextFound::Status::found) {
      found = languages_.text(text, value, wanted, false);
    }
    if (found.status == TextFound::Status::found) made.texts.emplace_back(text, found.text);
    if (found.status != TextFound::Status::none || made.impossible) continue;
    rule_out(questions);
    (*made.impossible)[variable(text.axis)] = value;
  }
  return made;
}

const OpenQuestion& Vocabulary::ask_fact(const std::string& key,
                                         const std::vector<std::string>& words) {
  const std::string full = "message " + key;
  if (const auto known = by_key_.find(full); known != by_key_.end()) return *known->second;
  OpenQuestion question;
  question.key = full;
  for (const std::string& one : words) question.answers.push_back({.words = one});
  return add(std::move(question));
}

const OpenQuestion& Vocabulary::ask_rule(const std::string& key,
                                         const restrictions::Keyword& keyword) {
  if (const auto known = by_key_.find(key); known != by_key_.end()) return *known->second;
  OpenQuestion question;
  question.key = key;
  question.is_rule = true;
  for (const OpaqueStep& step : steps_of(keyword)) {
    question.answers.push_back({.words = std::string(step.words)});
  }
  return add(std::move(question));
}

Leaf Vocabulary::number(const Outcome& outcome) {
  const auto [at, is_new] = numbers_.emplace(outcome, static_cast<Leaf>(outcomes_.size()));
  if (is_new) outcomes_.push_back(outcome);
  return at->second;
}

Ref Vocabulary::like_networks() {
  std::vector<Ref> by_name;
  for (const NameClass& name : classes_.names) {
    by_name.push_back(diagrams_.leaf(name.like_network ? 1 : 0));
  }
  return diagrams_.choose(variable(Axis::name), by_name);
}

Ref Vocabulary::possible() {
  Ref possible = diagrams_.leaf(1);
  // A verified name has the client's address; the addresses of another one can be looked up, or
  // not.
  for (const auto& question : questions_) {
    if (!question->dns || !question->zone.empty()) continue;
    const bool is_v4 = question->dns->type == dns::Type::a;
    if (!is_v4 && question->dns->type != dns::Type::aaaa) continue;
    std::vector<Ref> by_name;
    bool matters = false;
    for (const NameClass& name : classes_.names) {
      if (name.name.empty() || !iequals(name.name, question->dns->name)) {
        by_name.push_back(diagrams_.leaf(1));
        continue;
      }
      matters = true;
      std::vector<Ref> by_answer;
      for (const PossibleAnswer& answer : question->answers) {
        using Kind = NameClass::Kind;
        const bool fits = name.kind == Kind::verified     ? answer.dns.status == dns::Status::found
                          : name.kind == Kind::unverified ? !answer.dns.trouble()
                                                          : answer.dns.trouble();
        by_answer.push_back(diagrams_.leaf(fits ? 1 : 0));
      }
      const Ref has = diagrams_.choose(question->variable, by_answer);
      std::vector<Ref> by_client;
      for (const ClientClass& client : classes_.clients) {
        by_client.push_back(client.one.is_v4() == is_v4 ? has : diagrams_.leaf(1));
      }
      by_name.push_back(diagrams_.choose(variable(Axis::client), by_client));
    }
    if (!matters) continue;
    possible = diagrams_.both(possible, diagrams_.choose(variable(Axis::name), by_name));
  }
  possible = diagrams_.apply(possible, like_networks(),
                             [](Leaf is, Leaf like) -> Leaf { return like == 1 ? 0 : is; });
  for (const Assignment& values : ruled_out_) possible = without(diagrams_, possible, values);
  return possible;
}

policy::Consultation answered(policy::Consultation question, const PossibleAnswer& answer,
                              std::string_view login) {
  question.answer = answer.service.answer;
  question.failed = answer.service.failed;
  // Of nobody who is known, if the client has no login.
  const std::size_t at = question.answer.find(own_login);
  if (at != std::string::npos) {
    question.answer.replace(at, own_login.size(), login.empty() ? "," : login);
  }
  return question;
}

// ---------------------------------------------------------------------------------- evidence_of

std::string reversed_client(const IpAddress& client) {
  std::string name = policy::reverse_name(client);
  name.resize(name.find(client.is_v4() ? ".in-addr.arpa" : ".ip6.arpa"));
  return name;
}

bool has_listed(const policy::DnsList& list, const dns::Answer& answer) {
  const std::vector<policy::DnsRecord> known{
      {.question = {"x." + list.zone(), dns::Type::a}, .answer = answer},
      {.question = {"x." + list.zone(), dns::Type::txt}, .answer = missing()}};
  policy::Answers answers(known);
  return list.look_up(std::string_view("x"), answers).status == policy::DnsList::Status::listed;
}

namespace {

/// Of an address that a webhook has. Lists see no more of it.
policy::Route some_webhook() {
  static const auto webhook = std::make_shared<const policy::Webhook>();
  policy::Route route;
  route.kind = policy::Route::Kind::webhook;
  route.webhook = webhook;
  return route;
}

/// As which client such a session is authenticated.
std::optional<policy::Authentication> identity_of(const SessionClass& session) {
  if (!session.login) return std::nullopt;
  policy::Authentication identity;
  identity.username = identity.authz_id = *session.login;
  identity.mechanism = "PLAIN";
  return identity;
}

}  // namespace

Evidence evidence_of(const Classes& classes, const Chosen& chosen, Stage stage,
                     bool after_starttls) {
  Evidence evidence;
  policy::SessionFacts& session = evidence.session;
  session.id = "01ARZ3NDEKTSV4RRFFQ69G5FAV";
  session.client_ip = classes.clients[chosen[Axis::client]].one;
  session.client_port = 40'000;
  session.server_ip = classes.reach_themselves ? session.client_ip : reached_address();
  session.server_port = 25;
  session.early_talker =
      app::is_early(static_cast<app::Early>(chosen[Axis::early]), stage, after_starttls);
  session.esmtp = true;
  if (stage != Stage::connect) session.helo = classes.helos[chosen[Axis::helo]].name;
  const SessionClass& secured = classes.sessions[chosen[Axis::session]];
  if (stage != Stage::connect && after_starttls && secured.tls) {
    session.tls = policy::Tls{"TLSv1.3", "TLS_AES_256_GCM_SHA384"};
  }
  if (stage >= Stage::mail) session.auth = identity_of(secured);
  if (stage >= Stage::mail) evidence.reverse_path = classes.senders[chosen[Axis::sender]].one;
  if (stage >= Stage::rcpt) {
    policy::Recipient recipient{.address = *classes.recipients[chosen[Axis::recipient]].one,
                                .route = classes.to_webhooks ? some_webhook() : policy::Route()};
    if (stage == Stage::rcpt) {
      evidence.candidate = std::move(recipient);
    } else {
      evidence.recipients.push_back(std::move(recipient));
    }
  }
  if (stage == Stage::message) evidence.message = policy::MessageFacts{.size = 100};

  const NameClass& name = classes.names[chosen[Axis::name]];
  const dns::Question pointer{policy::reverse_name(session.client_ip), dns::Type::ptr};
  using Kind = NameClass::Kind;
  if (name.kind == Kind::none || name.kind == Kind::trouble) {
    evidence.dns.push_back({pointer, name.kind == Kind::none ? missing() : failed()});
    return evidence;
  }
  const bool is_v4 = session.client_ip.is_v4();
  evidence.dns.push_back({pointer, found({name.name})});
  dns::Answer forward = name.kind == Kind::verified     ? found({session.client_ip.to_string()})
                        : name.kind == Kind::unverified ? missing()
                                                        : failed();
  evidence.dns.push_back({{name.name, is_v4 ? dns::Type::a : dns::Type::aaaa}, std::move(forward)});
  return evidence;
}

// ---------------------------------------------------------------------------------- compile

namespace {

/// How far a dialogue has come in the lists.
struct ListState {
  bool refused = false;
  Stage stage = Stage::connect;  ///< of the refusal
  ReplyCodes refusal = {};
  bool list_over = false;  ///< a rule has permitted, or both reasons to defer are up behind one
  std::optional<ReplyCodes> if_permit = {};
  std::optional<ReplyCodes> if_reject = {};
  bool hold = false;
  bool discard = false;
  auto operator<=>(const ListState&) const = default;

  /// Whether no further rule of the list runs.
  bool stops() const { return refused || list_over || discard; }
};

/// Numbers values.
template <class Value, class Less = std::less<Value>>
class Numbers {
 public:
  Leaf of(const Value& value) {
    const auto [at, is_new] = numbers_.emplace(value, static_cast<Leaf>(values_.size()));
    if (is_new) values_.push_back(value);
    return at->second;
  }
  const Value& operator[](Leaf number) const { return values_[number]; }
  const std::vector<Value>& all() const { return values_; }

 private:
  std::map<Value, Leaf, Less> numbers_;
  std::vector<Value> values_;
};

/// What one rule does, as a value.
struct Step {
  bool permits = false;
  bool refuses = false;
  ReplyCodes refusal = {};
  bool yields = false;
  std::optional<ReplyCodes> if_permit = {};
  std::optional<ReplyCodes> if_reject = {};
  bool hold = false;
  bool discard = false;
  std::shared_ptr<const List> rules = nullptr;
  restrictions::InnerPermit inner = restrictions::InnerPermit::permits;
  auto operator<=>(const Step&) const = default;
};

/// What a client has done before EHLO is judged. The last two are asked in place of the second one
/// only to see whether they change anything.
enum class Before : std::uint8_t {
  starttls,   ///< nothing: STARTTLS is still to come, if the session has TLS
  mail,       ///< STARTTLS, if the session has TLS
  unsecured,  ///< nothing, and there is no other EHLO
  login,      ///< STARTTLS and AUTH, if the session has them: another EHLO
};

/// A rule in a list at a command, by its name: behind warn_if_reject, met again.
using NamedMoment = std::tuple<std::string, ListKind, Stage, bool, bool, Before>;

/// What rules do.
struct Effects {
  Numbers<Step> steps;
  std::map<NamedMoment, Ref> known;  ///< by SameRules::name_of(); of those whose rows have no rules
};

class Compiler {
 public:
  /// `decisions`: to be added to; null: not asked for. `share`: Effects::known is in use.
  Compiler(const ListPolicy& policy, Vocabulary& vocabulary, const std::string& settings,
           Decisions* decisions, Effects& effects, bool share = false)
      : policy_(policy),
        settings_(settings),
        decisions_(decisions),
        effects_(effects),
        shares_(share),
        vocabulary_(vocabulary),
        diagrams_(vocabulary.diagrams()),
        classes_(vocabulary.classes()) {}

  Ref run() {
    Ref state = diagrams_.leaf(states_.of({}));
    if (!policy_.delay_reject && classes_.implicit_tls &&
        !(policy_.list(ListKind::client).empty() && policy_.list(ListKind::helo).empty())) {
      throw NotCompiled("implicit_tls",
                        "lists run at the greeting or EHLO (smtpd_delay_reject = no), and a "
                        "listener has TLS from the first octet on");
    }
    if (!policy_.delay_reject) state = early_lists(state);
    state = without_helo(state);
    state = recipient_lists(state);
    state = later_list(state, ListKind::data, Stage::data);
    state = later_list(state, ListKind::end_of_data, Stage::message);
    return diagrams_.map(state, [&](Leaf leaf) {
      const ListState& at = states_[leaf];
      Outcome outcome;
      outcome.taken = !at.refused;
      if (at.refused) {
        outcome.stage = at.stage;
        outcome.refusal = at.refusal;
      } else {
        outcome.hold = at.hold && !at.discard;
        outcome.discard = at.discard;
      }
      return vocabulary_.number(outcome);
    });
  }

  /// Of EHLO the name that is given last counts, and the list judges it alike whatever the client
  /// has done before: the one before STARTTLS or AUTH may have another name or be refused, and
  /// there may be none before STARTTLS.
  void refuse_several_greetings() {
    if (policy_.delay_reject) return;
    const auto judged = [&](Before before) {
      return list_after(before, ListKind::helo, moment(ListKind::helo, Stage::helo));
    };
    const Ref usual = judged(Before::mail);
    if (judged(Before::unsecured) == usual && judged(Before::login) == usual) return;
    throw NotCompiled("several_greetings",
                      "the list at EHLO asks for TLS or a login (smtpd_delay_reject = no), and a "
                      "client may say EHLO again with another name");
  }

  Ref destinations() {
    Chosen chosen;
    const Ref effects =
        over_axes({Axis::recipient}, 0, chosen, Stage::rcpt,
                  [&](const Evidence& evidence, const restrictions::KnownPatterns& patterns) {
                    return restrictions::effect_of_destination(policy_, evidence, patterns);
                  });
    return diagrams_.map(effects, [&](Leaf leaf) {
      const Step& step = effects_.steps[leaf];
      return static_cast<Leaf>(step.permits   ? Group::ours
                               : step.refuses ? Group::relay
                                              : Group::foreign);
    });
  }

 private:
  /// For Diagrams::apply(): such a state stays as it is.
  template <class Is>
  auto settled(const Is& is) const {
    return [this, is](Leaf leaf) { return is(states_[leaf]) ? std::optional(leaf) : std::nullopt; };
  }
  auto stopped() const {
    return settled([](const ListState& at) { return at.stops(); });
  }
  /// Such a state becomes `result`.
  auto stopped(Leaf result) const {
    return [this, result](Leaf leaf) {
      return states_[leaf].stops() ? std::optional(result) : std::nullopt;
    };
  }

  // The stages.

  /// Changes the states in which the dialogue goes on.
  template <class Change>
  Ref change(Ref state, const Change& how) {
    return diagrams_.map(state, [&](Leaf leaf) {
      ListState at = states_[leaf];
      if (!at.refused) how(at);
      return states_.of(at);
    });
  }

  /// Where the client has sent HELO `with`, else `without`.
  Ref if_helo(Ref with, Ref without) {
    std::vector<Ref> by_helo;
    for (const HeloClass& helo : classes_.helos)
      by_helo.push_back(helo.name.empty() ? without : with);
    return diagrams_.choose(Vocabulary::variable(Axis::helo), by_helo);
  }
  /// Where the client has used STARTTLS `with`, else `without`.
  Ref if_tls(Ref with, Ref without) {
    std::vector<Ref> by_session;
    for (const SessionClass& one : classes_.sessions)
      by_session.push_back(one.tls ? with : without);
    return diagrams_.choose(Vocabulary::variable(Axis::session), by_session);
  }

  /// A list on its own at an early command; only its refusal counts.
  Ref only_refusal(Ref state, Ref list, Stage stage) {
    return diagrams_.apply(
        state, list,
        [&](Leaf before, Leaf after) {
          ListState at = states_[before];
          const ListState& judged = states_[after];
          if (judged.refused) {
            at.refused = true;
            at.stage = stage;
            at.refusal = judged.refusal;
            return states_.of(at);
          }
          // A reason to defer from in front of a DISCARD prevails.
          if (stage == Stage::mail && judged.discard && judged.if_permit) {
            return states_.of({.refused = true, .stage = stage, .refusal = *judged.if_permit});
          }
          // A message that a list discards at MAIL is discarded; one of a session that a list holds
          // is held.
          if (stage == Stage::mail && judged.discard) at.discard = true;
          if (judged.hold) at.hold = true;
          return states_.of(at);
        },
        settled([](const ListState& at) { return at.refused; }));
  }

  Ref fresh() { return diagrams_.leaf(states_.of({})); }

  /// What `make` returns if the client has done this before.
  template <class Make>
  Ref after(Before before, const Make& make) {
    const Before now = std::exchange(before_, before);
    const Ref made = make();
    before_ = now;
    return made;
  }
  /// A list on its own.
  Ref list_after(Before before, ListKind kind, const RuleMoment& at) {
    return after(before, [&] { return list(fresh(), kind, at); });
  }

  /// smtpd_delay_reject = no: the first three lists at their own commands.
  Ref early_lists(Ref state) {
    state = only_refusal(state,
                         list(fresh(), ListKind::client, moment(ListKind::client, Stage::connect)),
                         Stage::connect);
    // RFC 3207 §4.2: after STARTTLS there is a second EHLO, and the first one is judged in clear.
    const RuleMoment ehlo = moment(ListKind::helo, Stage::helo);
    const Ref clear = list_after(Before::starttls, ListKind::helo, ehlo);
    const Ref secured = list_after(Before::mail, ListKind::helo, ehlo);
    const Ref before_tls = only_refusal(state, clear, Stage::helo);
    const Ref not_held = change(clear, [](ListState& at) { at.hold = false; });
    const Ref again = only_refusal(state, not_held, Stage::helo);
    state = if_helo(if_tls(only_refusal(again, secured, Stage::helo), before_tls), state);
    return state;
  }

  /// smtpd_helo_required: MAIL is refused before any list runs (RFC 5321 §4.1.4).
  Ref without_helo(Ref state) {
    if (policy_.helo_required) {
      const Ref refused = change(state, [](ListState& at) {
        at.refused = true;
        at.stage = Stage::mail;
        at.refusal = {503, {5, 5, 1}};
      });
      state = if_helo(state, refused);
    }
    if (!policy_.delay_reject) {
      Ref sender = list(fresh(), ListKind::sender, moment(ListKind::sender, Stage::mail));
      sender = unlisted_sender(sender, Stage::mail, false);
      state = only_refusal(state, sender, Stage::mail);
    }
    return state;
  }

  /// What the lists at earlier commands raised, met again at RCPT.
  Ref recalled(Ref state, ListKind kind, Stage stage) {
    if (policy_.list(kind).empty() && kind != ListKind::sender) return state;
    RuleMoment at = moment(kind, stage);
    at.looks_back = true;
    Ref then = list(fresh(), kind, at);
    if (kind == ListKind::helo) {
      const Ref clear = list_after(Before::starttls, kind, at);
      then = if_helo(if_tls(then, clear), fresh());
    }
    return diagrams_.apply(
        state, then,
        [&](Leaf before, Leaf after) {
          ListState now = states_[before];
          now.if_permit = states_[after].if_permit;
          return states_.of(now);
        },
        settled([](const ListState& now) { return now.refused || now.discard || now.if_permit; }));
  }

  /// Where the recipient is one that is taken before any list is asked `before`, else `after`.
  Ref unless_taken_first(Ref before, Ref after) {
    std::vector<Ref> by_recipient;
    for (const AddressClass& recipient : classes_.recipients) {
      const mail::Mailbox& mailbox = *recipient.one;
      if (classes_.to_webhooks || !taken_first(policy_, mailbox)) {
        by_recipient.push_back(after);
      } else if (policy::is_bare_postmaster(mailbox) ||
                 policy_.verification.sender_ttl.count() == 0) {
        by_recipient.push_back(before);
      } else {
        const OpenQuestion& question =
            vocabulary_.ask({"address_verify_sender", lower(mailbox.text())}, std::nullopt);
        by_recipient.push_back(diagrams_.choose(question.variable, {after, before}));
      }
    }
    return diagrams_.choose(Vocabulary::variable(Axis::recipient), by_recipient);
  }

  Ref recipient_lists(Ref before) {
    return unless_taken_first(before, asked_recipient_lists(before));
  }

  Ref asked_recipient_lists(Ref state) {
    if (policy_.delay_reject) {
      state = next_list(state, ListKind::client, Stage::rcpt, true);
      const Ref with = next_list(state, ListKind::helo, Stage::rcpt, true);
      state = if_helo(with, state);
      state = next_list(state, ListKind::sender, Stage::rcpt, true);
      state = unlisted_sender(state, Stage::rcpt, true);
    } else {
      state = recalled(state, ListKind::client, Stage::connect);
      state = recalled(state, ListKind::helo, Stage::helo);
      state = recalled(state, ListKind::sender, Stage::mail);
    }
    const bool relay_first = policy_.relay_first;
    state =
        next_list(state, relay_first ? ListKind::relay : ListKind::recipient, Stage::rcpt, true);
    state =
        next_list(state, relay_first ? ListKind::recipient : ListKind::relay, Stage::rcpt, false);
    state = settle(state, Stage::rcpt);
    if (policy_.reject_unlisted_recipient) {
      const Ref effect = unlisted(restrictions::Subject::recipient, Stage::rcpt);
      state = apply_check(state, effect, Stage::rcpt);
    }
    return change(state, [](ListState& at) {
      at.list_over = false;
      at.if_permit.reset();
      at.if_reject.reset();
    });
  }

  /// A reason to defer from a list that no later one has refused.
  Ref settle(Ref state, Stage stage) {
    return change(state, [&](ListState& at) {
      at.list_over = false;
      if (at.if_permit) {
        at.refused = true;
        at.stage = stage;
        at.refusal = *at.if_permit;
        at.if_permit.reset();
        at.discard = false;
      }
    });
  }

  /// A list after others of the same command.
  Ref next_list(Ref state, ListKind kind, Stage stage, bool fresh_if_reject) {
    state = change(state, [&](ListState& at) {
      at.list_over = false;
      if (fresh_if_reject && !at.discard) at.if_reject.reset();
    });
    return mark_stage(list(state, kind, moment(kind, stage)), stage);
  }

  Ref mark_stage(Ref state, Stage stage) {
    return diagrams_.map(state, [&](Leaf leaf) {
      ListState at = states_[leaf];
      if (at.refused && at.stage == Stage::delivery) at.stage = stage;
      return states_.of(at);
    });
  }

  Ref later_list(Ref state, ListKind kind, Stage stage) {
    if (policy_.list(kind).empty()) return state;
    state = next_list(state, kind, stage, true);
    return settle(state, stage);
  }

  Ref unlisted_sender(Ref state, Stage stage, bool mark) {
    if (!policy_.reject_unlisted_sender) return state;
    const Ref effect = unlisted(restrictions::Subject::sender, stage);
    state = apply_check(state, effect, Stage::delivery);
    return mark ? mark_stage(state, stage) : state;
  }

  // Rules.

  static RuleMoment moment(ListKind kind, Stage stage) { return {.list = kind, .stage = stage}; }

  Ref list(Ref state, ListKind kind, const RuleMoment& at) {
    return rules(state, policy_.list(kind), at, 0);
  }

  Ref rules(Ref state, const List& list, const RuleMoment& at, int depth) {
    if (depth >= restrictions::max_nested_lists) {
      return diagrams_.map(state, [&](Leaf before) {
        if (states_[before].stops()) return before;
        return states_.of(
            {.refused = true, .stage = Stage::delivery, .refusal = bad_configuration});
      });
    }
    for (const Rule& rule : list) {
      RuleMoment here = at;
      here.warn_only = at.warn_only || rule.warn_only;
      const Ref before = state;
      state = rule.list != nullptr ? rules(state, *rule.list, here, depth + 1)
                                   : apply_rule(state, rule, here, depth);
      if (decisions_ != nullptr && !at.looks_back) note_decision(rule, before, state);
    }
    return state;
  }

  void note_decision(const Rule& rule, Ref before, Ref after) {
    const Ref here = diagrams_.apply(before, after,
                                     [](Leaf old, Leaf now) -> Leaf { return old != now ? 1 : 0; });
    const auto [known, is_new] = decisions_->by_rule.emplace(&rule, here);
    if (is_new) return;
    known->second = diagrams_.either(known->second, here);
  }

  /// A refusal of a list has the stage `delivery` until mark_stage().
  Ref apply_steps(Ref state, Ref effect, Stage stage) {
    return diagrams_.apply(
        state, effect,
        [&](Leaf before, Leaf what) {
          ListState at = states_[before];
          const Step& step = effects_.steps[what];
          if (step.if_permit && !at.if_permit) at.if_permit = step.if_permit;
          if (step.refuses) {
            at.refused = true;
            at.stage = stage;
            at.refusal = step.yields && at.if_reject ? *at.if_reject : step.refusal;
            at.if_permit.reset();
            at.if_reject.reset();
            at.hold = at.discard = at.list_over = false;
            return states_.of(at);
          }
          if (step.if_reject && !at.if_reject) at.if_reject = step.if_reject;
          at.hold = at.hold || step.hold;
          at.discard = at.discard || step.discard;
          // With both reasons no rule behind this one can prevent the deferral.
          at.list_over = at.list_over || step.permits || (at.if_permit && at.if_reject);
          return states_.of(at);
        },
        stopped());
  }

  /// A check behind lists, which a permit does not end.
  Ref apply_check(Ref state, Ref effect, Stage stage) {
    return diagrams_.apply(
        state, effect,
        [&](Leaf before, Leaf what) {
          const ListState at = states_[before];
          const Step& step = effects_.steps[what];
          if (!step.refuses) return before;
          ListState refused{.refused = true, .stage = stage, .refusal = step.refusal};
          if (step.yields && at.if_reject) refused.refusal = *at.if_reject;
          return states_.of(refused);
        },
        settled([](const ListState& at) { return at.refused || at.discard; }));
  }

  /// The rows that an effect may find which are lists of rules.
  std::set<Leaf> rows_with_rules(Ref effect) {
    std::set<Leaf> rows;
    std::set<Ref> seen;
    const std::function<void(Ref)> look = [&](Ref at) {
      if (!seen.insert(at).second) return;
      if (diagrams_.is_leaf(at)) {
        if (effects_.steps[diagrams_.leaf_of(at)].rules) rows.insert(diagrams_.leaf_of(at));
        return;
      }
      for (const Ref child : diagrams_.children_of(at)) look(child);
    };
    look(effect);
    return rows;
  }

  Ref apply_rule(Ref state, const Rule& rule, const RuleMoment& at, int depth) {
    // A policy server may answer anything each time, also what the rules that it names would do.
    const bool is_free =
        rule.keyword != nullptr && rule.keyword->takes == restrictions::Keyword::Takes::service;
    if (is_free && (before_ == Before::unsecured || before_ == Before::login)) {
      return after(Before::mail, [&] { return apply_rule(state, rule, at, depth); });
    }
    const Ref effect = effect_of(rule, at);
    Ref after = apply_steps(state, effect, Stage::delivery);
    const std::set<Leaf> rows = rows_with_rules(effect);
    if (rows.empty()) return after;
    std::set<Leaf> nested;  // those that a dialogue gets to
    diagrams_.apply(
        state, effect,
        [&](Leaf, Leaf what) -> Leaf {
          if (rows.contains(what)) nested.insert(what);
          return 0;
        },
        stopped(0));
    const Leaf elsewhere = states_.of({.refused = true, .list_over = true});
    for (const Leaf leaf : nested) {
      const Step step = effects_.steps[leaf];
      // Only where the row was found do its rules run: a class may come back to itself.
      const Ref met = diagrams_.apply(
          state, effect,
          [&](Leaf before, Leaf what) -> Leaf { return what == leaf ? before : elsewhere; },
          stopped(elsewhere));
      const Ref inner = rules(met, *step.rules, at, depth + 1);
      const Ref judged_there = inner_permits(met, inner, step.inner);
      after = diagrams_.apply(
          judged_there, after, [](Leaf, Leaf other) -> Leaf { return other; },
          [&](Leaf one) { return one == elsewhere ? std::nullopt : std::optional(one); });
    }
    return after;
  }

  Ref inner_permits(Ref before, Ref after, restrictions::InnerPermit meaning) {
    if (meaning == restrictions::InnerPermit::permits) return after;
    return diagrams_.apply(before, after, [&](Leaf old, Leaf now) {
      ListState at = states_[now];
      const bool permitted = at.list_over && !(at.if_permit && at.if_reject);
      if (states_[old].stops() || !permitted || at.discard) return now;
      at.list_over = false;
      if (meaning == restrictions::InnerPermit::fails) {
        at = {.refused = true, .stage = Stage::delivery, .refusal = bad_configuration};
      }
      return states_.of(at);
    });
  }

  // Effects.

  Leaf number(const RuleEffect& effect) {
    Step step;
    step.permits = effect.outcome == RuleOutcome::permit;
    step.refuses = effect.outcome == RuleOutcome::refuse;
    if (step.refuses) step.refusal = effect.refusal;
    step.yields = effect.yields && step.refuses;
    step.if_permit = effect.defers_if_permit;
    step.if_reject = effect.defers_if_reject;
    step.hold = effect.holds;
    step.discard = effect.discards;
    step.rules = effect.rules;
    step.inner = effect.inner_permit;
    return effects_.steps.of(step);
  }

  using Judge = std::function<RuleEffect(const Evidence&, const restrictions::KnownPatterns&)>;

  /// The effects for each answer to what is still to be asked.
  Ref explore(Evidence& evidence, restrictions::KnownPatterns& patterns,
              const std::vector<Axis>& axes, const Chosen& chosen, const Judge& judge) {
    diagrams_.poll();
    constexpr std::size_t most_open = 1000;  // the recursion is as deep
    if (patterns.answers.size() + evidence.dns.size() > most_open) {
      throw NotCompiled("table_too_large", "more than 1,000 patterns of one table");
    }
    const RuleEffect effect = judge(evidence, patterns);
    if (effect.outcome != RuleOutcome::wait) return diagrams_.leaf(number(effect));
    std::vector<Ref> by_answer;
    if (effect.wanted_pattern) {
      const auto about = vocabulary_.text_of(*effect.wanted_pattern, axes, chosen);
      const auto known =
          about ? vocabulary_.known_answer(*effect.wanted_pattern, *about, chosen[about->axis])
                : vocabulary_.known_if_completed(*effect.wanted_pattern, axes, chosen);
      if (known) {
        patterns.answers[*effect.wanted_pattern] = *known;
        const Ref rest = explore(evidence, patterns, axes, chosen, judge);
        patterns.answers.erase(*effect.wanted_pattern);
        return rest;
      }
      const OpenQuestion& question = vocabulary_.ask(*effect.wanted_pattern, about);
      for (const bool matches : {false, true}) {
        patterns.answers[*effect.wanted_pattern] = matches;
        by_answer.push_back(explore(evidence, patterns, axes, chosen, judge));
      }
      patterns.answers.erase(*effect.wanted_pattern);
      return diagrams_.choose(question.variable, by_answer);
    }
    if (effect.wanted_dns) {
      // Texts of a list in DNS decide nothing.
      if (effect.wanted_dns->type == dns::Type::txt) {
        evidence.dns.push_back({*effect.wanted_dns, missing()});
        const Ref rest = explore(evidence, patterns, axes, chosen, judge);
        evidence.dns.pop_back();
        return rest;
      }
      const OpenQuestion& question =
          vocabulary_.ask(*effect.wanted_dns, evidence.session.client_ip);
      for (const PossibleAnswer& answer : question.answers) {
        evidence.dns.push_back({*effect.wanted_dns, answer.dns});
        by_answer.push_back(explore(evidence, patterns, axes, chosen, judge));
        evidence.dns.pop_back();
      }
      return diagrams_.choose(question.variable, by_answer);
    }
    if (!effect.wanted_service) throw NotCompiled("external_table", "a rule waits");
    const OpenQuestion& question = vocabulary_.ask(*effect.wanted_service, is_behind_starttls());
    const policy::Consultations before = evidence.consulted;
    const auto client = policy::questions::authenticated(evidence);
    for (const PossibleAnswer& answer : question.answers) {
      evidence.consulted = before;
      evidence.consulted.push_back(answered(*effect.wanted_service, answer,
                                            client ? client.login->username : std::string()));
      by_answer.push_back(explore(evidence, patterns, axes, chosen, judge));
    }
    evidence.consulted = before;
    return diagrams_.choose(question.variable, by_answer);
  }

  bool is_behind_starttls() const { return before_ != Before::starttls; }

  Ref over_axes(const std::vector<Axis>& axes, std::size_t at, Chosen& chosen, Stage stage,
                const Judge& judge) {
    if (at == axes.size()) {
      Evidence evidence = evidence_of(classes_, chosen, stage, is_behind_starttls());
      if (before_ == Before::unsecured) evidence.session.tls.reset();
      if (before_ == Before::login) {
        evidence.session.auth = identity_of(classes_.sessions[chosen[Axis::session]]);
      }
      restrictions::KnownPatterns patterns{.keys = classes_.open_keys};
      return explore(evidence, patterns, axes, chosen, judge);
    }
    std::vector<Ref> children;
    const Axis axis = axes[at];
    for (std::size_t value = 0; value < classes_.count(axis); ++value) {
      chosen[axis] = value;
      children.push_back(over_axes(axes, at + 1, chosen, stage, judge));
    }
    chosen[axis] = 0;
    return diagrams_.choose(Vocabulary::variable(axis), children);
  }

  Ref effect_of(const Rule& rule, const RuleMoment& at) {
    const auto key =
        std::make_tuple(&rule, at.list, at.stage, at.warn_only, at.looks_back, before_);
    if (const auto known = by_rule_.find(key); known != by_rule_.end()) return known->second;
    const Ref effect = once(SameRules::name_of(rule), at, [&] {
      return vocabulary_.is_opaque(rule) ? opaque(rule, at) : judged(rule, at);
    });
    by_rule_.emplace(key, effect);
    return effect;
  }

  /// `make()`, unless the other version has made what has this name.
  template <class Make>
  Ref once(std::string name, const RuleMoment& at, const Make& make) {
    if (!shares_) return make();
    const NamedMoment key(std::move(name), at.list, at.stage, at.warn_only, at.looks_back, before_);
    if (const auto known = effects_.known.find(key); known != effects_.known.end()) {
      return known->second;
    }
    const Ref made = make();
    // Rules of a row are those of one version.
    if (rows_with_rules(made).empty()) effects_.known.emplace(key, made);
    return made;
  }

  /// By the production code. A rule that asks what has too many answers is a question itself.
  Ref judged(const Rule& rule, const RuleMoment& at) {
    const restrictions::LooksAt looks = restrictions::looks_at(policy_, rule);
    std::vector<Axis> axes;
    if (looks.session) axes.push_back(Axis::session);
    if (looks.client) axes.push_back(Axis::client);
    if (looks.name) axes.push_back(Axis::name);
    if (looks.helo) axes.push_back(Axis::helo);
    if (looks.sender) axes.push_back(Axis::sender);
    if (looks.recipient) axes.push_back(Axis::recipient);
    if (looks.early) axes.push_back(Axis::early);
    Chosen chosen;
    // What is met again at RCPT is judged with all that the client has said by then.
    const Stage known = at.looks_back ? Stage::rcpt : at.stage;
    try {
      return over_axes(axes, 0, chosen, known,
                       [&](const Evidence& evidence, const restrictions::KnownPatterns& patterns) {
                         return restrictions::effect_of(policy_, rule, at, evidence, patterns);
                       });
    } catch (const NotCompiled&) {
      return opaque(rule, at);
    }
  }

  /// A rule that may do anything, and the same wherever it stands with these words.
  Ref opaque(const Rule& rule, const RuleMoment& at) {
    const bool of_list = rule.keyword->subject == restrictions::Subject::list;
    const OpenQuestion& question = vocabulary_.ask_rule(
        "rule " + rule.words + " at " + std::string(policy::to_string(at.stage)) +
            (of_list ? " in " + std::string(restrictions::parameter_of(at.list)) : "") +
            (is_behind_starttls() ? "" : " in clear") +
            (at.warn_only ? " behind warn_if_reject" : "") + "\n" + settings_ + tables_of(rule),
        *rule.keyword);
    std::vector<Ref> by_answer;
    for (const OpaqueStep& one : steps_of(*rule.keyword)) {
      Step step;
      step.permits = one.permits;
      step.hold = one.hold;
      step.discard = one.discard;
      const auto deferral = ReplyCodes{.code = 450, .enhanced = {4, 7, 1}};
      if (one.if_reject) step.if_reject = deferral;
      if (!at.warn_only) {
        if (one.if_permit) step.if_permit = deferral;
        step.refuses = one.refuses != 0;
        step.yields = one.refuses >= 500;
        if (one.refuses == 554) step.refusal = {.code = 554, .enhanced = {5, 7, 1}};
        if (one.refuses == 450) step.refusal = deferral;
      }
      by_answer.push_back(diagrams_.leaf(effects_.steps.of(step)));
    }
    return diagrams_.choose(question.variable, by_answer);
  }

  /// What the tables of a rule say, as far as it can be listed: a table of the same name may have
  /// other rows in the other version.
  std::string tables_of(const Rule& rule) {
    if (!common_tables_) {
      Tables tables;
      add_tables_of_parameters(tables);
      for (const auto& [name, list] : policy_.classes) add_tables(*list, tables);
      common_tables_ =
          contents_of(tables) + policy_.mynetworks.content() + policy_.mx_backup_networks.content();
      for (const restrictions::Domains* domains : policy_.lists_of_domains()) {
        *common_tables_ += domains->content();
      }
    }
    Tables own;
    add_tables(rule, own);
    return hex_encode(sha256(contents_of(own) + *common_tables_));
  }

  using Tables = std::map<std::string, std::shared_ptr<const restrictions::Table>>;  ///< by name

  /// Those that a rule may look at whatever it names: of the parameters, and of restriction
  /// classes, which any row may name.
  void add_tables_of_parameters(Tables& tables) const {
    const auto add = [&](const auto& more) {
      for (const auto& one : more) tables.emplace(one->name(), one);
    };
    for (const restrictions::Maps* maps :
         {&policy_.sender_login_maps, &policy_.relay_clientcerts, &policy_.local_recipient_maps,
          &policy_.relay_recipient_maps, &policy_.virtual_alias_maps,
          &policy_.virtual_mailbox_maps}) {
      add(maps->tables());
    }
    for (const restrictions::Domains* domains : policy_.lists_of_domains()) add(domains->tables());
    add(policy_.mynetworks.tables());
    add(policy_.mx_backup_networks.tables());
  }

  static void add_tables(const restrictions::List& list, Tables& tables) {
    for (const Rule& one : list) add_tables(one, tables);
  }
  static void add_tables(const Rule& rule, Tables& tables) {
    const bool is_new = rule.table && tables.emplace(rule.table->name(), rule.table).second;
    if (!is_new || !rule.actions) return;
    for (const auto& [text, action] : *rule.actions) {
      if (action.list) add_tables(*action.list, tables);
    }
  }

  static std::string contents_of(const Tables& tables) {
    std::string text;
    for (const auto& [name, table] : tables) {
      const std::string one = table->content();
      text += fmt::format("{}:{}", one.size(), one);
    }
    return text;
  }

  Ref unlisted(restrictions::Subject subject, Stage stage) {
    const bool sender = subject == restrictions::Subject::sender;
    const RuleMoment at = moment(sender ? ListKind::sender : ListKind::recipient, stage);
    return once("unlisted", at, [&] {
      Chosen chosen;
      return over_axes({sender ? Axis::sender : Axis::recipient}, 0, chosen, stage,
                       [&](const Evidence& evidence, const restrictions::KnownPatterns& patterns) {
                         return restrictions::effect_of_unlisted(policy_, subject, at, evidence,
                                                                 patterns);
                       });
    });
  }

  const ListPolicy& policy_;
  const std::string& settings_;
  Decisions* const decisions_;
  Effects& effects_;
  const bool shares_;
  std::optional<std::string> common_tables_;  ///< of the tables that all rules may look at
  Vocabulary& vocabulary_;
  Diagrams& diagrams_;
  const Classes& classes_;
  Before before_ = Before::mail;
  Numbers<ListState> states_;
  std::map<std::tuple<const Rule*, ListKind, Stage, bool, bool, Before>, Ref> by_rule_;
};

}  // namespace

bool taken_first(const ListPolicy& policy, const mail::Mailbox& recipient) {
  return policy::is_bare_postmaster(recipient) ||
         policy.verification.may_be_probe_sender(recipient);
}

Ref compile(const ListPolicy& policy, Vocabulary& vocabulary, const std::string& settings,
            Decisions* decisions) {
  Effects effects;
  const Ref made = Compiler(policy, vocabulary, settings, decisions, effects).run();
  if (decisions == nullptr) return made;
  for (const Step& one : effects.steps.all()) {
    if (one.rules != nullptr) decisions->lists.push_back(one.rules);
  }
  return made;
}

void refuse_several_greetings(const ListPolicy& policy, Vocabulary& vocabulary,
                              const std::string& settings) {
  Effects effects;
  Compiler(policy, vocabulary, settings, nullptr, effects).refuse_several_greetings();
}

std::array<Ref, 2> compile_both(const std::array<const ListPolicy*, 2>& policies,
                                const std::array<std::string, 2>& settings, const SameRules& same,
                                Vocabulary& vocabulary) {
  Effects effects;
  std::array<Ref, 2> compiled{};
  for (std::size_t side = 0; side < 2; ++side) {
    compiled[side] =
        Compiler(*policies[side], vocabulary, settings[side], nullptr, effects, same.are_alike())
            .run();
  }
  return compiled;
}

Ref destinations(const ListPolicy& policy, Vocabulary& vocabulary) {
  const std::string no_settings;
  Effects effects;
  return Compiler(policy, vocabulary, no_settings, nullptr, effects).destinations();
}

}  // namespace postern::plan
