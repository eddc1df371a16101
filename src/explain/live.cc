#include "explain/live.h"
#include "config/engine.h"

#include <algorithm>
#include <iostream>

#include <fmt/format.h>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>

#include "base/ulid.h"
#include "config/input_file.h"
#include "config/relay_options.h"
#include "config/room_options.h"
#include "config/verification_options.h"
#include "explain/dns_file.h"
#include "gateway/consultation.h"
#include "net/unbound_resolver.h"
#include "policy/authentication.h"
#include "policy/consultations.h"
#include "policy/own_addresses.h"
#include "relay/destination.h"

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
                const RememberedAddress& remembered)
      : parameters_(verification_of(lists)),
        enforced_(!lists.section.shadow),
        relay_(relay),
        remembered_(remembered) {}

  /// Nullopt: only the running gateway can find out.
  std::optional<std::string> answer(std::string_view service, const mail::Mailbox& said) const {
    if (!parameters_) return std::nullopt;
    const auto now = std::chrono::system_clock::now();
    if (service == policy::probe_sender_service) {
      return enforced_ && parameters_->is_probe_sender(said, now) ? "yes" : "no";
    }
    const mail::Mailbox address = relay::qualified(said, relay_, relay_.routing.hostname);
    const bool ours = service == policy::verify_own_service;
    if (const auto known = verified_at_once(*parameters_, relay_, address, ours, now)) {
      return verification_text(*known);
    }
    const auto found = remembered_ ? remembered_(address.text()) : std::nullopt;
    if (found && verified_times(*parameters_).holds(found->verified.kind, now - found->found)) {
      return verification_text(found->verified);
    }
    return std::nullopt;
  }

 private:
  const std::shared_ptr<const dialect::restrictions::Verification> parameters_;
  const bool enforced_;
  const relay::RelayConfig& relay_;
  const RememberedAddress& remembered_;
};

/// Rate limits count as unused: only the running gateway knows their state.
class LiveGatherer final : public policy::Gatherer {
 public:
  LiveGatherer(const policy::AuthenticationOptions& options, policy::AuthenticationCaches& caches,
               dns::Resolver& resolver, std::shared_ptr<gateway::RemoteTables> tables,
               const Verifications& verifications, const policy::Directory& directory,
               policy::OwnNames names)
      : directory_(directory),
        names_(names),
        verifications_(verifications),
        patience_(options.decide_within),
        tables_(std::move(tables)),
        authentication_(options, caches, resolver) {}

  policy::MessageAuthentication& authentication() { return authentication_; }
  void set_message(std::string_view text) { message_ = text; }
  std::optional<std::string_view> message() override { return message_; }

  Task<void> gather(policy::Need needs, Evidence& evidence) override {
    if (policy::has(needs, policy::Need::rate_tokens) && evidence.candidate) {
      evidence.rate_tokens = evidence.candidate->route.webhook->rate_limit_per_minute;
    }
    co_await authentication_.gather(policy::without(needs, policy::Need::rate_tokens), evidence);
  }

  Task<void> ask(dns::Question question, Evidence& evidence) override {
    co_await authentication_.ask(std::move(question), evidence);
  }

  bool is_ours(const mail::Mailbox& address) override {
    return policy::route_of(directory_, address, names_).kind != policy::Route::Kind::none;
  }

  Task<void> consult(policy::Consultation question, Evidence& evidence) override {
    if (const auto answer = verified(question)) {
      gateway::add_answer(std::move(question), *answer, evidence);
      co_return;
    }
    co_await gateway::consult(std::move(question), patience_, tables_, evidence);
  }

 private:
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

  const policy::Directory& directory_;
  const policy::OwnNames names_;
  const Verifications& verifications_;
  const std::chrono::milliseconds patience_;
  const std::shared_ptr<gateway::RemoteTables> tables_;
  std::optional<std::string_view> message_;
  policy::MessageAuthentication authentication_;
};

/// `bare`: the domain may be missing, as in an address of this server.
Result<mail::Mailbox> address(const std::string& option, const std::string& text, bool bare) {
  Result<mail::Mailbox> parsed = mail::parse_mailbox(text, mail::Utf8::allowed);
  if (parsed) return parsed;
  if (bare) {
    const auto path = mail::parse_postfix_path("<" + text + ">", mail::Utf8::allowed);
    if (path && path->length == text.size() + 2 && path->mailbox) return *path->mailbox;
  }
  return fail(Fault::malformed, fmt::format("{} {}: {}", option, text, parsed.error().message));
}

policy::SessionFacts session_of(const Config& config, const ExplainOptions& options,
                                const policy::Directory& directory) {
  constexpr std::size_t every = 256;
  policy::SessionFacts session;
  session.id = new_ulid();
  session.listener = config.listeners.front().name;
  session.client_ip = options.client_ip.value_or(IpAddress::v4(0x7f000001));
  session.helo = options.helo.value_or("[" + session.client_ip.to_string() + "]");
  session.esmtp = true;
  // AUTH is offered only inside TLS.
  if (options.tls || options.auth) session.tls = policy::Tls{"TLSv1.3", "TLS_AES_256_GCM_SHA384"};
  if (options.auth) {
    policy::Authentication identity;
    identity.username = std::string(policy::split_login(*options.auth).username);
    identity.mechanism = "PLAIN";
    // As the verifier of policies sets it; explain() has named the operators.
    const std::vector<std::string>& operators = config.api.operators;
    const auto operates = [&](const std::string& account) {
      return std::ranges::find(operators, account) != operators.end();
    };
    const auto matches = directory.credentials(*options.auth, every);
    identity.tenant = !matches.empty();
    for (const auto& match : matches) {
      identity.granted.emplace(match.policy->id, match.stamp);
      identity.tenant = identity.tenant && !operates(match.policy->account_id);
    }
    identity.authz_id = identity.username;
    session.auth = std::move(identity);
  }
  return session;
}

/// The answers of the --dns file, otherwise the configured name servers.
Result<std::unique_ptr<dns::Resolver>> resolver_for(const Config& config,
                                                    const ExplainOptions& options,
                                                    boost::asio::io_context& loop) {
  if (!options.dns) {
    auto opened = net::UnboundResolver::open(loop.get_executor(), resolver_options(config));
    if (!opened) return tl::unexpected(opened.error());
    return std::unique_ptr<dns::Resolver>(std::move(*opened));
  }
  return dns_from_file(options.dns->string(), std::cin);
}

struct Sent {
  std::vector<mail::Mailbox> recipients;
  policy::OwnNames names;
  relay::RelayConfig relay;
  std::optional<std::string> message;  ///< lines end in CRLF
};

/// The check of the next hop after the layers accept a recipient.
void ask_next_hop(const Sent& sent, policy::Recipient recipient, policy::Decision& decision) {
  if (policy::refused(decision)) return;
  recipient.address = policy::completed(std::move(recipient.address), sent.names);
  if (recipient.route.webhook) return;
  const auto refusal = relay::refusal_of(recipient.address, sent.relay, sent.names.hostname);
  if (!refusal) return;
  decision.reply = *refusal;
  decision.steps.push_back(
      {.stage = Stage::rcpt,
       .layer = "gateway",
       .check = "next_hop",
       .origin = {},
       .verdict = policy::refuse(refusal->code, refusal->enhanced, refusal->text)});
}

Task<bool> decide(const policy::Engine& engine, const Sent& sent,
                  const policy::Directory& directory, Evidence& evidence, Trace& trace,
                  LiveGatherer& gatherer) {
  const auto ask = [&](policy::Decision decision) {
    const bool accepted = !policy::refused(decision);
    trace.note(std::move(decision));
    return accepted;
  };
  // The client is not authenticated before the AUTH stage.
  std::optional<policy::Authentication> identity = std::exchange(evidence.session.auth, {});
  for (const Stage stage : {Stage::connect, Stage::helo, Stage::auth, Stage::mail}) {
    if (stage == Stage::auth) evidence.session.auth = std::move(identity);
    if (stage == Stage::auth && !evidence.session.auth) continue;
    if (!engine.speaks_at(stage)) continue;
    policy::Decision decision = co_await engine.decide(stage, evidence, gatherer);
    if (!ask(std::move(decision))) co_return false;
  }
  for (const mail::Mailbox& recipient : sent.recipients) {
    policy::Route route = policy::route_of(directory, recipient, sent.names);
    evidence.consider({.address = recipient, .route = std::move(route)});
    policy::Decision decision = co_await engine.decide(Stage::rcpt, evidence, gatherer);
    ask_next_hop(sent, *evidence.candidate, decision);
    if (ask(std::move(decision))) evidence.recipients.push_back(*evidence.candidate);
  }
  evidence.candidate.reset();
  if (evidence.recipients.empty()) co_return false;
  if (engine.speaks_at(Stage::data)) {
    policy::Decision decision = co_await engine.decide(Stage::data, evidence, gatherer);
    if (!ask(std::move(decision))) co_return false;
  }
  if (!sent.message) co_return true;
  const auto policy = evidence.recipients.front().route.policy;
  gatherer.set_message(*sent.message);
  gatherer.authentication().begin(policy ? &policy->dkim_domains : nullptr);
  gatherer.authentication().feed(*sent.message);
  evidence.message = policy::facts_of(*sent.message);
  policy::Decision decision = co_await engine.decide(Stage::message, evidence, gatherer);
  const bool accepted = ask(std::move(decision));
  for (const Stage stage : {Stage::queued, Stage::delivery}) {
    if (!accepted || evidence.discard || !engine.speaks_at(stage)) continue;
    policy::Decision afterwards = co_await engine.decide(stage, evidence, gatherer);
    if (!ask(std::move(afterwards))) break;
  }
  co_await gatherer.authentication().report(policy::reported_needs(!accepted, evidence), evidence);
  co_return accepted;
}

}  // namespace

Result<Trace> decide_live(const Config& config, const ExplainOptions& options,
                          const policy::Directory& directory, const RememberedAddress& remembered) {
  Evidence evidence;
  evidence.session = session_of(config, options, directory);
  gateway::ListenerSettings listener;
  follow_lists(listener, config.restrictions);
  const bool bare = listener.session.bare_addresses;
  if (options.mail_from && !options.mail_from->empty()) {
    Result<mail::Mailbox> path = address("--from", *options.mail_from, bare);
    if (!path) return tl::unexpected(path.error());
    evidence.reverse_path = std::move(*path);
  }
  Sent sent;
  sent.names = {.hostname = config.server.hostname,
                .origin = listener.origin,
                .appended = listener.appended_domain};
  // No connection is made: certificates and passwords are not needed.
  sent.relay = read_relay(config, RelayFiles::none, [](RelayComplaint) {});
  for (const std::string& text : options.recipients) {
    Result<mail::Mailbox> recipient = address("--to", text, bare);
    if (!recipient) return tl::unexpected(recipient.error());
    sent.recipients.push_back(std::move(*recipient));
  }
  if (options.message) {
    const Result<std::string> text = read_input(*options.message, std::cin);
    if (!text) return tl::unexpected(text.error());
    sent.message = with_crlf(*text);
  }

  Trace trace;
  trace.id = new_ulid();
  evidence.message_id = new_ulid();
  trace.started = std::chrono::system_clock::now();
  const policy::Engine engine = engine_for(config);
  boost::asio::io_context loop(1);
  const auto resolver = resolver_for(config, options, loop);
  if (!resolver) return tl::unexpected(resolver.error());
  const policy::AuthenticationOptions authentication = authentication_options(config);
  policy::AuthenticationCaches caches;
  net::WorkPool lookups(1, 1);
  const auto tables = std::make_shared<gateway::RemoteTables>(lookups);
  tables->replace(remote_tables(config));
  const Verifications verifications(config.restrictions, sent.relay, remembered);
  LiveGatherer gatherer(authentication, caches, **resolver, tables, verifications, directory,
                        sent.names);
  bool accepted = false;
  boost::asio::co_spawn(loop, decide(engine, sent, directory, evidence, trace, gatherer),
                        [&](std::exception_ptr error, bool result) {
                          accepted = !error && result;
                          loop.stop();  // the resolver keeps the loop running
                        });
  loop.run();
  const std::uint64_t limit = config.limits.session.message_size;
  if (accepted && sent.message && sent.message->size() > limit) {  // RFC 1870 §6.3
    trace.reply = {.code = 552,
                   .enhanced = {5, 3, 4},
                   .text = fmt::format("message exceeds {} octets", limit)};
    accepted = false;
  }
  trace.evidence = std::move(evidence);
  const smtp::Reply reply = trace.settled();
  trace.outcome = accepted ? "accepted" : reply.temporary() ? "deferred" : "rejected";
  return trace;
}

}  // namespace postern::app
