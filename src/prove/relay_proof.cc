#include "prove/relay_proof.h"

#include <chrono>

#include <fmt/format.h>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>

#include "base/strangers.h"
#include "config/engine.h"
#include "policy/inquiry.h"
#include "policy/layer.h"
#include "policy/trace.h"
#include "replay/rederive.h"

namespace postern::app {

namespace {

using policy::Evidence;
using policy::Stage;

constexpr std::string_view foreign_domain = "foreign.example";
constexpr std::string_view plain_message =
    "From: someone@stranger.example\r\nSubject: hello\r\n\r\nhello\r\n";

/// The world of an unknown client without friends: DNS has no names, tables do not answer, and no
/// address is one of ours.
class EmptyWorld final : public policy::Gatherer {
 public:
  Task<void> gather(policy::Need needs, Evidence& evidence) override {
    if (policy::has(needs, policy::Need::rate_tokens)) evidence.rate_tokens = 0;
    if (policy::has(needs, policy::Need::spf)) evidence.spf.emplace();
    if (policy::has(needs, policy::Need::dkim)) evidence.dkim.emplace();
    if (policy::has(needs, policy::Need::dmarc)) evidence.dmarc.emplace();
    if (policy::has(needs, policy::Need::arc)) evidence.arc.emplace();
    co_return;
  }
  Task<void> ask(dns::Question question, Evidence& evidence) override {
    dns::Answer none{.status = dns::Status::nx_domain, .records = {}};
    evidence.dns.push_back({std::move(question), std::move(none)});
    co_return;
  }
  Task<void> consult(policy::Consultation question, Evidence& evidence) override {
    question.failed = true;
    question.answer = "not asked";
    evidence.consulted.push_back(std::move(question));
    co_return;
  }
  std::optional<std::string_view> message() override { return plain_message; }
};

class Prover {
 public:
  Prover(policy::Engine engine, std::string hostname)
      : engine_(std::move(engine)), hostname_(std::move(hostname)) {}

  std::optional<RelayWitness> at(const ListenerConfig& listener) {
    for (const std::string& sender :
         {std::string("someone@stranger.example"), std::string(), "postmaster@" + hostname_}) {
      const auto client = stranger_where(
          [&](const IpAddress& address) { return relays(listener, address, sender); });
      if (!client) continue;
      relays(listener, *client, sender);
      return RelayWitness{.listener = listener.name,
                          .client = *client,
                          .sender = sender,
                          .layer = layer_,
                          .origin = origin_};
    }
    return std::nullopt;
  }

 private:
  bool relays(const ListenerConfig& listener, const IpAddress& client, const std::string& sender) {
    // Scripts that wait or compute until they are stopped would hold up the check for minutes.
    if (Clock::now() - began_ > longest) return false;
    Evidence evidence;
    evidence.session.id = "01ARZ3NDEKTSV4RRFFQ69G5FAV";
    evidence.session.listener = listener.name;
    evidence.session.client_ip = client;
    evidence.session.client_port = 40'000;
    evidence.session.server_ip = listener.address.address;
    evidence.session.server_port = listener.address.port;
    evidence.session.connected = std::chrono::system_clock::now();
    evidence.session.helo = "stranger.example";
    evidence.session.esmtp = true;
    evidence.message_id = evidence.session.id;
    if (const auto at = sender.find('@'); at != std::string::npos) {
      evidence.reverse_path = mail::Mailbox{sender.substr(0, at), sender.substr(at + 1)};
    }
    bool granted = false;
    boost::asio::io_context loop(1);
    boost::asio::co_spawn(loop, dialogue(evidence), [&](std::exception_ptr error, bool answer) {
      granted = !error && answer;
    });
    loop.run();
    return granted;
  }

  /// Whether a plain message to a foreign domain is accepted and passed on.
  Task<bool> dialogue(Evidence& evidence) {
    for (const Stage stage : {Stage::connect, Stage::helo, Stage::mail}) {
      const bool goes_on = co_await lets_through(stage, evidence);
      if (!goes_on) co_return false;
    }
    evidence.consider({.address = {"victim", std::string(foreign_domain)}, .route = {}});
    const policy::Decision decision = co_await engine_.decide(Stage::rcpt, evidence, world_);
    const policy::EffectNote* grant = policy::relay_grant(decision);
    if (policy::refused(decision) || decision.quarantine || grant == nullptr) co_return false;
    layer_ = grant->layer;
    origin_ = grant->place;
    evidence.recipients.push_back(*evidence.candidate);
    evidence.candidate.reset();
    const bool has_data = co_await lets_through(Stage::data, evidence);
    if (!has_data) co_return false;
    evidence.message = policy::facts_of(plain_message);
    const bool accepted = co_await lets_through(Stage::message, evidence);
    co_return accepted && !evidence.discard;
  }

  Task<bool> lets_through(Stage stage, Evidence& evidence) {
    if (!engine_.speaks_at(stage)) co_return true;
    const policy::Decision decision = co_await engine_.decide(stage, evidence, world_);
    co_return !policy::refused(decision) && !decision.quarantine;
  }

  using Clock = std::chrono::steady_clock;
  static constexpr std::chrono::seconds longest{1};

  const policy::Engine engine_;
  const std::string hostname_;
  const Clock::time_point began_ = Clock::now();
  EmptyWorld world_;
  std::string layer_;
  std::string origin_;
};

}  // namespace

std::string RelayWitness::dialogue() const {
  return fmt::format(
      ", an open relay: a client at {} says MAIL FROM:<{}> and RCPT TO:<victim@{}>, and is "
      "answered "
      "250",
      client.to_string(), sender, foreign_domain);
}

std::optional<RelayWitness> find_open_relay(const Config& config) {
  // A copy, as records have it: its scripts reach no server, file or log, and what they remember
  // stays in the copy.
  Result<policy::Engine> copy = replay::engine_from(engine_for(config).definition());
  if (!copy) return std::nullopt;
  Prover prover(std::move(*copy), config.server.hostname);
  for (const ListenerConfig& listener : config.listeners) {
    if (auto witness = prover.at(listener)) return witness;
  }
  return std::nullopt;
}

std::optional<Diagnostic> open_relay_warning(const Config& config) {
  // Lists alone are proved by their linter.
  if (!config.lua.loaded && !config.vsl.loaded) return std::nullopt;
  if (config.lua.open_relay_is_known || config.vsl.open_relay_is_known ||
      config.restrictions.section.open_relay_is_known) {
    return std::nullopt;
  }
  const auto witness = find_open_relay(config);
  if (!witness) return std::nullopt;
  const bool by_vsl = witness->layer == "vsl";
  Diagnostic diagnostic;
  diagnostic.severity = Severity::warning;
  diagnostic.code = by_vsl ? "V004" : "L003";
  diagnostic.file = by_vsl ? config.vsl.policy : config.lua.policy;
  diagnostic.message =
      fmt::format("the policy lets unknown clients send mail anywhere{}{}",
                  witness->origin.empty() ? "" : " (" + witness->origin + ")", witness->dialogue());
  diagnostic.hint = fmt::format(
      "grant relaying to your own clients or domains alone; for an open relay on purpose, see "
      "`postern help {}`",
      diagnostic.code);
  return diagnostic;
}

}  // namespace postern::app
