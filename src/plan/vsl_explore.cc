#include "plan/vsl_explore.h"

#include <algorithm>

#include <fmt/format.h>
#include <boost/json.hpp>

#include "base/text.h"
#include "dialect/vsl/layer.h"
#include "dialect/vsl/library.h"
#include "plan/vsl_text.h"
#include "policy/gateway_layer.h"

namespace postern::plan {

namespace vsl = dialect::vsl;
namespace dmarc = mailauth::dmarc;
using policy::Stage;
using vsl::Status;

namespace {

/// Functions that change what later directives see.
constexpr std::string_view changing[] = {
    "add_rcpt",
    "add_rcpt_envelop",
    "add_rcpt_message",
    "append_header",
    "bcc",
    "check_dmarc",
    "check_spf",
    "dkim_sign",
    "dkim_verify",
    "prepend_header",
    "remove_header",
    "remove_rcpt",
    "remove_rcpt_envelop",
    "remove_rcpt_message",
    "rename_header",
    "rewrite_mail_from",
    "rewrite_mail_from_envelop",
    "rewrite_mail_from_message",
    "rewrite_rcpt",
    "rewrite_rcpt_envelop",
    "rewrite_rcpt_message",
    "set_header",
    "sign_dkim",
    "verify_dkim",
};

/// Functions after which a recipient may have a route: it is granted, or the recipient is replaced
/// (vsl::VslLayer grants that the candidate goes nowhere).
constexpr std::string_view routing[] = {"check_rcpt_relay", "remove_rcpt", "remove_rcpt_envelop",
                                        "rewrite_rcpt", "rewrite_rcpt_envelop"};

template <std::size_t n>
bool calls_one_of(const VslDirective& directive, const std::string_view (&names)[n]) {
  return std::ranges::any_of(
      names, [&](std::string_view name) { return directive.calls(std::string(name)); });
}

/// Whether a rule at the greeting or EHLO may do more than refuse the client or let it pass.
bool may_do_more(const VslDirective& directive) {
  const auto does_more = [](std::string_view name) {
    return name == "faccept" || name == "quarantine" || name == "check_rcpt_relay" ||
           !vsl::only_looks("s." + std::string(name));
  };
  if (directive.calls("call_service")) return true;
  return std::ranges::any_of(vsl::function_names(), [&](std::string_view name) {
    return does_more(name) && directive.calls(std::string(name));
  });
}

vsl::StatusPtr status(Status::Kind kind) {
  Status made{.kind = kind, .reply = {}, .queue = {}, .detail = {}};
  if (kind == Status::Kind::quarantine) made.queue = "watched";
  return std::make_shared<const Status>(std::move(made));
}

/// What a directive that is not watched may do; the last ones also grant a route.
std::vector<vsl::Instead> ways() {
  using enum Status::Kind;
  return {{.status = status(next)},
          {.status = status(deny)},
          {.failed = true},
          {.status = status(accept)},
          {.status = status(faccept)},
          {.status = status(quarantine)},
          {.status = status(next), .relays = true},
          {.status = status(accept), .relays = true},
          {.status = status(faccept), .relays = true},
          {.status = status(quarantine), .relays = true}};
}

/// A name that answers as the values say.
class WatchedResolver final : public dns::Resolver {
 public:
  /// `names`: what a text of the dialogue is called in questions.
  WatchedResolver(vsl::Watch& watch, std::string client,
                  std::vector<std::pair<std::string, std::string>> names)
      : watch_(watch), client_(std::move(client)), names_(std::move(names)) {}

  Task<dns::Answer> lookup(dns::Question question, std::chrono::milliseconds) override {
    dns::Answer answer{.status = dns::Status::nx_domain, .records = {}};
    if (question.type == dns::Type::a || question.type == dns::Type::aaaa) {
      const std::string name = named(question.name);
      const std::size_t value =
          watch_.ask("dns " + name, {.values = 3, .subject = {}, .test = "dns", .argument = name});
      if (value == 1) answer = {.status = dns::Status::found, .records = {client_}};
      if (value == 2) answer = {.status = dns::Status::server_failure, .records = {}};
    }
    co_return answer;
  }

 private:
  std::string named(std::string_view asked) const {
    std::string name = lower(asked);
    for (const auto& [text, called] : names_) {
      const std::size_t at = name.find(text);
      if (at != std::string::npos) name.replace(at, text.size(), called);
    }
    return name;
  }

  vsl::Watch& watch_;
  const std::string client_;
  const std::vector<std::pair<std::string, std::string>> names_;
};

/// Gives each recipient a route, in front of the rules.
class RouteForAll final : public policy::Layer {
 public:
  std::string_view name() const override { return "routes"; }
  bool speaks_at(Stage stage) const override { return stage == Stage::rcpt; }
  Task<policy::Ruling> judge(Stage, policy::Inquiry&, std::vector<policy::Step>&) const override {
    policy::Ruling ruling;
    ruling.verdict = policy::pass_on();
    ruling.effects.push_back(
        {.what = policy::GrantRelay{policy::Grant::domain}, .why = {}, .check = {}, .place = {}});
    co_return ruling;
  }
};

/// Results from here on are positions at which the rules go on.
constexpr Leaf first_position = Leaf{1} << 24;

std::string signer(Member member) {
  return member == Member::one ? "qzsigner.test" : "qzissuer.test";
}
std::string cause(Member member) { return member == Member::one ? "qz-spf-cause" : "qz-spf-facts"; }

constexpr mailauth::spf::Status vsl_spf_results[] = {
    mailauth::spf::Status::none,     mailauth::spf::Status::pass, mailauth::spf::Status::neutral,
    mailauth::spf::Status::softfail, mailauth::spf::Status::fail, mailauth::spf::Status::temperror,
    mailauth::spf::Status::permerror};
static_assert(std::size(vsl_spf_results) == vsl::spf_values);

constexpr mailauth::dkim::Status vsl_dkim_results[] = {
    mailauth::dkim::Status::none,     mailauth::dkim::Status::pass,
    mailauth::dkim::Status::fail,     mailauth::dkim::Status::policy,
    mailauth::dkim::Status::neutral,  mailauth::dkim::Status::temperror,
    mailauth::dkim::Status::permerror};
static_assert(std::size(vsl_dkim_results) == vsl::dkim_values);

/// By value: no record, vouched for, no author, no answer, and what is not vouched for with p=none,
/// quarantine and reject.
dmarc::Result dmarc_result(std::size_t value, Member member) {
  using dmarc::Policy;
  constexpr dmarc::Status statuses[] = {
      dmarc::Status::none, dmarc::Status::pass, dmarc::Status::permerror, dmarc::Status::temperror,
      dmarc::Status::fail, dmarc::Status::fail, dmarc::Status::fail};
  static_assert(std::size(statuses) == vsl::dmarc_values);
  dmarc::Result result;
  result.status = statuses[value];
  result.policy = value == 5 ? Policy::quarantine : value == 6 ? Policy::reject : Policy::none;
  result.disposition = result.policy;
  result.from_domain = signer(member);
  return result;
}

mailauth::dkim::Results dkim_result(std::size_t value, Member member) {
  mailauth::dkim::Results results;
  results.from_fields = 1;
  if (value == 0) return results;
  mailauth::dkim::SignatureResult one;
  one.signature.domain = signer(member);
  one.signature.selector = "s";
  one.signature.identity = "@" + signer(member);
  one.signature.identity_domain = signer(member);
  one.status = vsl_dkim_results[value];
  one.acceptable = one.status == mailauth::dkim::Status::pass;
  // A pass that does not count.
  if (one.status == mailauth::dkim::Status::policy) one.status = mailauth::dkim::Status::pass;
  results.signatures.push_back(std::move(one));
  return results;
}

}  // namespace

std::string handling_of(const policy::Trace& trace) {
  std::string handling = trace.evidence.discard ? "discard" : "deliver";
  for (const policy::Decision& decision : trace.decisions) {
    if (holds(decision) && !trace.evidence.discard) {
      handling = "quarantine:" + *decision.quarantine;
    }
    const bool behind = decision.stage == Stage::queued || decision.stage == Stage::delivery;
    const policy::Step* by = behind ? policy::refusing_step(decision) : nullptr;
    if (by != nullptr) {
      handling = by->verdict.kind == policy::Verdict::Kind::defer ? "hold" : "dead";
    }
  }
  return handling;
}

VslOutcome vsl_outcome_of(const policy::Trace& trace) {
  VslOutcome outcome;
  if (trace.outcome == "accepted") {
    outcome.rank = VslOutcome::Rank::taken;
    outcome.handling = handling_of(trace);
    return outcome;
  }
  const Side side = side_of(trace);
  if (side.layer == "gateway" && side.rule == "recipient_known") {
    outcome.rank = VslOutcome::Rank::no_route;
  }
  outcome.stage = side.stage;
  outcome.refusal = {side.reply.code, side.reply.enhanced};
  return outcome;
}

bool is_local_in(const app::Config& config, std::string_view domain) {
  return config.vsl.loaded && config.vsl.mode == app::LuaMode::enforce &&
         config.vsl.loaded->site().is_local(domain);
}

std::set<std::string> local_domains(const vsl::Site& site) {
  std::set<std::string> local{lower(site.domain)};
  for (const auto& [domain, key] : site.virtual_domains) local.insert(lower(domain));
  return local;
}

std::size_t value_of(const VslValues& values, std::string_view name) {
  const auto found = values.find(name);
  return found == values.end() ? 0 : found->second;
}

// ------------------------------------------------------------------------------- the world

VslWorld::VslWorld(Diagrams& diagrams, vsl::WatchedWords& words, const ServedSessions& served,
                   bool with_lists)
    : diagrams_(diagrams), words_(words), classes_(classes_of(words, served, with_lists)) {
  for (const std::string& part : vsl_parts()) variable(part);
}

std::size_t VslWorld::count(const std::string& name) const {
  const std::size_t part = classes_.count(name);
  return part > 0 ? part : words_.questions.at(name).values;
}

Variable VslWorld::variable(const std::string& name) {
  const auto found = variables_.find(name);
  if (found != variables_.end()) return found->second;
  const Variable made = diagrams_.add(count(name));
  variables_.emplace(name, made);
  names_.push_back(name);
  return made;
}

Leaf VslWorld::number(const VslOutcome& outcome) {
  const auto [found, is_new] = numbers_.try_emplace(outcome, static_cast<Leaf>(outcomes_.size()));
  if (is_new) outcomes_.push_back(outcome);
  return found->second;
}

app::Dialogue VslWorld::dialogue(const VslValues& values, Member member) const {
  app::Dialogue dialogue;
  const SessionClass& session = classes_.sessions[value_of(values, vsl::subject_session)];
  dialogue.tls = session.tls;
  dialogue.login = session.login;
  dialogue.auth_in_clear = session.login.has_value() && !session.tls;
  const ClientClass& client = classes_.clients[value_of(values, vsl::subject_client)];
  dialogue.client = member == Member::one ? client.one : client.other;
  const auto text = [&](std::string_view subject) {
    return (*classes_.texts(subject))[value_of(values, subject)].text_of(member);
  };
  if (!classes_.helos[value_of(values, vsl::subject_helo)].null) {
    dialogue.helo = text(vsl::subject_helo);
  }
  const auto address = [&](std::string_view local, std::string_view domain) {
    return mail::Mailbox{.local_part = text(local), .domain = text(domain)};
  };
  if (!classes_.sender_domains[value_of(values, vsl::subject_sender_domain)].null) {
    dialogue.sender = address(vsl::subject_sender_local, vsl::subject_sender_domain);
  }
  dialogue.recipients = {address(vsl::subject_rcpt_local, vsl::subject_rcpt_domain)};
  dialogue.message = std::string(plain_message);
  return dialogue;
}

app::FrozenEvidence VslWorld::frozen(const VslValues& values, Member member) const {
  app::FrozenEvidence frozen;
  mailauth::spf::Result spf;
  spf.status = vsl_spf_results[value_of(values, vsl::evidence_spf)];
  spf.mechanism = cause(member);
  spf.reason = cause(member);
  spf.domain = signer(member);
  spf.sender = "a@" + spf.domain;
  frozen.spf = std::move(spf);
  frozen.dkim = dkim_result(value_of(values, vsl::evidence_dkim), member);
  frozen.dmarc = dmarc_result(value_of(values, vsl::evidence_dmarc), member);
  dmarc::Author author;
  author.domains = {signer(member)};
  author.valid = true;
  author.addresses = 1;
  frozen.author = std::move(author);
  return frozen;
}

// ------------------------------------------------------------------------------- exploring

VslExplorer::VslExplorer(const Version& version, bool routed) : config_(*version.config) {
  const app::VslConfig& given = version.config->vsl;
  std::vector<policy::LayerEntry> layers;
  if (routed) layers.push_back({std::make_shared<RouteForAll>()});
  if (given.loaded) {
    const auto definition = boost::json::parse(given.loaded->definition()).as_object();
    if (const auto& large = definition.at("left_out").as_object(); !large.empty()) {
      throw NotCompiled("table_too_large", fmt::format("the list {} of the rules is larger than "
                                                       "64 KiB",
                                                       printable(large.begin()->key(), 200)));
    }
    auto copy = vsl::load_definition(definition, given.loaded->options().limits, true);
    if (!copy)
      throw NotCompiled("other_layers", "the rules cannot be copied: " + copy.error().message);
    policy_ = std::move(*copy);
    definition_ = lower(given.loaded->definition());
    const bool shadow = given.mode == app::LuaMode::shadow;
    enforces_ = !shadow;
    layers.push_back({std::make_shared<vsl::VslLayer>(policy_),
                      shadow ? policy::Mode::shadow : policy::Mode::enforce});
  }
  layers.push_back({policy::gateway_layer()});
  engine_.emplace(std::move(layers));
  // What the configuration does besides is the same in both versions, or said to differ.
  config_.lua = {};
  config_.relay = {};
  config_.routes.clear();
}

void VslExplorer::add_words(vsl::WatchedWords& words) const {
  if (!policy_) return;
  const std::set<std::string> local = local_domains(policy_->site());
  for (const std::string_view subject : {vsl::subject_sender_domain, vsl::subject_rcpt_domain}) {
    words.texts[std::string(subject)].insert(local);
  }
  std::vector<std::string> networks;
  for (const Cidr& one : policy_->site().relay_networks.networks()) {
    networks.push_back(one.to_string());
  }
  words.networks.insert(std::move(networks));
}

const vsl::Directive* VslExplorer::caller_of(const std::string& name, policy::Stage from) {
  for (std::size_t at = 0; policy_ && at < policy_->directives().size(); ++at) {
    const vsl::Directive& one = policy_->directives()[at];
    if (one.stage < from || one.stage > policy::Stage::helo) continue;
    if (directive_at(at).calls(name)) return &one;
  }
  return nullptr;
}

void VslExplorer::refuse_implicit_tls() {
  const vsl::Directive* const found = caller_of("is_secured", policy::Stage::connect);
  if (found == nullptr) return;
  throw NotCompiled(
      "implicit_tls",
      found->place() + " asks is_secured, and a listener has TLS from the first octet on");
}

const vsl::Directive* VslExplorer::rule_at_ehlo(const std::string& function) {
  return caller_of(function, policy::Stage::helo);
}

std::optional<std::string> VslExplorer::gate_at_ehlo() {
  std::string gate;
  if (!enforces_) return gate;
  for (std::size_t at = 0; policy_ && at < policy_->directives().size(); ++at) {
    const Stage stage = policy_->directives()[at].stage;
    if (stage > Stage::helo) continue;
    // One at the greeting may pass over those at EHLO.
    if (replaced_.contains(at) || may_do_more(directive_at(at))) return std::nullopt;
    if (stage == Stage::helo) gate += directive_at(at).digest + " ";
  }
  return gate;
}

const VslDirective& VslExplorer::directive_at(std::size_t index) {
  const auto known = directives_.find(index);
  if (known != directives_.end()) return known->second;
  return directives_.emplace(index, text_of(*policy_, index)).first->second;
}

void VslExplorer::replace(std::size_t directive, const std::string& what) {
  if (replaced_.contains(directive)) {
    throw NotCompiled("script_call", what + " in " + policy_->directives()[directive].place());
  }
  const VslDirective& one = directive_at(directive);
  // What those in front of it have changed may matter to it, and whether they ran: any of those in
  // front of them may have ended the stage.
  std::string key = one.digest;
  std::string front;
  bool relays = calls_one_of(one, routing);
  for (std::size_t before = 0; before < directive; ++before) {
    const VslDirective& other = directive_at(before);
    relays = relays || calls_one_of(other, routing);
    front += " " + other.digest;
    if (calls_one_of(other, changing)) key += std::exchange(front, {});
  }
  const vsl::Directive& named = policy_->directives()[directive];
  replaced_[directive] = {
      .key = key,
      .relays = relays,
      .place = fmt::format("{} {} '{}'", named.place(), vsl::to_string(named.kind), named.name),
      .what = what};
  if (!calls_one_of(one, changing)) return;
  for (std::size_t behind = directive + 1; behind < policy_->directives().size(); ++behind) {
    if (!replaced_.contains(behind)) replace(behind, "what is behind " + named.place());
  }
}

/// Tells the Watch which texts of the dialogue stand for others of their class. Returns what these
/// are called in questions of DNS. Throws NotCompiled.
std::vector<std::pair<std::string, std::string>> VslExplorer::stand_for_others(
    vsl::Watch& watch, const VslWorld& world, const VslValues& values,
    const app::Dialogue& dialogue, Member member) const {
  const VslClasses& classes = world.classes();
  std::vector<std::pair<std::string, std::string>> names;
  const auto stands = [&](std::string_view subject) {
    const TextClass& one = (*classes.texts(subject))[value_of(values, subject)];
    if (!one.stands) return false;
    watch.stands.push_back({std::string(subject), one.text_of(member), one.made});
    names.emplace_back(lower(one.text_of(member)), lower(one.text));
    return true;
  };
  // Where lists judge HELO, any text is taken.
  if (stands(vsl::subject_helo) && classes.helos.back().null) {
    watch.stands.back().longest = vsl::longest_helo;
  }
  if (dialogue.sender) {
    const bool local = stands(vsl::subject_sender_local);
    const bool domain = stands(vsl::subject_sender_domain);
    if (local || domain) watch.sender = dialogue.sender->text();
  }
  const bool local = stands(vsl::subject_rcpt_local);
  const bool domain = stands(vsl::subject_rcpt_domain);
  if (local || domain) watch.recipient = dialogue.recipients.front().text();
  const ClientClass& client = classes.clients[value_of(values, vsl::subject_client)];
  if (client.first != client.last) {
    watch.stands.push_back({std::string(vsl::subject_client), dialogue.client.to_string()});
  }
  // A text of the rules is told from one of the dialogue by what it says.
  for (const vsl::Watch::Stand& one : watch.stands) {
    if (!one.folds || definition_.find(lower(one.text)) == std::string::npos) continue;
    throw NotCompiled("script_call", fmt::format("the rules have the text {}, which stands for all "
                                                 "others here",
                                                 printable(one.text, 64)));
  }
  watch.stands.push_back({"?signer", signer(member)});
  watch.stands.push_back({"?cause", cause(member)});
  watch.others = member == Member::other;
  return names;
}

/// What the layer itself looks at in a dialogue that has gone its way from the position.
void VslExplorer::look_as_the_layer(vsl::Watch& watch, const VslWorld& world,
                                    const Position& position, const policy::Trace& trace) const {
  // The same if no directive is left: the session may have been one without them.
  if (position.stage <= Stage::auth && policy_) watch.look(vsl::subject_session);
  // Without HELO its stage is left out.
  if (world.classes().helos.back().null) watch.look(vsl::subject_helo);
  const auto reached = [&](Stage stage) {
    return std::ranges::any_of(trace.decisions,
                               [&](const auto& one) { return one.stage == stage; });
  };
  if (reached(Stage::rcpt)) {
    watch.look(vsl::subject_rcpt_domain);
    if (policy_ && !policy_->site().relay_networks.empty()) watch.look(vsl::subject_client);
  }
  if (policy_ && policy_->options().must_be_authenticated && reached(Stage::mail)) {
    watch.look(vsl::subject_session);
  }
}

std::optional<VslExplorer::Run> VslExplorer::run(VslWorld& world, const VslValues& values,
                                                 const Position& position, Member member) {
  world.diagrams().poll();
  ++runs_;
  vsl::Watch watch(world.words());
  const app::Dialogue dialogue = world.dialogue(values, member);
  auto names = stand_for_others(watch, world, values, dialogue, member);
  watch.answers = values;
  watch.ways = ways();
  watch.from = position;
  watch.ehlo_passes = passing_;
  for (const auto& [index, one] : replaced_) watch.replaced[index] = {one.key, one.relays};

  WatchedResolver resolver(watch, dialogue.client.to_string(), std::move(names));
  const vsl::Watched scope(watch);
  const policy::Trace trace = app::play({.config = config_,
                                         .engine = *engine_,
                                         .directory = directory_,
                                         .resolver = resolver,
                                         .frozen = world.frozen(values, member)},
                                        dialogue);
  if (watch.blind()) {
    replace(watch.blind()->directive, watch.blind()->what);
    return std::nullopt;
  }
  const auto& first = watch.first();
  if (first && first->next) {
    Run passed{.outcome = {},
               .asked = {watch.asked().begin(),
                         watch.asked().begin() + static_cast<std::ptrdiff_t>(first->asked)},
               .next = first->next};
    // Whether there is a directive at EHLO, or at AUTH, in between.
    if (position.stage <= Stage::auth && first->spot.stage >= Stage::helo) {
      passed.asked.emplace_back(vsl::subject_session);
      if (world.classes().helos.back().null) passed.asked.emplace_back(vsl::subject_helo);
    }
    return passed;
  }
  look_as_the_layer(watch, world, position, trace);
  return Run{.outcome = vsl_outcome_of(trace), .asked = watch.asked(), .next = {}};
}

// A rule that passes and leaves nothing behind says nothing about the rules after it. So each is
// looked at by itself, and what comes after it takes its place: the work is the sum of what they
// ask, and not the product.
std::optional<Ref> VslExplorer::explore(VslWorld& world, Ehlo passing) {
  known_.clear();
  passing_ = passing;
  return from(world, {});
}

std::optional<Ref> VslExplorer::from(VslWorld& world, const Position& position) {
  if (const auto found = known_.find(position); found != known_.end()) return found->second;
  VslValues values;
  auto first = run(world, values, position);
  if (!first) return std::nullopt;
  std::vector<Position> nexts;
  auto made = explore(world, values, position, std::move(*first), nexts);
  if (!made) return std::nullopt;
  for (std::size_t at = 0; at < nexts.size(); ++at) {
    const auto behind = from(world, nexts[at]);
    if (!behind) return std::nullopt;
    const Leaf goes_on = first_position + static_cast<Leaf>(at);
    made = world.diagrams().apply(
        *made, *behind, [](Leaf, Leaf after) { return after; },
        [&](Leaf one) { return one == goes_on ? std::nullopt : std::optional(one); });
  }
  known_.emplace(position, *made);
  return made;
}

/// What is said of one text of a class has to hold for another: rules may have put together, from
/// pieces, the very text that stands for all. False: all has to begin again.
bool VslExplorer::holds_for_others(VslWorld& world, const VslValues& values,
                                   const Position& position, const Run& one) {
  auto other = run(world, values, position, Member::other);
  if (!other) return false;
  if (world.words().grew) return true;  // all is compared again
  const auto sorted = [](std::vector<std::string> asked) {
    std::ranges::sort(asked);
    return asked;
  };
  if (other->outcome == one.outcome && other->next == one.next &&
      sorted(other->asked) == sorted(one.asked)) {
    return true;
  }
  throw NotCompiled("script_call", "the rules tell apart texts that they do not name");
}

std::optional<Ref> VslExplorer::explore(VslWorld& world, VslValues& values,
                                        const Position& position, Run one,
                                        std::vector<Position>& nexts) {
  const auto next = std::ranges::find_if(
      one.asked, [&](const std::string& name) { return !values.contains(name); });
  if (next == one.asked.end()) {
    if (!holds_for_others(world, values, position, one)) return std::nullopt;
    if (!one.next) return world.diagrams().leaf(world.number(one.outcome));
    const auto known = std::ranges::find(nexts, *one.next);
    const auto at = static_cast<Leaf>(known - nexts.begin());
    if (known == nexts.end()) nexts.push_back(*one.next);
    return world.diagrams().leaf(first_position + at);
  }
  const std::string name = *next;
  const Variable variable = world.variable(name);
  std::vector<Ref> children;
  const std::size_t count = world.count(name);
  for (std::size_t value = 0; value < count; ++value) {
    values[name] = value;
    // The first run has this value already.
    auto again = value == 0 ? std::optional(one) : run(world, values, position);
    const auto child =
        again ? explore(world, values, position, std::move(*again), nexts) : std::nullopt;
    if (!child) {
      values.erase(name);
      return std::nullopt;
    }
    children.push_back(*child);
  }
  values.erase(name);
  return world.diagrams().choose(variable, children);
}

}  // namespace postern::plan
