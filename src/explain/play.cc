#include "explain/play.h"

#include <algorithm>
#include <memory>
#include <span>

#include <fmt/format.h>
#include <boost/asio/co_spawn.hpp>

#include "base/simulation.h"
#include "base/text.h"
#include "base/ulid.h"
#include "config/relay_options.h"
#include "config/room_options.h"
#include "config/verification_options.h"
#include "dialect/restrictions/remote_table.h"
#include "gateway/consultation.h"
#include "gateway/settings.h"
#include "policy/answers.h"
#include "policy/authentication.h"
#include "policy/consultations.h"
#include "policy/inquiry.h"
#include "policy/own_addresses.h"
#include "relay/destination.h"
#include "smtp/message_fault.h"
#include "smtp/server_session.h"

namespace postern::app {

using policy::Evidence;
using policy::Stage;
using policy::Trace;

namespace {

/// Answers about addresses without a probe, as the gateway would.
class Verifications {
 public:
  /// `lists` and the references outlive it.
  Verifications(const RestrictionsConfig& lists, const relay::RelayConfig& relay,
                const Scene& scene)
      : parameters_(verification_of(lists)),
        enforced_(!lists.section.shadow),
        relay_(relay),
        scene_(scene) {}

  /// Nullopt: only the running gateway can find out.
  std::optional<std::string> answer(std::string_view service, const mail::Mailbox& said) const {
    if (!parameters_) return std::nullopt;
    const auto now = scene_.now;
    if (service == policy::probe_sender_service) {
      return enforced_ && parameters_->is_probe_sender(said, now) ? "yes" : "no";
    }
    const mail::Mailbox address = relay::qualified(said, relay_, relay_.routing.hostname);
    const bool ours = service == policy::verify_own_service;
    if (const auto known = verified_at_once(*parameters_, relay_, address, ours, now)) {
      return verification_text(*known);
    }
    const auto found = scene_.remembered ? scene_.remembered(address.text()) : std::nullopt;
    if (found && verified_times(*parameters_).holds(found->verified.kind, now - found->found)) {
      return verification_text(found->verified);
    }
    return std::nullopt;
  }

 private:
  const std::shared_ptr<const dialect::restrictions::Verification> parameters_;
  const bool enforced_;
  const relay::RelayConfig& relay_;
  const Scene& scene_;
};

/// A resolver by which the client has this name, verified.
class NamedClient final : public dns::Resolver {
 public:
  NamedClient(dns::Resolver& inner, const IpAddress& address, std::string name)
      : inner_(inner),
        owner_(policy::reverse_name(address)),
        type_(address.is_v4() ? dns::Type::a : dns::Type::aaaa),
        address_(address.to_string()),
        name_(std::move(name)) {}

  Task<dns::Answer> lookup(dns::Question question, std::chrono::milliseconds limit) override {
    constexpr std::chrono::seconds ttl{60};
    if (question.type == dns::Type::ptr && question.name == owner_) {
      co_return dns::Answer{.status = dns::Status::found, .records = {name_}, .ttl = ttl};
    }
    const bool own = question.type == type_ && question.name == name_;
    dns::Answer answer = co_await inner_.lookup(std::move(question), limit);
    if (!own || std::ranges::find(answer.records, address_) != answer.records.end()) {
      co_return answer;
    }
    if (answer.status != dns::Status::found) answer = {.status = dns::Status::found, .ttl = ttl};
    answer.records.push_back(address_);
    co_return answer;
  }

 private:
  dns::Resolver& inner_;
  const std::string owner_;
  const dns::Type type_;
  const std::string address_;
  const std::string name_;
};

/// Rate limits count as unused: only the running gateway knows their state.
class PlayGatherer final : public policy::Gatherer {
 public:
  PlayGatherer(const Scene& scene, const policy::AuthenticationOptions& options,
               policy::AuthenticationCaches& caches, dns::Resolver& resolver,
               const Verifications& verifications, policy::OwnNames names)
      : scene_(scene),
        names_(names),
        verifications_(verifications),
        authentication_(options, caches, resolver) {}

  policy::MessageAuthentication& authentication() { return authentication_; }
  void set_message(std::string_view text) { message_ = text; }
  std::optional<std::string_view> message() override { return message_; }

  Task<void> gather(policy::Need needs, Evidence& evidence) override {
    if (policy::has(needs, policy::Need::rate_tokens) && evidence.candidate &&
        evidence.candidate->route.webhook) {
      evidence.rate_tokens = evidence.candidate->route.webhook->rate_limit_per_minute;
    }
    take_frozen(needs, evidence);
    co_await authentication_.gather(policy::without(needs, policy::Need::rate_tokens), evidence);
  }

  Task<void> report(policy::Need needs, Evidence& evidence) {
    take_frozen(needs, evidence);
    co_await authentication_.report(needs, evidence);
  }

  Task<void> ask(dns::Question question, Evidence& evidence) override {
    co_await authentication_.ask(std::move(question), evidence);
  }

  bool is_ours(const mail::Mailbox& address) override {
    return policy::route_of(scene_.directory, address, names_).kind != policy::Route::Kind::none;
  }

  Task<void> consult(policy::Consultation question, Evidence& evidence) override {
    if (const auto answer = verified(question)) {
      gateway::add_answer(std::move(question), *answer, evidence);
    } else if (scene_.others) {
      co_await scene_.others(std::move(question), evidence);
    } else {
      gateway::add_answer(std::move(question), fail(Fault::temporary, "nobody is asked"), evidence);
    }
  }

 private:
  /// DMARC takes SPF and DKIM with it.
  void take_frozen(policy::Need needs, Evidence& evidence) const {
    using policy::Need;
    const FrozenEvidence& frozen = scene_.frozen;
    const bool dmarc = policy::has(needs, Need::dmarc);
    if (frozen.spf && (dmarc || policy::has(needs, Need::spf))) evidence.spf = frozen.spf;
    if (frozen.dkim && (dmarc || policy::has(needs, Need::dkim))) evidence.dkim = frozen.dkim;
    if (frozen.author && dmarc) evidence.author = frozen.author;
    if (frozen.dmarc && dmarc) evidence.dmarc = frozen.dmarc;
    if (frozen.arc && policy::has(needs, Need::arc)) evidence.arc = frozen.arc;
  }

  /// The answer to a question about an address; nullopt: it is another one, or nobody knows.
  std::optional<std::string> verified(const policy::Consultation& question) {
    if (!policy::is_verification(question.service)) return std::nullopt;
    const std::string text(policy::verified_address(question.request));
    const auto address = mail::parse_mailbox(text, mail::Utf8::allowed);
    if (!address) return std::nullopt;
    const bool is_probe_sender = question.service == policy::probe_sender_service;
    if (!is_probe_sender && is_ours(*address)) return "deliverable an address of a webhook";
    return verifications_.answer(question.service, *address);
  }

  const Scene& scene_;
  const policy::OwnNames names_;
  const Verifications& verifications_;
  std::optional<std::string_view> message_;
  policy::MessageAuthentication authentication_;
};

/// The client's side of a session.
class Client {
 public:
  /// `options` outlives it.
  explicit Client(const smtp::ServerOptions& options) : session_(options) {}

  smtp::ServerSession& session() { return session_; }

  /// The event of a command, which is to be answered, or the session's own refusal.
  tl::expected<smtp::Event, smtp::Reply> says(const std::string& command) {
    if (session_.closed()) {
      return tl::unexpected(
          smtp::Reply{.code = 421, .enhanced = {4, 7, 0}, .text = "the session is over"});
    }
    line_ = command + "\r\n";
    session_.feed(line_);
    smtp::Event event = session_.next();
    (void)session_.take_output();
    const std::vector<smtp::Reply> refusals = session_.take_own_refusals();
    if (!refusals.empty()) return tl::unexpected(refusals.front());
    return event;
  }
  /// Answers the event; code 0: no objection.
  void answer(const smtp::Reply& reply, std::uint16_t positive) {
    const bool yes = reply.code < 400;
    session_.reply(yes ? smtp::Reply{.code = positive, .enhanced = {}, .text = "ok"} : reply);
    (void)session_.next();
    (void)session_.take_output();
  }

 private:
  smtp::ServerSession session_;
  std::string line_;
};

/// A listener as it serves a client, with a certificate and a source of accounts.
gateway::ListenerSettings served(const ListenerConfig& listener, const Config& config) {
  gateway::ListenerSettings settings = session_settings(listener, config);
  settings.session.starttls = listener.tls == gateway::ListenerTls::starttls ||
                              listener.tls == gateway::ListenerTls::required;
  settings.session.mechanisms = "PLAIN";
  return settings;
}

/// A listener, and how the client meets it.
struct Met {
  gateway::ListenerSettings listener;
  bool tls = false;  ///< the client uses TLS
};

/// The listener that the dialogue names; otherwise the first that offers what the client does, or
/// the first of all. A login comes with TLS; without it where that alone is offered, or where the
/// client means to.
Met met_by(const Dialogue& said, const Config& config) {
  std::span<const ListenerConfig> listeners = config.listeners;
  if (const auto* named = said.listener.empty() ? nullptr : listener_named(config, said.listener)) {
    listeners = {named, 1};
  }
  std::vector<bool> ways{said.tls || (said.login && !said.auth_in_clear)};
  if (said.login && !said.tls && !said.auth_in_clear) ways.push_back(false);
  for (const bool tls : ways) {
    for (const ListenerConfig& one : listeners) {
      gateway::ListenerSettings settings = served(one, config);
      const bool implicit = one.tls == gateway::ListenerTls::implicit;
      const smtp::ServerOptions& offered = settings.session;
      const bool fits =
          tls ? implicit || offered.starttls
              : one.tls == gateway::ListenerTls::none || one.tls == gateway::ListenerTls::starttls;
      const bool logs_in = offered.auth && (tls || offered.auth_without_tls);
      if (fits && (!said.login || logs_in)) return {std::move(settings), tls};
    }
  }
  const bool implicit = listeners.front().tls == gateway::ListenerTls::implicit;
  return {served(listeners.front(), config), ways.front() || (implicit && !said.listener.empty())};
}

/// One dialogue, with what gateway::Transaction keeps of it from command to command.
class Player {
 public:
  /// The arguments outlive it.
  Player(const Scene& scene, const Dialogue& said, const Met& met, const relay::RelayConfig& relay,
         policy::OwnNames names, PlayGatherer& gatherer)
      : scene_(scene),
        said_(said),
        relay_(relay),
        names_(names),
        gatherer_(gatherer),
        session_(met.listener.session),
        client_(met.listener.session),
        uses_tls_(met.tls) {
    policy::SessionFacts& session = evidence_.session;
    session.id = new_ulid();
    session.listener = met.listener.name;
    session.client_ip = said.client;
    const bool implicit = met.listener.tls == gateway::ListenerTls::implicit;
    tls_first_ = uses_tls_ && implicit;
  }

  /// Whether the message, or so much of it as there is, is accepted.
  Task<bool> run() {
    co_return co_await greeted() && co_await secured() && co_await authenticated() &&
        co_await sender_accepted() && co_await recipients_accepted() && co_await data_accepted();
  }

  Trace take() {
    // What scripts and dialects keep belongs to the engine, which the trace may outlive.
    evidence_.session.script.reset();
    evidence_.kept.clear();
    trace_.evidence = std::move(evidence_);
    return std::move(trace_);
  }

 private:
  bool take(policy::Decision decision) {
    const bool accepted = !policy::refused(decision);
    if (!decision.engine) decision.early = evidence_.session.early_talker;
    trace_.note(std::move(decision));
    return accepted;
  }

  Task<policy::Decision> decided(Stage stage) {
    const bool again = !tls_first_ && evidence_.session.tls.has_value();
    evidence_.session.early_talker = is_early(said_.early, stage, again);
    co_return co_await scene_.engine.decide(stage, evidence_, gatherer_);
  }

  Task<bool> asked(Stage stage) {
    if (!scene_.engine.speaks_at(stage)) co_return true;
    policy::Decision decision = co_await decided(stage);
    co_return take(std::move(decision));
  }

  Task<bool> greeted() {
    if (listener_named(scene_.config, said_.listener) == nullptr) {  // of a test
      co_return take(refusal(Stage::connect, "listener",
                             {.code = 421,
                              .enhanced = {4, 3, 2},
                              .text = "no listener is called " + printable(said_.listener, 64)}));
    }
    if (tls_first_) begin_tls();
    const bool accepted = co_await asked(Stage::connect);
    if (accepted) discard_at_connect_ = evidence_.discard;
    client_.session().greet();
    (void)client_.session().next();
    co_return accepted;
  }

  /// The event of a command. Nullopt: the session itself refuses, as it is noted then.
  std::optional<smtp::Event> said(const std::string& command, Stage stage,
                                  std::string recipient = {}) {
    auto event = client_.says(command);
    if (event) return std::move(*event);
    policy::Decision decision = refusal(stage, "session", event.error());
    decision.recipient = std::move(recipient);
    (void)take(std::move(decision));
    return std::nullopt;
  }

  Task<bool> ehlo() {
    const auto greeted = said("EHLO " + *said_.helo, Stage::helo);
    if (!greeted) co_return false;
    // The session leaves out blanks behind the name.
    const auto* name = std::get_if<smtp::Helo>(&*greeted);
    Evidence asked_with = evidence_.greeted(name != nullptr ? name->name : *said_.helo, true);
    asked_with.dns = std::move(evidence_.dns);  // the trace has all answers
    asked_with.consulted = std::move(evidence_.consulted);
    evidence_ = std::move(asked_with);
    const bool accepted = co_await asked(Stage::helo);
    if (!accepted) co_return false;
    discard_at_helo_ = evidence_.discard;
    client_.session().accept();
    (void)client_.session().next();
    co_return true;
  }

  /// EHLO, and with STARTTLS once more. A client may say STARTTLS without a name, too.
  Task<bool> secured() {
    const bool accepted = !said_.helo || co_await ehlo();
    if (!accepted || !uses_tls_ || tls_first_) co_return accepted;
    if (!said("STARTTLS", Stage::helo)) co_return false;
    forget_session();
    begin_tls();
    co_return !said_.helo || co_await ehlo();
  }

  void begin_tls() {
    evidence_.session.tls = policy::Tls{
        .version = "TLSv1.3", .cipher = "TLS_AES_256_GCM_SHA384", .starttls = !tls_first_};
    client_.session().tls_started();
  }

  /// RFC 3207 §4.2: as gateway::Transaction::tls_begins().
  void forget_session() {
    std::erase_if(trace_.decisions, [](const auto& one) { return one.stage != Stage::connect; });
    for (policy::Decision& one : trace_.decisions) one.before_tls = true;
    discard_at_helo_.reset();
    evidence_.session.helo.clear();
    evidence_.session.esmtp = false;
    if (auto& script = evidence_.session.script) {
      script->greeted_as.clear();
      script->meta = script->meta_at_connect;
      script->offered.reset();
    }
  }

  Task<bool> authenticated() {
    if (!said_.login) co_return true;
    policy::Authentication identity =
        identity_of(*said_.login, scene_.directory, scene_.config, said_.credential);
    std::string credentials(1, '\0');
    credentials += identity.username;
    credentials += '\0';
    credentials += "password";
    if (!said("AUTH PLAIN " + base64_encode(credentials), Stage::auth)) co_return false;
    evidence_.session.auth = std::move(identity);
    if (auto& script = evidence_.session.script) script->forget_identity();
    const bool accepted = co_await asked(Stage::auth);
    if (accepted) client_.answer({.code = 0}, 235);
    co_return accepted;
  }

  Task<bool> sender_accepted() {
    std::vector<policy::DnsRecord> answers = std::move(evidence_.dns);
    policy::Consultations consulted = std::move(evidence_.consulted);
    evidence_.reset_transaction();
    evidence_.dns = std::move(answers);
    evidence_.consulted = std::move(consulted);
    evidence_.message_id = new_ulid();
    for (const auto& discard : {discard_at_connect_, discard_at_helo_}) {
      if (discard) evidence_.discard = discard;
    }
    const std::string path = said_.mail_path.value_or(path_of(said_.sender));
    const bool utf8 = !is_ascii(path) || !std::ranges::all_of(paths(), is_ascii);
    auto event = said("MAIL FROM:" + path + (utf8 ? " SMTPUTF8" : ""), Stage::mail);
    if (!event) co_return false;
    auto& mail = std::get<smtp::Mail>(*event);
    evidence_.reverse_path = std::move(mail.reverse_path);
    evidence_.smtputf8 = mail.smtputf8;
    const bool accepted = co_await asked(Stage::mail);
    if (accepted) client_.answer({.code = 0}, 250);
    co_return accepted;
  }

  static std::string path_of(const std::optional<mail::Mailbox>& address) {
    return address ? "<" + address->text() + ">" : "<>";
  }

  std::vector<std::string> paths() const {
    if (!said_.rcpt_paths.empty()) return said_.rcpt_paths;
    std::vector<std::string> paths;
    for (const mail::Mailbox& one : said_.recipients) paths.push_back(path_of(one));
    return paths;
  }

  Task<bool> recipients_accepted() {
    for (const std::string& path : paths()) {
      const bool framed = path.size() > 2 && path.starts_with('<') && path.ends_with('>');
      auto event =
          said("RCPT TO:" + path, Stage::rcpt, framed ? path.substr(1, path.size() - 2) : path);
      if (!event) continue;
      mail::Mailbox recipient = std::move(std::get<smtp::Rcpt>(*event).forward_path);
      policy::Route route = policy::route_of(scene_.directory, recipient, names_);
      evidence_.consider({.address = std::move(recipient), .route = std::move(route)});
      policy::Decision decision = co_await decided(Stage::rcpt);
      ask_next_hop(*evidence_.candidate, decision);
      const smtp::Reply reply = decision.reply;
      if (take(std::move(decision))) evidence_.recipients.push_back(*evidence_.candidate);
      client_.answer(reply, 250);
    }
    evidence_.candidate.reset();
    co_return !evidence_.recipients.empty();
  }

  /// The check of the next hop after the layers accept a recipient.
  void ask_next_hop(policy::Recipient recipient, policy::Decision& decision) const {
    if (policy::refused(decision)) return;
    recipient.address = policy::completed(std::move(recipient.address), names_);
    if (recipient.route.webhook) return;
    const auto found = relay::refusal_of(recipient.address, relay_, names_.hostname);
    if (!found) return;
    decision.reply = *found;
    decision.steps.push_back(refusal(Stage::rcpt, "next_hop", *found).steps.front());
  }

  /// The gateway itself refuses.
  static policy::Decision refusal(Stage stage, std::string_view check, const smtp::Reply& reply) {
    policy::Decision decision{.stage = stage, .reply = reply};
    decision.steps.push_back({.stage = stage,
                              .layer = "gateway",
                              .check = check,
                              .origin = {},
                              .verdict = policy::refuse(reply.code, reply.enhanced, reply.text)});
    return decision;
  }

  Task<bool> data_accepted() {
    const bool begins = co_await asked(Stage::data);
    if (!begins || !said_.message) co_return begins;
    if (const auto fault = smtp::message_fault(*said_.message, session_)) {
      co_return take(refusal(Stage::message, "session", *fault));
    }
    const std::uint64_t limit = session_.limits.message_size;
    if (scene_.frozen.message && scene_.frozen.message->size > limit) {
      co_return take(refusal(Stage::message, "session", smtp::too_big(limit)));
    }
    const auto policy = evidence_.recipients.front().route.policy;
    gatherer_.set_message(*said_.message);
    gatherer_.authentication().begin(policy ? &policy->dkim_domains : nullptr);
    gatherer_.authentication().feed(*said_.message);
    evidence_.message =
        scene_.frozen.message ? scene_.frozen.message : policy::facts_of(*said_.message);
    policy::Decision decision = co_await decided(Stage::message);
    const bool accepted = take(std::move(decision));
    for (const Stage stage : {Stage::queued, Stage::delivery}) {
      if (!accepted || evidence_.discard) break;
      const bool goes_on = co_await asked(stage);
      if (!goes_on) break;
    }
    co_await gatherer_.report(policy::reported_needs(!accepted, evidence_), evidence_);
    co_return accepted;
  }

  const Scene& scene_;
  const Dialogue& said_;
  const relay::RelayConfig& relay_;
  const policy::OwnNames names_;
  PlayGatherer& gatherer_;
  const smtp::ServerOptions& session_;
  Client client_;
  bool uses_tls_;
  bool tls_first_ = false;  ///< the connection begins with TLS
  std::optional<std::string> discard_at_connect_;
  std::optional<std::string> discard_at_helo_;
  Evidence evidence_;
  Trace trace_;
};

/// Views of both.
policy::OwnNames names_of(const Config& config, const gateway::ListenerSettings& listener) {
  return {.hostname = config.server.hostname,
          .origin = listener.origin,
          .appended = listener.appended_domain};
}

/// Null: none is recorded.
const RecordedAnswers::Answer* find_answer(const RecordedAnswers& answers,
                                           const policy::Consultation& question) {
  auto request = answers.requests.find({question.service, question.request});
  if (request == answers.requests.end()) {
    const std::string state(protocol_state_of(question.request));
    request = answers.requests.find({question.service, state});
  }
  if (request != answers.requests.end()) return &request->second;
  const auto all = answers.services.find(question.service);
  return all != answers.services.end() ? &all->second : nullptr;
}

Task<void> answer_recorded(const RecordedAnswers& answers, policy::Consultation question,
                           Evidence& evidence) {
  const RecordedAnswers::Answer* answer = find_answer(answers, question);
  Result<std::string> given = fail(Fault::temporary, "no answer is recorded");
  if (answer != nullptr && *answer) given = **answer;
  if (answer != nullptr && !*answer) given = fail(Fault::temporary, "it does not answer");
  gateway::add_answer(std::move(question), given, evidence);
  co_return;
}

}  // namespace

Early moment_of(Stage stage, bool again) {
  switch (stage) {
    case Stage::connect:
      return Early::never;
    case Stage::helo:
      return again ? Early::second_ehlo : Early::ehlo;
    case Stage::auth:
      return Early::second_ehlo;
    case Stage::mail:
      return Early::mail;
    case Stage::rcpt:
      return Early::rcpt;
    case Stage::data:
    case Stage::message:
    case Stage::queued:
    case Stage::delivery:
      break;
  }
  return Early::data;
}

bool is_early(Early from, Stage stage, bool again) {
  return from != Early::never && from <= moment_of(stage, again);
}

std::string_view protocol_state_of(std::string_view request) {
  constexpr std::string_view name = "protocol_state=";
  for (const std::string_view line : split(request, '\n')) {
    if (line.starts_with(name)) return line.substr(name.size());
  }
  return {};
}

std::string_view asked_of(const policy::Consultation& question) {
  const bool is_policy_server = !dialect::restrictions::is_remote_table(question.service) &&
                                !question.service.starts_with(program_service) &&
                                !policy::is_verification(question.service);
  return is_policy_server ? protocol_state_of(question.request) : question.request;
}

const ListenerConfig* listener_named(const Config& config, std::string_view name) {
  if (name.empty()) return &config.listeners.front();
  const auto found = std::ranges::find(config.listeners, name, &ListenerConfig::name);
  return found == config.listeners.end() ? nullptr : &*found;
}

policy::Authentication identity_of(const std::string& login, const policy::Directory& directory,
                                   const Config& config,
                                   const std::optional<std::uint64_t>& credential) {
  constexpr std::size_t every = 256;
  policy::Authentication identity;
  identity.username = std::string(policy::split_login(login).username);
  identity.mechanism = "PLAIN";
  // As the verifier of policies sets it.
  const std::vector<std::string>& operators = config.api.operators;
  const auto operates = [&](const std::string& account) {
    return std::ranges::find(operators, account) != operators.end();
  };
  auto matches = directory.credentials(login, every);
  if (credential) {
    std::erase_if(matches, [&](const auto& match) { return match.stamp != *credential; });
  }
  identity.tenant = !matches.empty();
  for (const auto& match : matches) {
    identity.granted.emplace(match.policy->id, match.stamp);
    identity.tenant = identity.tenant && !operates(match.policy->account_id);
  }
  identity.authz_id = identity.username;
  return identity;
}

mail::Mailbox completed(mail::Mailbox address, const Config& config) {
  gateway::ListenerSettings listener;
  follow_lists(listener, config.restrictions);
  return policy::completed(std::move(address), names_of(config, listener));
}

policy::Route route_of(const mail::Mailbox& address, const policy::Directory& directory,
                       const Config& config) {
  gateway::ListenerSettings listener;
  follow_lists(listener, config.restrictions);
  return policy::route_of(directory, address, names_of(config, listener));
}

std::string recorded_answer(std::string_view service, const std::string& text) {
  namespace lists = dialect::restrictions;
  if (!lists::is_remote_table(service)) return text;
  return lists::recorded({lists::Found::Status::found, text, {}});
}

bool has_answer(const RecordedAnswers& answers, const policy::Consultation& question) {
  return find_answer(answers, question) != nullptr;
}

AskOthers others_from(const RecordedAnswers& answers) {
  return [&answers](policy::Consultation question, Evidence& evidence) {
    return answer_recorded(answers, std::move(question), evidence);
  };
}

Trace play(const Scene& scene, const Dialogue& dialogue) {
  const Met met = met_by(dialogue, scene.config);
  const policy::OwnNames names = names_of(scene.config, met.listener);
  // No connection is made: certificates and passwords are not needed.
  const relay::RelayConfig relay =
      read_relay(scene.config, RelayFiles::none, [](RelayComplaint) {});
  std::optional<NamedClient> named;
  if (dialogue.client_name) {
    named.emplace(scene.resolver, dialogue.client, *dialogue.client_name);
  }
  dns::Resolver& resolver = named ? static_cast<dns::Resolver&>(*named) : scene.resolver;
  policy::AuthenticationOptions authentication = authentication_options(scene.config);
  authentication.now = std::chrono::system_clock::to_time_t(scene.now);
  policy::AuthenticationCaches caches;
  const Verifications verifications(scene.config.restrictions, relay, scene);
  PlayGatherer gatherer(scene, authentication, caches, resolver, verifications, names);
  Player player(scene, dialogue, met, relay, names, gatherer);

  boost::asio::io_context own(1);
  boost::asio::io_context& loop = scene.loop != nullptr ? *scene.loop : own;
  bool accepted = false;
  boost::asio::co_spawn(loop, player.run(), [&](std::exception_ptr error, bool result) {
    accepted = !error && result;
    loop.stop();  // the resolver keeps the loop running
  });
  loop.restart();
  loop.run();
  Trace trace = player.take();
  trace.id = trace.evidence.message_id;
  if (trace.id.empty()) trace.id = new_ulid();
  trace.started = scene.now;
  const smtp::Reply reply = trace.settled();
  trace.outcome = accepted ? "accepted" : reply.temporary() ? "deferred" : "rejected";
  return trace;
}

}  // namespace postern::app
