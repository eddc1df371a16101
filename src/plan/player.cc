#include "plan/player.h"

#include <algorithm>
#include <functional>
#include <map>
#include <set>

#include <fmt/format.h>

#include "base/domain_below.h"
#include "base/text.h"
#include "config/engine.h"
#include "config/room_options.h"
#include "dialect/restrictions/pattern_questions.h"
#include "explain/known_addresses.h"
#include "explain/report.h"
#include "plan/address_classes.h"
#include "plan/language.h"
#include "plan/list_edit.h"
#include "plan/samples.h"
#include "policy/answers.h"
#include "replay/rederive.h"
#include "telemetry/metrics.h"

namespace postern::plan {

namespace json = boost::json;
namespace restrictions = dialect::restrictions;
using policy::Stage;

namespace {

/// The answer that an assignment has; the first one to a question that came up later.
const PossibleAnswer& answer_in(const Assignment& values, const OpenQuestion& question) {
  return question.answers[question.variable < values.size() ? values[question.variable] : 0];
}

/// Answers the questions of one dialogue as an assignment says, and keeps what was asked.
class AssignedWorld final : public dns::Resolver {
 public:
  /// What it is made of outlives it.
  AssignedWorld(Vocabulary& vocabulary, const Assignment& values, const policy::Evidence& given,
                const MessageWorld& message, const app::Dialogue& dialogue)
      : vocabulary_(vocabulary),
        values_(values),
        given_(given),
        message_(message),
        dialogue_(dialogue) {}

  Task<dns::Answer> lookup(dns::Question question, std::chrono::milliseconds) override {
    co_return ask(question);
  }

  /// The answer, which is kept.
  dns::Answer ask(const dns::Question& question) {
    dns::Answer answer = answer_to(question);
    if (answer.status == dns::Status::found || answer.trouble()) {
      asked_.insert_or_assign({lower(question.name), question.type}, answer);
    }
    return answer;
  }

  /// The zone of what was asked.
  json::object zone() const {
    json::object zone;
    for (const auto& [question, answer] : asked_) {
      json::value& name = zone[question.first];
      if (name.is_null()) name.emplace_object();
      json::value& records = name.as_object()[dns::to_string(question.second)];
      if (answer.trouble()) {
        records = "SERVFAIL";
        continue;
      }
      json::array& list = records.emplace_array();
      for (const std::string& record : answer.records) {
        if (question.second != dns::Type::mx) {
          list.emplace_back(record);
          continue;
        }
        const std::size_t blank = record.find(' ');
        list.push_back(
            json::array{*parse_number(record.substr(0, blank)), record.substr(blank + 1)});
      }
    }
    return zone;
  }
  /// Who was asked something.
  const std::map<std::pair<std::string, dns::Type>, dns::Answer>& asked() const { return asked_; }

 private:
  dns::Answer answer_to(const dns::Question& question) {
    for (const policy::DnsRecord& known : given_.dns) {
      // A name that is not the client's may have another address.
      const bool open =
          known.question.type != dns::Type::ptr && known.answer.status != dns::Status::found;
      if (open) continue;
      if (iequals(known.question.name, question.name) && known.question.type == question.type) {
        return known.answer;
      }
    }
    dns::Answer none{.status = dns::Status::nx_domain, .records = {}};
    if (question.type == dns::Type::txt) {
      const auto text = message_.text ? message_.text(values_, dialogue_, question) : std::nullopt;
      return text.value_or(none);
    }
    try {
      const OpenQuestion& open = vocabulary_.ask(question, given_.session.client_ip);
      return answer_in(values_, open).dns;
    } catch (const NotCompiled&) {
      return none;
    }
  }

  Vocabulary& vocabulary_;
  const Assignment& values_;
  const policy::Evidence& given_;
  const MessageWorld& message_;
  const app::Dialogue& dialogue_;
  std::map<std::pair<std::string, dns::Type>, dns::Answer> asked_;
};

std::vector<std::string> dialogue_needs(const Vocabulary& vocabulary, const AssignedWorld& world,
                                        const app::Dialogue& dialogue, bool programs) {
  bool client_dns = false;
  bool sender_dns = false;
  bool third_party = programs;
  for (const auto& [question, answer] : world.asked()) {
    const bool listing = std::ranges::any_of(vocabulary.questions(), [&](const auto& one) {
      return !one->zone.empty() && domain_below(question.first, one->zone);
    });
    if (listing) {
      third_party = true;
    } else if (question.second == dns::Type::ptr) {
      client_dns = true;
    } else {
      sender_dns = true;
    }
  }
  std::vector<std::string> needs{"client"};
  if (sender_dns) needs.emplace_back("sender_dns");
  if (client_dns) needs.emplace_back("client_dns");
  if (third_party) needs.emplace_back("third_party");
  if (dialogue.login) needs.emplace_back("login");
  return needs;
}

/// What a value asks of the client; the least is preferred.
unsigned cost(const Vocabulary& vocabulary, Variable variable, std::size_t value) {
  if (value == 0) return 0;
  const Classes& classes = vocabulary.classes();
  if (variable >= axis_count) {
    const OpenQuestion* question = vocabulary.question(variable);
    // What a server has thrown away reaches nobody: shown only where there is nothing else.
    if (question->service && question->answers[value].words.starts_with("DISCARD")) return 1000;
    return question->answers[value].dns.trouble() || question->answers[value].service.failed ? 60
                                                                                             : 50;
  }
  switch (static_cast<Axis>(variable)) {
    case Axis::session:
      return classes.sessions[value].login ? 20 : 10;
    case Axis::client:
      return classes.clients[value].stranger ? 2 : 12;
    case Axis::name:
      return 15;
    case Axis::helo:
      return classes.helos[value].name.empty() ? 9 : 5;
    case Axis::sender:
    case Axis::recipient:
      return 4;
    case Axis::early:
      break;
  }
  return 8;
}

}  // namespace

std::optional<Assignment> cheapest(Vocabulary& vocabulary, Ref& left) {
  constexpr int most_ruled_out = 200;
  const Cost asked = [&](Variable variable, std::size_t value) {
    return cost(vocabulary, variable, value);
  };
  for (int tries = 0;; ++tries) {
    std::optional<Assignment> path = cheapest(vocabulary.diagrams(), left, asked);
    if (!path || tries == most_ruled_out) return path;
    const std::optional<Assignment> impossible = vocabulary.texts_on(*path).impossible;
    if (!impossible) return path;
    vocabulary.rule_out(*impossible);
    left = without(vocabulary.diagrams(), left, *impossible);
  }
}

std::optional<Assignment> cheapest(const Diagrams& diagrams, Ref root, const Cost& cost) {
  constexpr unsigned never = static_cast<unsigned>(-1);
  std::map<Ref, std::pair<unsigned, std::size_t>> best;  // cost, value
  const std::function<unsigned(Ref)> walk = [&](Ref ref) -> unsigned {
    if (diagrams.is_leaf(ref)) return diagrams.leaf_of(ref) == 1 ? 0 : never;
    if (const auto known = best.find(ref); known != best.end()) return known->second.first;
    std::pair<unsigned, std::size_t> found{never, 0};
    const auto children = diagrams.children_of(ref);
    for (std::size_t value = 0; value < children.size(); ++value) {
      const unsigned below = walk(children[value]);
      if (below == never) continue;
      const unsigned all = below + cost(diagrams.variable_of(ref), value);
      if (all < found.first) found = {all, value};
    }
    best.emplace(ref, found);
    return found.first;
  };
  if (walk(root) == never) return std::nullopt;
  Assignment path(diagrams.variables(), any_value);
  for (Ref at = root; !diagrams.is_leaf(at);) {
    const std::size_t value = best.at(at).second;
    path[diagrams.variable_of(at)] = value;
    at = diagrams.children_of(at)[value];
  }
  return path;
}

std::string words_for(const Vocabulary& vocabulary, Variable variable, std::size_t value) {
  if (variable >= axis_count) return vocabulary.question(variable)->answers[value].words;
  const Classes& classes = vocabulary.classes();
  switch (static_cast<Axis>(variable)) {
    case Axis::session: {
      const SessionClass& one = classes.sessions[value];
      const bool are_named = std::ranges::any_of(
          classes.sessions, [](const SessionClass& each) { return each.login && !each.any; });
      return one.any     ? are_named ? "signed in as anyone else" : "signed in"
             : one.login ? "signed in as " + *one.login
             : one.tls   ? "in TLS"
                         : "in clear";
    }
    case Axis::client:
      return words_of(classes.clients[value]);
    case Axis::name: {
      const NameClass& one = classes.names[value];
      using enum NameClass::Kind;
      if (one.kind == none) return "no name";
      if (one.kind == trouble) return "no answer of DNS";
      const std::string name = one.exact || one.like_network ? one.name
                               : one.below.empty()           ? "any other name"
                                                             : "below " + one.below;
      return one.kind == verified     ? name
             : one.kind == unverified ? name + " (unverified)"
                                      : name + " (no answer about its address)";
    }
    case Axis::helo:
      return classes.helos[value].words;
    case Axis::sender:
      return classes.senders[value].words;
    case Axis::recipient:
      return classes.recipients[value].words;
    case Axis::early:
      break;
  }
  return value == 0 ? "no" : fmt::format("from {}", to_string(static_cast<app::Early>(value)));
}

const OpenQuestion* opaque_on(const Vocabulary& vocabulary, const Assignment& path) {
  const OpenQuestion* first = nullptr;
  for (const auto& one : vocabulary.questions()) {
    if (!one->pattern && !one->is_rule) continue;
    if (one->variable >= path.size() || path[one->variable] == any_value) continue;
    const auto asked =
        one->pattern ? restrictions::asked_pattern(one->pattern->first) : std::nullopt;
    if (asked && !Language::of(asked->perl, asked->options)) return one.get();
    if (first == nullptr) first = one.get();
  }
  return first;
}

std::string name_of(const OpenQuestion& question) {
  const auto asked =
      question.pattern ? restrictions::asked_pattern(question.pattern->first) : std::nullopt;
  if (asked) return fmt::format("the pattern /{}/", printable(asked->perl, 200));
  return question.name();
}

void note_unconfirmed() { telemetry::metrics().plan_unconfirmed.counter({}).add(); }

ServedSessions served_sessions(const app::Config& config) {
  using gateway::ListenerTls;
  ServedSessions served{.clear = false, .tls = false, .login = false};
  for (const app::ListenerConfig& one : config.listeners) {
    const bool clear = one.tls == ListenerTls::none || one.tls == ListenerTls::starttls;
    served.clear = served.clear || clear;
    served.tls = served.tls || one.tls != ListenerTls::none;
    served.implicit_tls = served.implicit_tls || one.tls == ListenerTls::implicit;
    const smtp::ServerOptions offered = app::session_settings(one, config).session;
    served.login = served.login || offered.auth;
    served.login_in_clear = served.login_in_clear || (clear && one.auth_without_tls);
  }
  if (config.listeners.empty()) return {};
  return served;
}

namespace {

bool is_enforced_permit(const policy::Step& step) {
  return step.enforced && step.verdict.kind == policy::Verdict::Kind::permit;
}

/// Says that this step decided. The side has its trace.
void blame(const policy::Step& step, Side& side) {
  side.layer = step.layer;
  side.rule = step.check;
  side.at = step.origin;
  side.row = step.key;
  const auto places = app::places_of(*side.trace);
  const auto place = places.find(side.at);
  side.place = place != places.end() ? place->second : std::string();
}

/// The key that was found becomes the row that has it.
void name_row(const app::Config& config, Side& side) {
  const auto* loaded = config.restrictions.loaded();
  if (side.row.empty() || loaded == nullptr) return;
  const auto& policy = *loaded->compiled.policy;
  const auto spot = spot_of(policy, side.at);
  if (!spot) return;
  const auto& table = rules_of(policy, spot->parameter)->at(spot->at).table;
  std::string row = table != nullptr ? table->row_named(side.row) : std::string();
  if (!row.empty()) side.row = std::move(row);
}

/// The step by which mail is held, discarded or passed on; null: there is none, or a layer as a
/// whole does.
const policy::Step* step_of(std::string_view effect, const policy::Trace& trace) {
  for (const policy::Decision& decision : trace.decisions) {
    for (const policy::EffectNote& note : decision.effects) {
      if (note.effect != effect || !note.enforced) continue;
      const auto step = std::ranges::find_if(decision.steps, [&](const policy::Step& one) {
        return one.layer == note.layer && one.check == note.check && one.origin == note.place;
      });
      if (step != decision.steps.end()) return &*step;
    }
  }
  return nullptr;
}

}  // namespace

bool holds(const policy::Decision& decision) {
  const bool is_forgotten = decision.stage == Stage::helo && decision.before_tls;
  return decision.quarantine && !is_forgotten;
}

Side side_of(policy::Trace decided) {
  Side side;
  side.trace = std::make_shared<const policy::Trace>(std::move(decided));
  const policy::Trace& trace = *side.trace;
  side.reply = trace.settled();
  side.taken = trace.outcome == "accepted";
  const policy::Step* by = nullptr;
  for (const policy::Decision& decision : trace.decisions) {
    if (const policy::Step* refusing = policy::refusing_step(decision)) {
      by = refusing;
      side.stage = policy::to_string(decision.stage);
    }
  }
  if (side.taken) {
    side.handling = trace.evidence.discard ? "discard" : "deliver";
    for (const policy::Decision& decision : trace.decisions) {
      if (holds(decision) && !trace.evidence.discard) side.handling = "hold";
      for (const policy::Step& step : decision.steps) {
        if (decision.stage == Stage::rcpt && is_enforced_permit(step)) by = &step;
      }
    }
    // What a later list permits counts only because mail for the recipient may be passed on.
    const policy::Step* const granting = step_of("grant_relay", trace);
    if (granting != nullptr && is_enforced_permit(*granting)) by = granting;
    if (const policy::Step* other = step_of(side.handling, trace)) by = other;
    if (!trace.evidence.recipients.empty()) {
      side.route = trace.evidence.recipients.front().route.webhook ? "webhook" : "relay";
    }
    side.stage.clear();
  } else if (side.stage.empty()) {
    side.stage = policy::to_string(Stage::mail);
  }
  if (by != nullptr) blame(*by, side);
  return side;
}

void explain_by_one_list(std::vector<Side>& sides) {
  const auto list_of = [](std::string_view at) { return at.substr(0, at.find(':')); };
  const auto refused = std::ranges::find_if(sides, [](const Side& one) { return !one.taken; });
  if (refused == sides.end() || refused->at.empty()) return;
  for (Side& side : sides) {
    if (!side.taken || list_of(side.at) == list_of(refused->at)) continue;
    for (const policy::Decision& decision : side.trace->decisions) {
      if (decision.stage != Stage::rcpt) continue;
      for (const policy::Step& step : decision.steps) {
        if (is_enforced_permit(step) && list_of(step.origin) == list_of(refused->at)) {
          blame(step, side);
        }
      }
    }
  }
}

Outcome outcome_of(const Side& side) {
  Outcome outcome;
  outcome.taken = side.taken;
  if (side.taken) {
    outcome.hold = side.handling == "hold";
    outcome.discard = side.handling == "discard";
    return outcome;
  }
  outcome.refusal = {side.reply.code, side.reply.enhanced};
  for (const Stage stage : {Stage::connect, Stage::helo, Stage::auth, Stage::mail, Stage::rcpt,
                            Stage::data, Stage::message}) {
    if (policy::to_string(stage) == side.stage) outcome.stage = stage;
  }
  return outcome;
}

TakesLiteral takes_literal(const app::Config& config) {
  // Scripts may send mail elsewhere.
  const bool passes_on = config.relay.relay_to_literals || config.lua.loaded || config.vsl.loaded;
  return [passes_on, known = app::KnownAddresses(config)](const auto& address) {
    return passes_on || known.is_own_literal(address);
  };
}

policy::Engine engine_of(const app::Config& config) {
  policy::Engine engine = app::engine_for(config);
  if (!config.lua.loaded && !config.vsl.loaded) return engine;
  Result<policy::Engine> copy = replay::engine_from(engine.definition());
  if (!copy)
    throw NotCompiled("other_layers", "the scripts cannot be copied: " + copy.error().message);
  return std::move(*copy);
}

Player::Player(Vocabulary& vocabulary, std::vector<const Version*> versions,
               const Deadline& deadline)
    : vocabulary_(vocabulary),
      versions_(std::move(versions)),
      deadline_(deadline),
      engines_(versions_.size()) {}

std::string words_of(const Spoken::Answer& answer) {
  const std::string to = answer.asked.empty() ? "" : " to " + printable(answer.asked, 200);
  return printable(answer.service, 200) +
         (answer.failed ? " gives no answer" : " answers " + printable(answer.text, 200)) + to;
}

std::optional<Player::Played> Player::play(const Assignment& path, const Claim& claim) {
  Assignment values = path;
  for (std::size_t& value : values) {
    if (value == any_value) value = 0;
  }
  Chosen chosen;
  for (std::size_t axis = 0; axis < axis_count; ++axis) chosen.value[axis] = values[axis];
  policy::Evidence given = evidence_of(vocabulary_.classes(), chosen, Stage::rcpt);
  app::Dialogue dialogue;
  dialogue.client = given.session.client_ip;
  if (!given.session.helo.empty()) dialogue.helo = given.session.helo;
  dialogue.tls = given.session.tls.has_value();
  dialogue.login = vocabulary_.classes().sessions[chosen[Axis::session]].login;
  dialogue.auth_in_clear = dialogue.login && !dialogue.tls;
  // Whose a destination is may hang on what tables of other programs say.
  for (const auto& one : vocabulary_.questions()) {
    if (!one->service) continue;
    given.consulted.push_back(
        answered(*one->service, answer_in(values, *one), dialogue.login.value_or("")));
  }
  dialogue.early = static_cast<app::Early>(chosen[Axis::early]);
  dialogue.sender = given.reverse_path;
  dialogue.recipients = {claim.to.value_or(given.candidate->address)};
  dialogue.message = std::string(plain_message);
  if (auto played = play(dialogue, values, chosen, given, claim)) return played;
  // What patterns are asked about is what is read in place of an address with a route.
  const Classes& classes = vocabulary_.classes();
  const AddressClass& sender = classes.senders[chosen[Axis::sender]];
  const AddressClass& recipient = classes.recipients[chosen[Axis::recipient]];
  if (sender.read) dialogue.sender = sender.read;
  const bool reads_recipient = recipient.read && !claim.to;
  if (reads_recipient) dialogue.recipients = {*recipient.read};
  std::vector<app::Dialogue> others = variants_of(dialogue, texts_of(values));
  if (const auto& texts = vocabulary_.texts_on(path).texts; !texts.empty()) {
    others.insert(others.begin(), with_texts(dialogue, texts));
  }
  if (names_owner(values)) {
    others.insert(others.begin(), dialogue);
    others = with_owners(others);
  }
  for (app::Dialogue& other : others) {
    if (deadline_.is_over()) return std::nullopt;
    if (sender.read) other.sender = routed_to(*other.sender, sender);
    if (reads_recipient) other.recipients = {routed_to(other.recipients.front(), recipient)};
    if (auto played = play(other, values, chosen, given, claim)) return played;
  }
  return std::nullopt;
}

/// The dialogue with texts for which the patterns answer as the path says.
app::Dialogue Player::with_texts(app::Dialogue dialogue,
                                 const std::vector<std::pair<DialogueText, std::string>>& texts) {
  for (const auto& [about, text] : texts) {
    using Part = DialogueText::Part;
    if (about.part != Part::whole && about.part != Part::quoted) {
      // A part of an address, at its place in the address.
      mail::Mailbox* const of = about.axis != Axis::sender ? &dialogue.recipients.front()
                                : dialogue.sender          ? &*dialogue.sender
                                                           : nullptr;
      if (of == nullptr) continue;
      const std::string domain = about.part == Part::at_domain ? text.substr(1) : text;
      auto parsed = mail::parse_mailbox(
          about.part == Part::local ? text + "@" + of->domain : of->local_part + "@" + domain,
          mail::Utf8::allowed);
      if (parsed) *of = std::move(*parsed);
      continue;
    }
    if (about.axis == Axis::helo) dialogue.helo = text;
    if (about.axis == Axis::client) {
      if (const auto client = IpAddress::parse(text)) dialogue.client = *client;
    }
    if (about.axis != Axis::sender && about.axis != Axis::recipient) continue;
    auto parsed = mail::parse_mailbox(text, mail::Utf8::allowed);
    if (!parsed) continue;
    if (about.axis == Axis::sender) {
      dialogue.sender = std::move(*parsed);
    } else {
      dialogue.recipients = {std::move(*parsed)};
    }
  }
  return dialogue;
}

/// Whether a result with groups has to name the client's login.
bool Player::names_owner(const Assignment& values) const {
  return std::ranges::any_of(vocabulary_.questions(), [&](const auto& one) {
    return one->pattern && one->pattern->first.starts_with(restrictions::owner_question) &&
           one->variable < values.size() && values[one->variable] == 1;
  });
}

/// The dialogues with logins that groups of the sender's address may be.
std::vector<app::Dialogue> Player::with_owners(const std::vector<app::Dialogue>& dialogues) {
  std::vector<app::Dialogue> owned;
  for (const app::Dialogue& one : dialogues) {
    if (!one.sender || !one.login) continue;
    for (const std::string& login :
         {one.sender->text(), one.sender->local_part, one.sender->domain}) {
      owned.push_back(one);
      owned.back().login = login;
    }
  }
  return owned;
}

/// Texts that the patterns which have to match may match, alone and two at a time.
std::vector<std::string> Player::texts_of(const Assignment& values) const {
  std::vector<std::vector<std::string>> of_pattern;
  for (const auto& one : vocabulary_.questions()) {
    if (!one->pattern || one->variable >= values.size() || values[one->variable] != 1) continue;
    const auto asked = restrictions::asked_pattern(one->pattern->first);
    if (asked) of_pattern.push_back(samples_of(asked->perl));
  }
  std::vector<std::string> texts;
  for (const auto& one : of_pattern) texts.insert(texts.end(), one.begin(), one.end());
  const std::vector<std::string> alone = texts;
  constexpr std::size_t most = 400;
  for (const std::string& first : alone) {
    for (const std::string& second : alone) {
      if (texts.size() >= most) return texts;
      // The end of an address and its beginning meet at the @.
      const bool meet = first.ends_with('@') && second.starts_with('@');
      texts.push_back(first + (meet ? second.substr(1) : second));
    }
  }
  return texts;
}

/// The dialogue with other texts.
std::vector<app::Dialogue> Player::variants_of(const app::Dialogue& dialogue,
                                               const std::vector<std::string>& texts) {
  std::vector<app::Dialogue> variants;
  const auto address = [&](const mail::Mailbox& like, std::string_view text,
                           const std::function<void(app::Dialogue&, mail::Mailbox)>& put) {
    for (const std::string& one :
         {std::string(text), fmt::format("{}{}", text, like.domain), fmt::format("x{}", text),
          fmt::format("{}test", text), fmt::format("x{}test", text),
          fmt::format("{}@{}", text, like.domain), fmt::format("x@{}", text),
          fmt::format("x@a{}test", text), fmt::format("{}@{}", like.local_part, text)}) {
      auto parsed = mail::parse_mailbox(one, mail::Utf8::allowed);
      if (!parsed) continue;
      variants.push_back(dialogue);
      put(variants.back(), std::move(*parsed));
    }
  };
  for (const std::string& text : texts) {
    if (dialogue.sender) {
      address(*dialogue.sender, text,
              [](app::Dialogue& one, mail::Mailbox mailbox) { one.sender = std::move(mailbox); });
    }
    address(dialogue.recipients.front(), text, [](app::Dialogue& one, mail::Mailbox mailbox) {
      one.recipients = {std::move(mailbox)};
    });
    if (!dialogue.helo) continue;
    for (const std::string& one :
         {text, "a" + text, text + "test", "a" + text + "test", "a." + text}) {
      variants.push_back(dialogue);
      variants.back().helo = one;
    }
    if (const auto client = IpAddress::parse(text)) {
      variants.push_back(dialogue);
      variants.back().client = *client;
    }
  }
  return variants;
}

std::optional<Player::Played> Player::play(const app::Dialogue& dialogue, const Assignment& values,
                                           const Chosen& chosen, const policy::Evidence& given,
                                           const Claim& claim) {
  policy::Evidence about = given;
  about.candidate->address = dialogue.recipients.front();
  about.reverse_path = dialogue.sender;
  about.session.helo = dialogue.helo.value_or("");
  about.session.client_ip = dialogue.client;
  if (!claim.about(about)) return std::nullopt;
  AssignedWorld world(vocabulary_, values, given, world_, dialogue);
  std::set<Spoken::Answer> answers;
  const app::AskOthers others = [&](policy::Consultation question,
                                    policy::Evidence& evidence) -> Task<void> {
    const OpenQuestion& open = vocabulary_.ask(question);
    const PossibleAnswer& answer = answer_in(values, open);
    const std::string login = dialogue.login.value_or("");
    answers.insert({.service = question.service,
                    .asked = std::string(app::asked_of(question)),
                    .text = answer.words == own_login ? login : answer.words,
                    .failed = answer.service.failed});
    evidence.consulted.push_back(answered(std::move(question), answer, login));
    co_return;
  };
  Played played;
  for (std::size_t side = 0; side < versions_.size(); ++side) {
    const app::Config& config = *versions_[side]->config;
    if (!engines_[side]) engines_[side].emplace(engine_of(config));
    played.sides.push_back(side_of(app::play(
        {.config = config,
         .engine = *engines_[side],
         .directory = *versions_[side]->directory,
         .resolver = world,
         .others = others,
         .frozen = world_.frozen ? world_.frozen(values, dialogue) : app::FrozenEvidence{}},
        dialogue)));
  }
  ++count_;
  if (!claim.holds(played.sides)) return std::nullopt;
  explain_by_one_list(played.sides);
  for (std::size_t side = 0; side < versions_.size(); ++side) {
    name_row(*versions_[side]->config, played.sides[side]);
  }
  if (claim.also) {
    for (const dns::Question& question : claim.also(about)) world.ask(question);
  }
  Spoken& spoken = played.spoken;
  spoken.client = dialogue.client.to_string();
  const NameClass& name = vocabulary_.classes().names[chosen[Axis::name]];
  if (name.kind == NameClass::Kind::verified) spoken.client_name = name.name;
  spoken.helo = dialogue.helo;
  spoken.tls = dialogue.tls;
  spoken.login = dialogue.login;
  spoken.early = dialogue.early;
  spoken.sender = dialogue.sender ? dialogue.sender->text() : "";
  spoken.recipient = dialogue.recipients.front().text();
  spoken.dns = world.zone();
  spoken.answers.assign(answers.begin(), answers.end());
  spoken.needs = dialogue_needs(vocabulary_, world, dialogue, !answers.empty());
  return played;
}

}  // namespace postern::plan
