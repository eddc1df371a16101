#include "gateway/transaction.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "base/io_error.h"
#include "base/subscriber.h"
#include "base/text.h"
#include "base/ulid.h"
#include "dialect/restrictions/verification.h"
#include "gateway/address_verification.h"
#include "gateway/consultation.h"
#include "policy/inquiry.h"
#include "policy/memory.h"
#include "policy/own_addresses.h"
#include "policy/replies.h"
#include "policy/webhook.h"
#include "telemetry/log.h"
#include "telemetry/metrics.h"
#include "telemetry/outage.h"

namespace postern::gateway {
namespace log = telemetry::log;
using policy::Stage;

namespace {

const smtp::Reply undecided{.code = 0, .enhanced = {}, .text = {}};

smtp::Reply reply_of(std::uint16_t code, smtp::EnhancedCode enhanced, std::string text) {
  return {.code = code, .enhanced = enhanced, .text = std::move(text)};
}

/// The reply to a command that would need more memory or descriptors than there are. The session
/// goes on unless it can do nothing at this stage.
smtp::Reply no_room(Stage stage) {
  if (stage < Stage::mail)
    return reply_of(421, {4, 3, 2}, "system resources are used up, try again later");
  return policy::replies::no_room();
}

/// No objection, perhaps in a rule's own words.
bool is_yes(const smtp::Reply& reply) { return reply.code < 400; }

/// The gateway itself refuses, for no layer's reason.
void refuse_for_no_layer(policy::Decision& decision, std::string_view check,
                         std::string_view origin, smtp::Reply reply) {
  decision.reply = reply;
  decision.steps.push_back({.stage = decision.stage,
                            .layer = "gateway",
                            .check = check,
                            .origin = std::string(origin),
                            .verdict = policy::refuse(reply.code, reply.enhanced, reply.text)});
}

/// An accepted recipient's memory, with its address in the set: the node, its slot in the table,
/// the text.
std::size_t memory_of_recipient(const policy::Recipient& recipient) {
  return policy::memory_of(recipient) + sizeof(std::string) + 5 * sizeof(void*) +
         recipient.address.text().size() + 16;
}

/// Identifies a recipient by its complete address. A webhook's address is our own and
/// case-insensitive; otherwise the domain is (already in lower case), and only its own host may
/// interpret the local part (RFC 5321 §2.4).
std::string key_of(const policy::Recipient& recipient, const policy::OwnNames& names) {
  const std::string text = policy::completed(recipient.address, names).text();
  return recipient.route.kind == policy::Route::Kind::webhook ? lower(text) : text;
}

Authenticator::Result no_place_for_login() {
  return {.kind = Authenticator::Result::Kind::unavailable,
          .identity = {},
          .reply = {},
          .known_name = {},
          .verifier = "descriptors",
          .trouble = "the limit of open files has no room for it now"};
}

std::string_view word_of(Authenticator::Result::Kind kind) {
  switch (kind) {
    case Authenticator::Result::Kind::accepted:
      return "ok";
    case Authenticator::Result::Kind::refused:
      return "failed";
    case Authenticator::Result::Kind::throttled:
      return "throttled";
    case Authenticator::Result::Kind::unavailable:
      return "busy";
  }
  return "error";
}

}  // namespace

Transaction::Transaction(std::shared_ptr<const ListenerSettings> settings, Services& services)
    : settings_(std::move(settings)), services_(services), charge_(services.resources.memory()) {
  evidence_.session.id = new_ulid();
  evidence_.session.listener = settings_->name;
}

Transaction::~Transaction() { drop_message(); }

namespace {

/// A wait for answers, which an exception ends as well. A session that lost its place during it is
/// closed at its next wait for the client.
class Waiting {
 public:
  explicit Waiting(net::PeerWaits* waits) : waits_(waits) {
    if (waits_ != nullptr) waits_->begin();
  }
  ~Waiting() {
    if (waits_ != nullptr) (void)waits_->end();
  }
  Waiting(const Waiting&) = delete;
  Waiting& operator=(const Waiting&) = delete;

 private:
  net::PeerWaits* const waits_;
};

}  // namespace

Task<void> Transaction::gather(policy::Need needs, policy::Evidence& evidence) {
  if (policy::has(needs, policy::Need::rate_tokens) && evidence.candidate &&
      evidence.candidate->route.webhook) {
    evidence.rate_tokens = services_.rates.tokens(*evidence.candidate->route.webhook);
  }
  needs = policy::without(needs, policy::Need::rate_tokens);
  if (needs == policy::Need::none) co_return;
  const Waiting waiting(waits_);
  co_await authentication().gather(needs, evidence);
}

void Transaction::count_signatures() {
  if (!evidence_.dkim || !sighted_.empty()) return;
  // Counts per account, so that mail to one account cannot block mail to another.
  const policy::Recipient* subject = evidence_.subject();
  const std::string account =
      subject != nullptr && subject->route.webhook ? subject->route.webhook->account_id : "";
  for (const auto& one : evidence_.dkim->signatures) {
    if (one.status != mailauth::dkim::Status::pass) continue;
    const auto key = services_.sightings.key_of(account + "\n" + one.signature.value);
    if (std::ranges::find(sighted_, key) != sighted_.end()) continue;  // twice in one header
    sighted_.push_back(key);
    const std::uint64_t seen = services_.sightings.add(key, SignatureSightings::Clock::now());
    dkim_seen_ = std::max(dkim_seen_, seen);
  }
}

std::string Transaction::replay_detail() const {
  return fmt::format("a passing DKIM signature in {} messages of 24 hours", dkim_seen_);
}

policy::Step Transaction::replay_step(policy::Verdict verdict) const {
  verdict.detail = replay_detail();
  return {.stage = Stage::message,
          .layer = "gateway",
          .check = "dkim_replay",
          .origin = "authentication.dkim_replay_limit",
          .verdict = std::move(verdict)};
}

void Transaction::note_replay() {
  if (dkim_seen_ <= 1 || !trace_) return;
  for (policy::Decision& decision : trace_->decisions) {
    if (decision.stage != Stage::message) continue;
    const policy::Step* refusal = policy::refusing_step(decision);
    if (refusal != nullptr && refusal->check == "dkim_replay") return;
    held_ -= policy::memory_of(decision);
    decision.steps.push_back(replay_step(policy::pass_on()));
    held_ += policy::memory_of(decision);
  }
}

Task<void> Transaction::ask(dns::Question question, policy::Evidence& evidence) {
  const Waiting waiting(waits_);
  co_await authentication().ask(std::move(question), evidence);
}

std::optional<std::string_view> Transaction::message() {
  if (!message_ || message_->dropped) return std::nullopt;
  const Result<std::string_view> text = message_->body.view();
  return text ? std::optional(*text) : std::nullopt;
}

Task<Result<std::string>> Transaction::verified(const policy::Consultation& question,
                                                const policy::Evidence& evidence) {
  using namespace dialect::restrictions;
  const std::string text(policy::verified_address(question.request));
  auto address = mail::parse_mailbox(text, mail::Utf8::allowed);
  if (!address) co_return fail(Fault::malformed, "the address cannot be sent on");
  AddressVerification* const addresses = settings_->addresses;
  if (addresses == nullptr) co_return fail(Fault::temporary, "addresses are not verified here");
  if (question.service == policy::probe_sender_service) {
    co_return std::string(addresses->is_probe_sender(*address) ? "yes" : "no");
  }
  if (is_ours(*address)) co_return "deliverable an address of a webhook";
  // The client, or who is named as the sender, chose the host that is asked.
  const Waiting waiting(waits_);
  std::string answer = co_await addresses->verify(
      {.address = std::move(*address),
       .ours = question.service == policy::verify_own_service,
       .client = evidence.session.client_ip},
      [this, waits = !evidence.in_shadow] { return !waits || (left_ && left_()); });
  co_return answer;
}

Task<void> Transaction::consult(policy::Consultation question, policy::Evidence& evidence) {
  if (policy::is_verification(question.service)) {
    const Result<std::string> answer = co_await verified(question, evidence);
    add_answer(std::move(question), answer, evidence);
    co_return;
  }
  co_await gateway::consult(std::move(question), settings_->authentication.decide_within,
                            settings_->tables, evidence);
}

Task<void> Transaction::wait(std::chrono::seconds time) {
  if (wait_) co_await wait_(time);
}

policy::MessageAuthentication& Transaction::authentication() {
  if (!authentication_) {
    resolver_.emplace(services_.resolver, subscriber_key(evidence_.session.client_ip));
    authentication_ = std::make_unique<policy::MessageAuthentication>(
        settings_->authentication, services_.authentication, *resolver_,
        [](std::string_view verdict, std::chrono::nanoseconds took) {
          telemetry::metrics().check_duration.histogram({verdict}).observe(took);
        });
  }
  return *authentication_;
}

class Transaction::Working {
 public:
  explicit Working(Transaction& transaction) : has_place_(transaction.work_.has_value()) {
    if (has_place_) return;
    own_ = transaction.services_.resources.work().take(transaction.evidence_.session.client_ip);
    has_place_ = own_.has_value();
  }
  explicit operator bool() const { return has_place_; }

 private:
  std::optional<WorkPlaces::Place> own_;
  bool has_place_;
};

Task<policy::Decision> Transaction::judged(const policy::Engine& engine, Stage stage,
                                           policy::Evidence& evidence) {
  if (const Working place(*this); place) {
    policy::Decision decision = co_await engine.decide(stage, evidence, *this);
    co_return decision;
  }
  co_return without_place(stage, evidence);
}

policy::Decision Transaction::without_place(Stage stage, const policy::Evidence& evidence) {
  policy::Decision decision{.stage = stage};
  decision.accepted = evidence.recipients.size();
  if (stage == Stage::rcpt && evidence.candidate) {
    decision.recipient = evidence.candidate->address.text();
    decision.candidate = evidence.candidate;
  }
  refuse_for_no_layer(decision, "descriptors", "", no_room(stage));
  return decision;
}

smtp::Reply Transaction::refuse_without_place(Stage stage) {
  policy::Decision decision = without_place(stage, evidence_);
  smtp::Reply reply = decision.reply;
  record(std::move(decision));
  (void)charge();
  return reply;
}

Task<smtp::Reply> Transaction::decide(Stage stage) {
  const auto engine = settings_->engine->get();
  if (!engine->speaks_at(stage)) co_return undecided;
  policy::Decision decision = co_await judged(*engine, stage, evidence_);
  if (!policy::refused(decision)) {
    if (stage == Stage::message && settings_->dkim_replay_limit > 0 && !message_->dropped) {
      co_await gather(policy::missing(policy::Need::dkim, evidence_), evidence_);
      count_signatures();
    }
    refuse_ourselves(stage, decision);
  }
  smtp::Reply reply = decision.reply;
  if (!policy::refused(decision) && decision.permit) reply = *decision.permit;
  record(std::move(decision));
  (void)charge();  // refusals are kept as well
  co_return reply;
}

void Transaction::refuse_ourselves(Stage stage, policy::Decision& decision) {
  if (const std::uint64_t limit = settings_->dkim_replay_limit;
      stage == Stage::message && limit > 0 && dkim_seen_ > limit) {
    decision.reply = reply_of(451, {4, 7, 0}, "DKIM signature seen too often, try again later");
    decision.steps.push_back(replay_step(
        policy::refuse(decision.reply.code, decision.reply.enhanced, decision.reply.text)));
    return;
  }
  std::size_t wanted = policy::memory_of(decision);
  if (stage == Stage::rcpt && evidence_.candidate) {
    const bool bare = is_incomplete(evidence_.candidate->address);
    policy::Recipient whole;
    if (bare) {
      whole = *evidence_.candidate;
      whole.address = completed(std::move(whole.address));
    }
    if (auto refusal = services_.sink.refusal(bare ? whole : *evidence_.candidate)) {
      return refuse_for_no_layer(decision, "next_hop", "", std::move(*refusal));
    }
    wanted += memory_of_recipient(*evidence_.candidate);
  }
  held_ += wanted;
  if (!charge()) refuse_for_no_layer(decision, "memory", "limits.memory", no_room(stage));
  held_ -= wanted;
}

void Transaction::record(policy::Decision decision) {
  if (!trace_) {
    trace_ = std::make_unique<policy::Trace>();
    // The client knows its message by this id: it is in the reply to the end of data.
    trace_->id = evidence_.message_id.empty() ? new_ulid() : evidence_.message_id;
    trace_->started = std::chrono::system_clock::now();
    trace_->decisions = std::exchange(before_, {});
  }
  // Refused credentials have their own log line.
  const bool of_credentials = decision.stage == Stage::auth && !decision.engine;
  if (policy::refused(decision) && !of_credentials) log_refusal(decision, evidence_, trace_.get());
  log_remarks(decision, evidence_, trace_.get());
  if (!decision.engine) decision.early = evidence_.session.early_talker;
  Fate& fate = fates_[static_cast<std::size_t>(decision.stage)];
  if (decision.quarantine) fate.hold = decision.quarantine;
  if (!decision.discarded) fate.discard = evidence_.discard;
  const std::size_t octets = policy::memory_of(decision);
  if (trace_->note(std::move(decision))) held_ += octets;
}

Task<smtp::Reply> Transaction::connected() { return decide(Stage::connect); }

bool Transaction::speaks_at_helo() const {
  return settings_->engine->get()->speaks_at(Stage::helo);
}

std::optional<std::vector<std::string>> Transaction::take_offered() {
  if (!evidence_.session.script) return std::nullopt;
  return std::exchange(evidence_.session.script->offered, std::nullopt);
}

Task<smtp::Reply> Transaction::helo(smtp::Helo event, std::vector<std::string> extensions) {
  // RFC 5321 §4.1.4: a refused name leaves everything as it was, also a transaction in progress; an
  // accepted one ends the transaction. So it is judged with evidence of its own.
  policy::Evidence asked = evidence_.greeted(std::move(event.name), event.extended);
  if (!extensions.empty()) {
    auto& script = asked.session.script;
    if (!script) script = std::make_shared<policy::ScriptSession>();
    script->extensions = std::move(extensions);
  }
  const auto engine = settings_->engine->get();
  std::optional<policy::Decision> decision;
  if (engine->speaks_at(Stage::helo)) {
    decision = co_await judged(*engine, Stage::helo, asked);
    if (!policy::refused(*decision)) refuse_ourselves(Stage::helo, *decision);
    if (policy::refused(*decision)) co_return refuse_helo(std::move(*decision), std::move(asked));
  }
  aborted();
  std::erase_if(before_, [](const policy::Decision& one) { return one.stage == Stage::helo; });
  fates_[static_cast<std::size_t>(Stage::helo)] = {};
  evidence_ = std::move(asked);
  if (!decision) co_return undecided;
  const smtp::Reply said = decision->permit.value_or(decision->reply);
  record(std::move(*decision));
  (void)charge();
  co_return said;
}

smtp::Reply Transaction::refuse_helo(policy::Decision decision, policy::Evidence asked) {
  const smtp::Reply reply = decision.reply;
  // It gets a trace of its own, which has the refused name. That of the transaction stays open.
  policy::Trace refused;
  refused.id = new_ulid();
  refused.started = std::chrono::system_clock::now();
  refused.outcome = reply.temporary() ? "deferred" : "rejected";
  const auto later = std::ranges::find_if_not(
      before_, [](const policy::Decision& one) { return one.stage == Stage::connect; });
  refused.decisions.assign(std::make_move_iterator(before_.begin()),
                           std::make_move_iterator(later));
  before_.erase(before_.begin(), later);
  recount();
  const bool in_transaction = evidence_.reverse_path.has_value();
  if (!in_transaction) {
    // The decision at connect, if the session's first trace has it already, and what it was made
    // from. MAIL forgets these answers.
    if (trace_) {
      for (const policy::Decision& one : trace_->decisions) {
        if (one.stage != Stage::connect) continue;
        refused.decisions.push_back(one);
        refused.decisions.back().counted = true;
      }
    }
    asked.dns.insert(asked.dns.begin(), evidence_.dns.begin(), evidence_.dns.end());
    asked.consulted.prepend(evidence_.consulted);
  }
  log_refusal(decision, asked, &refused);
  log_remarks(decision, asked, &refused);
  (void)refused.note(std::move(decision));
  std::size_t octets = 0;
  for (const policy::Decision& one : refused.decisions) octets += policy::memory_of(one);
  for (const policy::DnsRecord& one : asked.dns) octets += policy::memory_of(one);
  for (const policy::Consultation& one : asked.consulted) octets += policy::memory_of(one);
  asked.session.script.reset();  // no record has it, and each refusal would keep a copy
  refused.evidence = std::move(asked);
  refused.charge = std::make_shared<MemoryCharge>(services_.resources.memory(), octets);
  services_.recorder.ended(std::move(refused));
  // The refused name's DNS queries do not count for the next message. Those of an open transaction
  // stay counted.
  if (!in_transaction) authentication_.reset();
  return reply;
}

Task<tl::expected<smtp::ScramKeys, smtp::Reply>> Transaction::scram_keys(smtp::ScramName event) {
  policy::Decision asked{.stage = Stage::auth};
  const Working place(*this);
  if (!place) co_return tl::unexpected(refuse_auth(no_place_for_login(), std::move(asked)));
  auto keys = co_await services_.authenticator.scram_keys(std::move(event.authn_id),
                                                          evidence_.session.client_ip, asked.steps);
  if (!keys) {
    Authenticator::Result refused{.kind = keys.error()};
    if (!asked.steps.empty()) {
      refused.verifier = asked.steps.back().check;
      refused.trouble = asked.steps.back().verdict.detail;
    }
    co_return tl::unexpected(refuse_auth(std::move(refused), std::move(asked)));
  }
  scram_steps_ = std::move(asked.steps);
  co_return std::move(*keys);
}

smtp::Reply Transaction::refuse_auth(Authenticator::Result result, policy::Decision asked) {
  using Kind = Authenticator::Result::Kind;
  const bool failed = result.kind == Kind::refused;
  asked.reply = failed ? policy::replies::login_failed()
                       : policy::replies::trouble(policy::questions::TroubleReply::no_login);
  if (result.reply) asked.reply = std::move(*result.reply);
  smtp::Reply reply = asked.reply;
  record(std::move(asked));
  const bool trouble = result.kind == Kind::unavailable;
  auto line = failed    ? log::info("auth.failed")
              : trouble ? log::warning("auth.unavailable")
                        : log::info("auth.throttled");
  line.field("session", evidence_.session.id)
      .field("trace", trace_->id)
      .field("client_ip", evidence_.session.client_ip)
      .field("code", reply.code);
  if (trouble) line.field("rule", result.verifier).field("error", result.trouble);
  // A user may type the password as the name: unknown names do not appear in the log.
  if (failed) line.field("auth_id", result.known_name.empty() ? "unknown" : result.known_name);
  return reply;
}

Task<smtp::Reply> Transaction::auth(smtp::Auth event) {
  const std::string mechanism = event.mechanism;
  policy::Decision asked{.stage = Stage::auth};
  if (event.proof != smtp::Proof::none) asked.steps = std::move(scram_steps_);
  asked.reply.code = 0;
  const auto started = std::chrono::steady_clock::now();
  policy::Tape tape;
  policy::Inquiry inquiry(evidence_, *this, tape);
  Authenticator::Result result = no_place_for_login();
  if (const Working place(*this); place) {
    result = co_await services_.authenticator.verify(std::move(event), inquiry, asked.steps);
  }
  asked.login = std::move(tape.login);
  asked.took = std::chrono::steady_clock::now() - started;
  telemetry::metrics().smtp_auth_attempts.counter({mechanism, word_of(result.kind)}).add();
  if (result.kind != Authenticator::Result::Kind::accepted)
    co_return refuse_auth(std::move(result), std::move(asked));
  record(std::move(asked));
  evidence_.session.auth = std::move(result.identity);
  evidence_.session.auth->mechanism = mechanism;
  if (auto& script = evidence_.session.script) script->forget_identity();
  smtp::Reply refusal = co_await decide(Stage::auth);
  if (!is_yes(refusal)) {
    evidence_.session.auth.reset();
    co_return refusal;
  }
  co_return reply_of(235, {2, 7, 0}, "authentication successful");
}

Task<smtp::Reply> Transaction::mail(smtp::Mail event) {
  evidence_.reset_transaction();
  accepted_.clear();  // the keys of evidence_.recipients
  // A refused MAIL begins no transaction that could end: what rules did at it ends here.
  forget_fates(Stage::mail);
  forget_revoked();
  recount();
  evidence_.message_id = trace_ ? trace_->id : new_ulid();
  for (const Fate& fate : fates_) {
    if (fate.discard) evidence_.discard = fate.discard;
  }
  evidence_.reverse_path = std::move(event.reverse_path);
  evidence_.declared_size = event.size.value_or(0);
  evidence_.smtputf8 = event.smtputf8;
  evidence_.body_8bitmime = event.body_8bitmime;
  evidence_.require_tls = event.requiretls;
  evidence_.ret = std::move(event.ret);
  evidence_.envid = std::move(event.envid);
  switch (services_.resources.hindrance(evidence_.session.client_ip)) {
    case Resources::Shortage::none:
      break;
    case Resources::Shortage::descriptors:  // of this client or network: its trace says so
      co_return refuse_without_place(Stage::mail);
    case Resources::Shortage::memory:
    case Resources::Shortage::disk:
      co_return policy::replies::no_room();
  }
  if (auto trouble = services_.sink.trouble(evidence_.declared_size)) co_return *trouble;
  smtp::Reply said = co_await decide(Stage::mail);
  if (said.code != 0) co_return said;
  co_return reply_of(250, {2, 1, 0}, "sender ok");
}

policy::OwnNames Transaction::own_names() const {
  return {.hostname = settings_->session.hostname,
          .origin = settings_->origin,
          .appended = settings_->appended_domain};
}

policy::Recipient Transaction::recipient_of(mail::Mailbox address) const {
  policy::Route route = policy::route_of(services_.directory, address, own_names());
  return {.address = std::move(address), .route = std::move(route)};
}

mail::Mailbox Transaction::completed(mail::Mailbox address) const {
  return policy::completed(std::move(address), own_names());
}

bool Transaction::is_incomplete(const mail::Mailbox& address) const {
  // completed() copies; most addresses need no look at what is appended.
  return address.domain.empty() ||
         (!settings_->appended_domain.empty() && completed(address).domain != address.domain);
}

bool Transaction::has_incomplete_addresses() const {
  return (evidence_.reverse_path && is_incomplete(*evidence_.reverse_path)) ||
         std::ranges::any_of(evidence_.recipients,
                             [this](const auto& one) { return is_incomplete(one.address); });
}

bool Transaction::is_ours(const mail::Mailbox& address) {
  return recipient_of(address).route.kind != policy::Route::Kind::none;
}

void Transaction::forget_revoked() {
  policy::SessionFacts& session = evidence_.session;
  if (!session.auth || session.auth->granted.empty()) return;
  const policy::Authentication& auth = *session.auth;
  for (const auto& [id, stamp] : auth.granted) {
    const auto policy = services_.directory.policy(id);
    const policy::Credential* now = policy ? policy->credential(auth.username) : nullptr;
    if (now == nullptr || now->stamp != stamp) continue;
    // A tenant's grant does not extend an authentication that an operator granted.
    if (auth.tenant || !services_.operates || services_.operates(policy->account_id)) return;
  }
  log::info("auth.revoked")
      .field("session", session.id)
      .field("client_ip", session.client_ip)
      .msg("the credential was changed or revoked: the session is no longer authenticated");
  session.revoked = std::exchange(session.auth, std::nullopt);
  if (session.script) session.script->forget_identity();
  evidence_.revoked_meanwhile = !evidence_.recipients.empty();
}

void Transaction::take_edits() {
  const auto first = std::ranges::find_if(evidence_.recipients, [](const auto& one) {
    return one.route.kind == policy::Route::Kind::webhook;
  });
  if (first == evidence_.recipients.end()) return;
  const policy::Route& known = first->route;
  const auto webhook = services_.directory.webhook(known.webhook->id);
  const auto policy =
      webhook && webhook->policy_id ? services_.directory.policy(*webhook->policy_id) : nullptr;
  // Edits replace objects, and the first recipient was looked up first.
  if (webhook == known.webhook && policy == known.policy) return;
  for (policy::Recipient& one : evidence_.recipients) {
    if (one.route.kind != policy::Route::Kind::webhook) continue;
    policy::Route now = recipient_of(one.address).route;
    if (now.webhook == one.route.webhook && now.policy == one.route.policy) continue;
    one.judged = std::exchange(one.route, std::move(now));
  }
}

Task<smtp::Reply> Transaction::rcpt(smtp::Rcpt event) {
  // A client may have waited long since MAIL.
  if (auto trouble = services_.sink.trouble(evidence_.declared_size)) co_return *trouble;
  forget_revoked();
  evidence_.rate_tokens.reset();
  evidence_.candidate = recipient_of(std::move(event.forward_path));
  evidence_.candidate->notify = std::move(event.notify);
  evidence_.candidate->orcpt = std::move(event.orcpt);
  smtp::Reply said = co_await decide(Stage::rcpt);
  if (!is_yes(said)) {
    evidence_.candidate.reset();
    co_return said;
  }
  // A repeated mailbox is accepted but not added again.
  std::string key = key_of(*evidence_.candidate, own_names());
  if (!accepted_.contains(key)) {
    held_ += memory_of_recipient(*evidence_.candidate);
    (void)charge();  // decide() has checked that there is room
    accepted_.insert(std::move(key));
    evidence_.recipients.push_back(std::move(*evidence_.candidate));
  }
  evidence_.candidate.reset();
  if (said.code != 0) co_return said;
  co_return reply_of(250, {2, 1, 5}, "recipient ok");
}

Task<smtp::Reply> Transaction::vrfy(smtp::Vrfy event) {
  using Vrfy = policy::Evidence::Vrfy;
  forget_revoked();
  if (!event.in_transaction) evidence_.reset_transaction();
  evidence_.rate_tokens.reset();
  evidence_.candidate = recipient_of(std::move(event.mailbox));
  evidence_.vrfy = event.in_transaction ? Vrfy::in_transaction : Vrfy::before_mail;
  const bool trusted = evidence_.trusted_client;
  // Not in the trace: VRFY adds no recipient. For that reason limits of this transaction and of
  // the gateway's memory do not count, as limits.recipients does not (RFC 5321 §4.1.1.6).
  const auto engine = settings_->engine->get();
  const policy::Decision decision = co_await judged(*engine, Stage::rcpt, evidence_);
  if (policy::refused(decision)) log_refusal(decision, evidence_, trace_.get());
  log_remarks(decision, evidence_, trace_.get());
  evidence_.candidate.reset();
  evidence_.vrfy = Vrfy::no;
  // That rules trust the client for this address is about no message; a DISCARD stays, as in
  // Postfix.
  evidence_.trusted_client = trusted;
  if (!event.in_transaction) evidence_.reset_transaction();
  if (policy::refused(decision)) co_return decision.reply;
  co_return reply_of(252, {2, 0, 0}, "send some mail, I will try my best");
}

Task<smtp::Reply> Transaction::etrn(smtp::Etrn event) {
  forget_revoked();
  evidence_.etrn = event.domain;
  const auto engine = settings_->engine->get();
  const policy::Decision decision = co_await judged(*engine, Stage::rcpt, evidence_);
  if (policy::refused(decision)) log_refusal(decision, evidence_, nullptr);
  log_remarks(decision, evidence_, nullptr);
  evidence_.reset_transaction();
  if (policy::refused(decision)) co_return decision.reply;
  const std::string domain = smtp::echo(event.domain);
  switch (services_.sink.run_queue(event.domain)) {  // RFC 1985 §5.3
    case MessageSink::QueueRun::started:
      co_return reply_of(250, {}, "queuing for " + domain + " started");
    case MessageSink::QueueRun::recent:
      co_return reply_of(250, {}, "queuing for " + domain + " was started a moment ago");
    case MessageSink::QueueRun::cannot:
      break;
  }
  co_return reply_of(458, {}, "unable to queue messages for " + domain + " now, try later");
}

Task<smtp::Reply> Transaction::data() {
  forget_revoked();
  smtp::Reply refusal = co_await decide(Stage::data);
  if (!is_yes(refusal)) co_return refusal;
  message_ = std::make_unique<Message>(Message{.body = spool::Body(settings_->body_directory),
                                               .scanner = {},
                                               .charge = MemoryCharge(services_.resources.memory()),
                                               .trouble = {}});
  const policy::Recipient* subject = evidence_.subject();
  const auto policy = subject ? subject->route.policy : nullptr;
  authentication().begin(policy ? &policy->dkim_domains : nullptr);
  co_return undecided;
}

void Transaction::chunk(std::string_view bytes) {
  if (!message_) return;
  const bool in_header = !message_->scanner.in_body();
  message_->scanner.feed(bytes);
  if (message_->dropped) return;
  if (in_header && is_header_over()) return let_go();
  authentication_->feed(bytes);
  if (message_->body.size() + bytes.size() > spool::Body::in_memory_limit && !take_place()) {
    message_->without_place = true;
    return let_go();
  }
  if (Result<void> appended = message_->body.append(bytes); !appended) {
    message_->trouble = appended.error();
    return let_go();
  }
  if (!message_->charge.set(message_->body.memory() + authentication_->memory())) {
    message_->trouble = Error{Fault::temporary, "limits.memory is used up"};
    let_go();
  }
}

bool Transaction::is_header_over() const {
  const smtp::Limits& limits = settings_->session.limits;
  const mail::HeaderScanner& header = message_->scanner;
  return header.size() > limits.header_size ||
         header.fields() + header.odd_lines() > limits.header_fields;
}

void Transaction::let_go() {
  message_->dropped = true;
  message_->body.clear();
  work_.reset();
  authentication_.reset();
  message_->charge.clear();
}

bool Transaction::take_place() {
  if (!work_) work_ = services_.resources.work().take(evidence_.session.client_ip);
  return work_.has_value();
}

Task<smtp::Reply> Transaction::end_of_data(std::uint64_t size) {
  ++messages_;
  if (message_->without_place || (!message_->trouble && !take_place())) {
    smtp::Reply deferred = refuse_without_place(Stage::message);
    settle(deferred);
    co_return deferred;
  }
  if (message_->trouble) {
    log::store_error(*message_->trouble).field("session", evidence_.session.id);
    smtp::Reply deferred = has_no_room(*message_->trouble)
                               ? policy::replies::no_room()
                               : reply_of(451, {4, 3, 0}, "local storage trouble");
    settle(deferred);
    co_return deferred;
  }
  message_->scanner.finish();
  evidence_.message = policy::facts_of(size, message_->scanner);
  forget_revoked();
  take_edits();
  smtp::Reply reply = co_await decide(Stage::message);
  const bool accepted = is_yes(reply);
  smtp::Reply afterwards = undecided;
  if (accepted && !evidence_.discard) afterwards = co_await decide_afterwards();
  if (message_->dropped) {
    // Refused even if the rules, which may have changed, accept it: its data is gone.
    if (accepted) reply = reply_of(554, {5, 6, 0}, "header section too large");
    settle(reply);
    co_return reply;
  }
  co_await authentication_->report(policy::reported_needs(!accepted, evidence_), evidence_);
  count_signatures();
  note_replay();
  if (!charge() && accepted) {
    settle(no_room(Stage::message));
    co_return no_room(Stage::message);
  }
  if (accepted) {
    smtp::Reply kept = reply_of(250, {2, 0, 0}, "ok");  // accepted and discarded, as a rule says
    if (!evidence_.discard) kept = co_await hand_on(afterwards);
    if (reply.code == 0 || !kept.positive()) reply = std::move(kept);
    log_end(reply);
  }
  settle(reply);
  co_return reply;
}

/// See docs/decisions/0035-postq-runs-before-the-250.md.
Task<smtp::Reply> Transaction::decide_afterwards() {
  smtp::Reply refusal = undecided;
  for (const Stage stage : {Stage::queued, Stage::delivery}) {
    refusal = co_await decide(stage);
    if (!is_yes(refusal)) break;
    refusal = undecided;
  }
  co_return refusal;
}

MessageSink::Ruling Transaction::ruling(const smtp::Reply& afterwards) const {
  MessageSink::Ruling ruling{.trace_id = {}, .quarantine = {}, .afterwards = afterwards};
  if (!trace_) return ruling;
  ruling.trace_id = trace_->id;
  for (const Fate& fate : fates_) {
    if (fate.hold) ruling.quarantine = fate.hold;
  }
  return ruling;
}

bool Transaction::charge() {
  for (; counted_dns_ < evidence_.dns.size(); ++counted_dns_) {
    held_ += policy::memory_of(evidence_.dns[counted_dns_]);
  }
  for (; counted_consultations_ < evidence_.consulted.size(); ++counted_consultations_) {
    held_ += policy::memory_of(evidence_.consulted[counted_consultations_]);
  }
  std::size_t copies = 0;
  for (const policy::ScriptCopy& copy : evidence_.copies) copies += policy::memory_of(copy);
  return charge_.set(held_ + copies);
}

void Transaction::recount() {
  held_ = counted_dns_ = counted_consultations_ = 0;
  for (const policy::Decision& one : before_) held_ += policy::memory_of(one);
  if (trace_) {
    for (const policy::Decision& one : trace_->decisions) held_ += policy::memory_of(one);
  }
  for (const policy::Recipient& one : evidence_.recipients) {
    held_ += memory_of_recipient(one);
  }
  (void)charge();
}

Task<smtp::Reply> Transaction::rewritten(smtp::Reply reply, std::optional<std::string> command) {
  policy::Tape tape;
  policy::Inquiry inquiry(evidence_, *this, tape);
  for (const auto* rewriter : {settings_->rewriter.get(), settings_->footer.get()}) {
    if (rewriter == nullptr) continue;
    reply = co_await rewriter->rewrite(std::move(reply), command, inquiry);
  }
  co_return reply;
}

}  // namespace postern::gateway
