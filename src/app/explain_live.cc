#include "app/explain_live.h"

#include <iostream>

#include <fmt/format.h>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/json/parse.hpp>

#include "app/input_file.h"
#include "base/ulid.h"
#include "dialect/webhook/layer.h"
#include "mail/header_scanner.h"
#include "policy/gateway_layer.h"

namespace postern::app {

using policy::Evidence;
using policy::Stage;
using policy::Trace;

policy::Engine engine_for(const Config& config) {
  return policy::Engine(
      {{std::make_shared<dialect::webhook::WebhookLayer>(config.limits.webhook_recipients)},
       {policy::gateway_layer(config.limits.session)}});
}

namespace {

/// A full bucket: what other mail has used of a rate limit only the running gateway knows.
class LiveGatherer final : public policy::Gatherer {
 public:
  Task<void> gather(policy::Need needs, Evidence& evidence) override {
    if (policy::has(needs, policy::Need::rate_tokens) && evidence.candidate) {
      evidence.rate_tokens = evidence.candidate->route.webhook->rate_limit_per_minute;
    }
    co_return;
  }
};

policy::MessageFacts facts_of(const std::string& message) {
  mail::HeaderScanner scanner;
  scanner.feed(message);
  scanner.finish();
  return {.size = message.size(),
          .header_fields = scanner.fields(),
          .header_size = scanner.size(),
          .received_fields = scanner.received_fields(),
          .from_fields = scanner.from_fields(),
          .message_id = scanner.message_id()};
}

Result<mail::Mailbox> address(const std::string& option, const std::string& text) {
  Result<mail::Mailbox> parsed = mail::parse_mailbox(text, mail::Utf8::allowed);
  if (parsed) return parsed;
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
  // AUTH is offered inside TLS only.
  if (options.tls || options.auth) session.tls = policy::Tls{"TLSv1.3", "TLS_AES_256_GCM_SHA384"};
  if (options.auth) {
    policy::Authentication identity;
    identity.username = std::string(policy::split_login(*options.auth).username);
    identity.mechanism = "PLAIN";
    for (const auto& match : directory.credentials(*options.auth, every)) {
      identity.granted.emplace(match.policy->id, match.stamp);
    }
    session.auth = std::move(identity);
  }
  return session;
}

/// The DNS answers given are the only ones there are; the checks of today ask for none, so the file
/// has to be what it should be and no more.
Result<void> check_dns(const ExplainOptions& options) {
  if (!options.dns) return {};
  const Result<std::string> text = read_input(options.dns->string(), std::cin);
  if (!text) return tl::unexpected(text.error());
  boost::system::error_code wrong;
  const boost::json::value parsed = boost::json::parse(*text, wrong);
  if (!wrong && parsed.is_object()) return {};
  return fail(Fault::malformed, options.dns->string() + ": not a JSON object of names");
}

Task<bool> decide(const policy::Engine& engine, std::vector<mail::Mailbox> recipients,
                  const policy::Directory& directory, Evidence& evidence, Trace& trace,
                  std::optional<policy::MessageFacts> message) {
  LiveGatherer gatherer;
  const auto ask = [&](policy::Decision decision) {
    const bool accepted = !policy::refused(decision);
    trace.note(std::move(decision));
    return accepted;
  };
  for (const Stage stage : {Stage::connect, Stage::helo, Stage::auth, Stage::mail}) {
    if (!engine.speaks_at(stage)) continue;
    policy::Decision decision = co_await engine.decide(stage, evidence, gatherer);
    if (!ask(std::move(decision))) co_return false;
  }
  for (mail::Mailbox& recipient : recipients) {
    policy::Route route = directory.resolve(recipient);
    evidence.consider({.address = std::move(recipient), .route = std::move(route)});
    policy::Decision decision = co_await engine.decide(Stage::rcpt, evidence, gatherer);
    if (ask(std::move(decision))) evidence.recipients.push_back(*evidence.candidate);
  }
  evidence.candidate.reset();
  if (evidence.recipients.empty()) co_return false;
  for (const Stage stage : {Stage::data, Stage::message}) {
    if (stage == Stage::message) evidence.message = message;
    if (!engine.speaks_at(stage) || (stage == Stage::message && !message)) continue;
    policy::Decision decision = co_await engine.decide(stage, evidence, gatherer);
    if (!ask(std::move(decision))) co_return false;
  }
  co_return true;
}

}  // namespace

Result<Trace> decide_live(const Config& config, const ExplainOptions& options,
                          const policy::Directory& directory) {
  if (const Result<void> dns = check_dns(options); !dns) return tl::unexpected(dns.error());
  Evidence evidence;
  evidence.session = session_of(config, options, directory);
  if (options.mail_from && !options.mail_from->empty()) {
    Result<mail::Mailbox> path = address("--from", *options.mail_from);
    if (!path) return tl::unexpected(path.error());
    evidence.reverse_path = std::move(*path);
  }
  std::vector<mail::Mailbox> recipients;
  for (const std::string& text : options.recipients) {
    Result<mail::Mailbox> recipient = address("--to", text);
    if (!recipient) return tl::unexpected(recipient.error());
    recipients.push_back(std::move(*recipient));
  }
  std::optional<policy::MessageFacts> message;
  if (options.message) {
    const Result<std::string> text = read_input(*options.message, std::cin);
    if (!text) return tl::unexpected(text.error());
    message = facts_of(with_crlf(*text));
  }

  Trace trace;
  trace.id = new_ulid();
  trace.started = std::chrono::system_clock::now();
  const policy::Engine engine = engine_for(config);
  bool accepted = false;
  boost::asio::io_context loop;
  boost::asio::co_spawn(
      loop, decide(engine, std::move(recipients), directory, evidence, trace, message),
      [&accepted](std::exception_ptr error, bool result) { accepted = !error && result; });
  loop.run();
  const std::uint64_t limit = config.limits.session.message_size;
  if (accepted && message && message->size > limit) {  // the session refuses it (RFC 1870 §6.3)
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
