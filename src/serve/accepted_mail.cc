#include "serve/accepted_mail.h"

#include <algorithm>
#include <set>

#include <fmt/format.h>

#include "base/io_error.h"
#include "base/subscriber.h"
#include "base/text.h"
#include "base/ulid.h"
#include "dialect/restrictions/verification.h"
#include "policy/record.h"
#include "policy/replies.h"
#include "queue/stored.h"
#include "relay/destination.h"
#include "serve/delivery_agents.h"
#include "telemetry/log.h"
#include "telemetry/metrics.h"
#include "telemetry/outage.h"

namespace postern::app {
namespace {

using spool::RouteKind;
using spool::State;

/// Larger messages are in files, and trace fields are added on a worker thread.
constexpr std::uint64_t offload_from = spool::Body::in_memory_limit;

smtp::Reply accepted(std::string text) {
  return {.code = 250, .enhanced = {2, 0, 0}, .text = std::move(text)};
}

State state_of_ruling(const gateway::MessageSink::Ruling& ruling) {
  if (ruling.quarantine) return State::quarantined;
  if (ruling.afterwards.code == 0) return State::queued;
  return ruling.afterwards.temporary() ? State::held : State::dead;
}

/// Why the message is not queued, as shown to operators.
std::string reason_of(const gateway::MessageSink::Ruling& ruling) {
  return ruling.afterwards.code == 0 ? std::string() : ruling.afterwards.to_string();
}

/// The recipients that were senders of this server's probes at RCPT. That depends on the time, so
/// what the lists were told stands.
std::set<std::string> senders_of_probes(const policy::Evidence& evidence) {
  namespace lists = dialect::restrictions;
  std::set<std::string> found;
  for (const policy::Consultation& one : evidence.consulted) {
    if (one.service != policy::probe_sender_service || one.in_shadow || one.failed) continue;
    if (one.answer == "yes") found.emplace(policy::verified_address(one.request));
  }
  return found;
}

/// A part of an address as a file name; characters that could change the directory are
/// percent-encoded.
std::string file_name(std::string_view text) {
  std::string name;
  for (const char c : text) {
    const bool plain = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_' ||
                       c == '+' || c == '=' || (c == '.' && !name.empty());
    if (plain) {
      name += c;
    } else {
      name += fmt::format("%{:02x}", static_cast<unsigned char>(c));
    }
  }
  return name;
}

/// The mailbox directory of a recipient, from a template with {domain} and {local}.
std::string folder_of(std::string path, const mail::Mailbox& address) {
  for (const auto& [word, part] :
       {std::pair("{domain}", &address.domain), std::pair("{local}", &address.local_part)}) {
    const std::string name = file_name(lower(*part));
    for (std::size_t at = path.find(word); at != std::string::npos; at = path.find(word)) {
      path.replace(at, std::string_view(word).size(), name);
    }
  }
  return path;
}

}  // namespace

smtp::Reply reply_of_spool(const Error& error) {
  if (has_no_room(error)) return policy::replies::no_room();
  return {451, {4, 3, 0}, "local storage trouble, try again later"};
}

void AcceptedMail::note_refusal(const Error& error) const {
  telemetry::log::store_error(error);
  // A disk of this machine may be full in a cluster, too: large messages are received on it.
  const bool is_here = !settings_.in_database || error.fault == Fault::disk_full;
  const char* reason = !is_here ? "database" : has_no_room(error) ? "full" : "disk";
  telemetry::metrics().spool_refusals.counter({reason}).add();
}

std::optional<smtp::Reply> AcceptedMail::trouble(std::uint64_t octets) const {
  const Result<void> ready = rooms_.spool.ready(octets);
  if (ready) return by_old_rules();
  note_refusal(ready.error());
  return reply_of_spool(ready.error());
}

std::optional<smtp::Reply> AcceptedMail::by_old_rules() const {
  const Result<void> recent = rooms_.rules ? rooms_.rules() : Result<void>();
  if (recent) return std::nullopt;
  note_refusal(recent.error());
  return reply_of_spool(recent.error());
}

std::optional<smtp::Reply> AcceptedMail::refusal(const policy::Recipient& recipient) const {
  const auto relay = relay_.load();
  if (rooms_.postmaster != nullptr && !recipient.route.webhook &&
      iequals(recipient.address.unquoted_local_part(), "postmaster")) {
    const auto destination =
        destination_of(recipient, relay::qualified(recipient.address, *relay, settings_.hostname),
                       relay::any_sender, *relay);
    if (destination && is_postmasters(*destination) &&
        rooms_.postmaster->is_full(rooms_.measure_postmaster))
      return smtp::Reply{452, {4, 2, 2}, "mailbox full"};
  }
  if (recipient.route.webhook || answers_probe(recipient.address)) return std::nullopt;
  return relay::refusal_of(recipient.address, *relay, settings_.hostname);
}

bool AcceptedMail::is_postmasters(const spool::Destination& destination) const {
  return rooms_.postmaster != nullptr && destination.kind == spool::RouteKind::local &&
         destination.key == rooms_.postmaster->path();
}

gateway::MessageSink::QueueRun AcceptedMail::run_queue(const std::string& domain) {
  const auto relay = relay_.load();
  const auto destination = destination_of({}, {"postmaster", domain}, relay::any_sender, *relay);
  if (!destination || !rooms_.run_queue) return QueueRun::cannot;
  return rooms_.run_queue(domain, *destination);
}

struct AcceptedMail::Accepted {
  std::vector<spool::Mail> mails;
  std::vector<std::unique_ptr<deliver::LinkedFiles>> files;  ///< files that payloads link to
  std::string words;                                         ///< text of the 250 reply
  bool named = false;  ///< the reply names a mail for hosts, which has the message's own id
};

namespace {

bool has_webhook(const policy::Recipient& recipient) { return recipient.route.webhook != nullptr; }

}  // namespace

bool AcceptedMail::is_asked_at_once(const policy::Evidence& evidence, const Ruling& ruling) const {
  // An inbox keeps what it accepts: it is not called from the queue.
  const policy::Webhook& webhook = *evidence.subject()->route.webhook;
  const bool queued =
      (webhook.queued && webhook.target_url != "inbox") || state_of_ruling(ruling) != State::queued;
  return !queued || settings_.discards;
}

Task<smtp::Reply> AcceptedMail::take(std::vector<Copy> copies, Ruling ruling) {
  // A client may have waited long since MAIL and RCPT.
  if (auto old = by_old_rules()) co_return *old;
  const Time received = std::chrono::system_clock::now();
  Accepted accepted;
  std::vector<Copy> at_once;
  // Steps that may fail locally come first, and the commit comes last. A webhook that is called in
  // between recognizes the message by its webhook-id if the client sends it again.
  for (const Copy& copy : copies) {
    const auto& recipients = copy.evidence->recipients;
    if (std::any_of(recipients.begin(), recipients.end(), has_webhook)) {
      if (is_asked_at_once(*copy.evidence, ruling)) {
        at_once.push_back(copy);
      } else {
        smtp::Reply refused = co_await for_webhook(copy, ruling, received, accepted);
        if (refused.code != 0) co_return refused;
      }
    }
    if (!std::all_of(recipients.begin(), recipients.end(), has_webhook)) {
      smtp::Reply refused = co_await for_hosts(copy, ruling, received, accepted);
      if (refused.code != 0) co_return refused;
    }
  }
  smtp::Reply reply{.code = 0};
  for (const Copy& copy : at_once) {
    deliver::DeliveryOutcome outcome =
        co_await rooms_.webhooks.deliver(*copy.evidence, *copy.message, received, ruling.trace_id);
    reply = std::move(outcome.reply);
    if (!reply.positive()) co_return reply;
  }
  smtp::Reply kept = co_await put(std::move(accepted));
  if (reply.code == 0 || !kept.positive()) reply = std::move(kept);
  co_return reply;
}

Task<Result<std::vector<spool::MessageId>>> AcceptedMail::stored(Accepted& mail) {
  // Before the mail: a crash in between leaves files without mail, but never mail without its
  // files.
  for (const auto& files : mail.files) {
    const Result<void> kept =
        co_await queue::stored<void>([&](auto done) { files->keep(std::move(done)); });
    if (!kept) co_return fail(Fault::temporary, kept.error().message);
  }
  const auto begun = std::chrono::steady_clock::now();
  auto ids = co_await queue::stored<std::vector<spool::MessageId>>(
      [&](auto done) { rooms_.spool.put(std::move(mail.mails), std::move(done)); });
  static telemetry::Histogram waits = telemetry::metrics().spool_publish_wait.histogram({});
  if (ids) waits.observe(std::chrono::steady_clock::now() - begun);
  co_return ids;
}

Task<smtp::Reply> AcceptedMail::put(Accepted accepted_mail) {
  if (accepted_mail.mails.empty()) {
    co_return accepted(accepted_mail.words.empty() ? "ok" : accepted_mail.words);
  }
  auto kept = co_await stored(accepted_mail);
  if (!kept) {
    note_refusal(kept.error());
    // After a disk error it is unknown whether the mail was stored.
    const bool gone = kept.error().fault != Fault::permanent;
    for (const auto& files : accepted_mail.files) gone ? files->remove() : files->leave();
    co_return reply_of_spool(kept.error());
  }
  for (const auto& files : accepted_mail.files) files->leave();
  rooms_.wake();
  co_return accepted(std::move(accepted_mail.words));
}

Task<smtp::Reply> AcceptedMail::for_webhook(const Copy& copy, const Ruling& ruling, Time received,
                                            Accepted& accepted_mail) {
  deliver::DeliveryOutcome refused;
  auto kept = co_await rooms_.queued.keep(*copy.evidence, *copy.message, received, ruling.trace_id,
                                          state_of_ruling(ruling), refused);
  if (!kept) {
    if (refused.reply.code == 0 || refused.reply.positive()) {
      co_return reply_of_spool(kept.error());  // never 250 for a message that is not stored
    }
    co_return std::move(refused.reply);
  }
  if (ruling.quarantine) kept->envelope.recipients.front().quarantine = *ruling.quarantine;
  kept->envelope.recipients.front().last_reply = reason_of(ruling);
  accepted_mail.words = "accepted " + kept->id;
  accepted_mail.mails.push_back(
      {.envelope = std::move(kept->envelope), .body = std::move(kept->body)});
  if (kept->files) accepted_mail.files.push_back(std::move(kept->files));
  co_return smtp::Reply{.code = 0};
}

std::optional<spool::Destination> AcceptedMail::destination_of(const policy::Recipient& recipient,
                                                               const mail::Mailbox& address,
                                                               std::string_view sender,
                                                               const relay::RelayConfig& relay) {
  using Kind = policy::Transport::Kind;
  const policy::Transport transport = recipient.transport.value_or(policy::Transport{});
  switch (transport.kind) {
    case Kind::none:
      return std::nullopt;
    case Kind::forward:
      return spool::Destination{RouteKind::relay, RelayAgent::destination_to(transport.target)};
    case Kind::maildir:
      return spool::Destination{RouteKind::local, folder_of(relay.maildir_path, address)};
    case Kind::mbox:
      return spool::Destination{RouteKind::local, "mbox:" + folder_of(relay.mbox_path, address)};
    case Kind::deliver:
      break;
  }
  const relay::Route& route = relay::route_of(relay, address.local_part, address.domain, sender);
  if (route.kind == relay::Route::Kind::discard) return std::nullopt;
  if (route.kind == relay::Route::Kind::maildir) {
    return spool::Destination{RouteKind::local, route.path};
  }
  return spool::Destination{
      RouteKind::relay, relay::destination_of(relay, address.local_part, address.domain, sender)};
}

std::string AcceptedMail::account_of(const policy::Evidence& evidence) const {
  const auto& auth = evidence.session.auth;
  if (!auth || auth->granted.empty()) return {};
  const auto policy = rooms_.directory.policy(auth->granted.begin()->first);
  return policy ? policy->account_id : std::string();
}

spool::Envelope AcceptedMail::envelope_of(const policy::Evidence& evidence, const Ruling& ruling,
                                          Time received) const {
  spool::Envelope envelope{.id = evidence.message_id,
                           .received = received,
                           .smtputf8 = evidence.smtputf8,
                           .require_tls = evidence.require_tls,
                           .ret = evidence.ret,
                           .envid = evidence.envid,
                           .trace_id = ruling.trace_id};
  if (evidence.reverse_path) envelope.reverse_path = evidence.reverse_path->text();
  if (evidence.session.auth) envelope.authn_id = evidence.session.auth->username;
  envelope.account = account_of(evidence);
  const std::shared_ptr<const relay::RelayConfig> relay = relay_.load();
  const std::set<std::string> probed = senders_of_probes(evidence);
  for (const policy::Recipient& recipient : evidence.recipients) {
    if (recipient.route.webhook) continue;
    const mail::Mailbox address = relay::qualified(recipient.address, *relay, settings_.hostname);
    if (answers_probe(recipient.address, probed.contains(recipient.address.text()))) continue;
    const auto destination = destination_of(recipient, address, envelope.reverse_path, *relay);
    if (!destination) continue;  // accepted and discarded
    envelope.recipients.push_back({.address = address.text(),
                                   .destination = *destination,
                                   .state = state_of_ruling(ruling),
                                   .notify = recipient.notify,
                                   .orcpt = recipient.orcpt,
                                   .quarantine = ruling.quarantine.value_or(""),
                                   .last_reply = reason_of(ruling)});
  }
  return envelope;
}

Task<Result<spool::Body>> AcceptedMail::stamped(const Copy& copy, const std::string& id,
                                                Time received) {
  const Result<std::string_view> octets = copy.message->view();
  if (!octets) co_return tl::unexpected(octets.error());
  const policy::Evidence& evidence = *copy.evidence;
  const auto own = settings_.hostnames.find(evidence.session.listener);
  const bool named = own != settings_.hostnames.end();
  const deliver::StampOptions options{.hostname = named ? own->second : settings_.hostname,
                                      .authserv_id = settings_.hostname,
                                      .id = id,
                                      .time = received,
                                      .directory = settings_.temporary_directory,
                                      .trusted_client = evidence.trusted_client,
                                      .keys = &rooms_.keys,
                                      .policies = &rooms_.directory};
  const auto stamp = [&evidence, &options, text = *octets] {
    return deliver::stamped(evidence, text, options);
  };
  if (octets->size() <= offload_from) co_return stamp();
  // Turns by account; without one by user name or client address.
  net::Turn turn{.account = account_of(evidence)};
  if (turn.account.empty()) {
    turn.client = evidence.session.auth ? evidence.session.auth->username
                                        : subscriber_key(evidence.session.client_ip);
  }
  auto done = co_await rooms_.workers.run(std::move(turn), stamp);
  if (!done) co_return fail(Fault::temporary, "too much work is waiting");
  co_return std::move(*done);
}

Task<smtp::Reply> AcceptedMail::for_hosts(const Copy& copy, const Ruling& ruling, Time received,
                                          Accepted& accepted_mail) {
  if (accepted_mail.words.empty()) accepted_mail.words = settings_.discards ? "discarded" : "ok";
  if (settings_.discards) co_return smtp::Reply{.code = 0};
  spool::Envelope envelope = envelope_of(*copy.evidence, ruling, received);
  if (envelope.recipients.empty()) co_return smtp::Reply{.code = 0};
  // Of several versions the first one has the id that hooks used.
  if (accepted_mail.named || envelope.id.empty()) envelope.id = new_ulid();

  const Result<std::string_view> octets = copy.message->view();
  if (!octets) co_return reply_of_spool(octets.error());
  const std::size_t header_end = std::min(octets->find("\r\n\r\n"), octets->size());
  envelope.header_8bit = !is_ascii(octets->substr(0, header_end));
  envelope.body_8bit = !is_ascii(octets->substr(header_end));
  envelope.evidence = policy::write_evidence(*copy.evidence, ruling.trace_id);

  for (const spool::Recipient& one : envelope.recipients) {
    if (is_postmasters(one.destination)) rooms_.postmaster->add(octets->size());
  }
  auto body = co_await stamped(copy, envelope.id, received);
  if (!body) {
    telemetry::log::store_error(body.error());
    if (body.error().fault == Fault::malformed) {
      co_return smtp::Reply{550, {5, 6, 0}, "the message begins with white space (RFC 5322 §2.2)"};
    }
    co_return reply_of_spool({Fault::permanent, body.error().message});
  }
  if (!std::exchange(accepted_mail.named, true)) accepted_mail.words = "queued as " + envelope.id;
  accepted_mail.mails.push_back({.envelope = std::move(envelope), .body = std::move(*body)});
  co_return smtp::Reply{.code = 0};
}

}  // namespace postern::app
