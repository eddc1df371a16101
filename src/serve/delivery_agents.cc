#include "serve/delivery_agents.h"

#include <algorithm>
#include <iterator>

#include <boost/json.hpp>

#include "base/ulid.h"
#include "deliver/maildir.h"
#include "deliver/mbox.h"
#include "deliver/stamp.h"
#include "policy/questions/authenticated.h"
#include "policy/questions/dkim.h"
#include "policy/questions/spf.h"
#include "policy/record.h"
#include "relay/destination.h"
#include "serve/relay_report.h"
#include "telemetry/log.h"
#include "telemetry/metrics.h"

namespace postern::app {
namespace questions = policy::questions;

namespace {

smtp::RecipientResult temporary(std::string why) {
  return {.klass = smtp::ResultClass::temporary, .enhanced = {4, 3, 0}, .text = std::move(why)};
}

relay::Time since_epoch(std::chrono::system_clock::time_point time) {
  return std::chrono::duration_cast<relay::Time>(time.time_since_epoch());
}

/// Prefix of a destination that a script named.
constexpr std::string_view named = "to ";
constexpr std::size_t most_named = 64;

/// Recipients per transaction, from the first recipient's route.
std::size_t at_a_time(const relay::RelayConfig& config, const queue::DeliveryTask& task) {
  const std::string& address = task.message.envelope.recipients[task.recipients.front()].address;
  const std::size_t at = std::min(address.rfind('@'), address.size());
  const std::string_view domain =
      std::string_view(address).substr(std::min(at + 1, address.size()));
  const relay::Route& route =
      relay::route_of(config, address.substr(0, at), domain, task.message.envelope.reverse_path);
  return std::max<std::size_t>(config.settings_of(route).max_recipients, 1);
}

/// The recipient's label in the metric relay_attempts.
std::string_view outcome_word(const relay::AttemptReport& report, std::size_t index) {
  const smtp::RecipientResult& result = report.results[index];
  if (result.klass == smtp::ResultClass::delivered) return "delivered";
  if (result.klass == smtp::ResultClass::permanent) return "permanent";
  if (report.connections.empty()) return "dns";  // before any connection was tried
  const smtp::EnhancedCode& code = result.enhanced;
  if (code.subject == 7 && (code.detail == 4 || code.detail == 5)) return "tls";
  if (result.code == 0 && code.subject == 4) return "unreachable";
  return "temporary";
}

void tell(const relay::AttemptReport& report, const queue::DeliveryTask& task) {
  for (std::size_t i = 0; i < report.results.size(); ++i) {
    telemetry::metrics().relay_attempts.counter({outcome_word(report, i)}).add();
  }
  if (!report.our_fault && !report.credentials_refused) return;
  telemetry::log::error("route.trouble")
      .field("route", task.destination.key)
      .field("message_id", task.message.id)
      .field("error", !report.trouble.empty() ? report.trouble
                      : report.our_fault      ? "the route has no usable next hop"
                                              : "the host refused our credentials");
}

tl::unexpected<Error> unreadable(const queue::Text& text) {
  if (text.trouble()) return tl::unexpected(*text.trouble());
  return fail(Fault::bug, "a stored message is shorter than its size");
}

}  // namespace

RelayAgent::RelayAgent(std::shared_ptr<const relay::RelayConfig> config, dns::Resolver& resolver)
    : resolver_(resolver), config_(std::move(config)) {}

void RelayAgent::follow(std::shared_ptr<const relay::RelayConfig> config) {
  config_.store(std::move(config));
}

relay::DestinationLimits RelayAgent::limits_of(const spool::Destination& destination) const {
  return relay::limits_of(*config_.load(), destination.key);
}

void RelayAgent::close() {
  if (courier_) courier_->close_idle();
  for (const auto& [key, courier] : named_) courier->close_idle();
}

std::string RelayAgent::destination_to(std::string_view target) {
  std::string hop(target);
  if (const auto address = IpAddress::parse(target)) {
    hop = "[" + address->to_string() + "]";
  } else if (const std::size_t colon = target.rfind(':'); colon != std::string_view::npos) {
    // An address with a port needs brackets; an IPv6 address already has them.
    if (const auto v4 = IpAddress::parse(target.substr(0, colon))) {
      hop = "[" + v4->to_string() + "]" + std::string(target.substr(colon));
    }
  }
  return std::string(named) + hop;
}

std::shared_ptr<relay::Courier> RelayAgent::courier_to(const std::string& key) {
  const relay::CourierOptions options{.longest_wait = used_->longest_wait};
  if (!key.starts_with(named)) return courier_;
  if (const auto found = named_.find(key); found != named_.end()) return found->second;
  auto config = std::make_shared<relay::RelayConfig>(*used_);
  config->routes = {};
  config->limits_at.clear();
  const auto route = relay::parse_route({key.substr(named.size())});
  if (!route || !config->routes.add("*", *route)) return nullptr;
  if (named_.size() >= most_named) {
    named_.begin()->second->close_idle();
    named_.erase(named_.begin());
  }
  return named_[key] = std::make_shared<relay::Courier>(std::move(config), resolver_, options);
}

Task<queue::Carried> RelayAgent::carry(const queue::DeliveryTask& task, queue::Text& text) {
  if (const auto config = config_.load(); config != used_) {
    close();
    named_.clear();
    courier_ = std::make_shared<relay::Courier>(
        config, resolver_, relay::CourierOptions{.longest_wait = config->longest_wait});
    used_ = config;
  }
  // A reload replaces both.
  const std::shared_ptr<relay::Courier> courier = courier_to(task.destination.key);
  const std::shared_ptr<const relay::RelayConfig> config = used_;
  const spool::Envelope& envelope = task.message.envelope;
  smtp::OutboundMessage message{.reverse_path = envelope.reverse_path,
                                .size = task.message.size,
                                .header_8bit = envelope.header_8bit,
                                .body_8bit = envelope.body_8bit,
                                .smtputf8 = envelope.smtputf8,
                                .requiretls = envelope.require_tls,
                                .ret = envelope.ret,
                                .envid = envelope.envid};
  queue::Carried carried;
  if (!courier) {
    carried.results.assign(task.recipients.size(),
                           temporary("no next hop has the name " + task.destination.key));
    co_return carried;
  }
  const auto read = [&text](std::uint64_t offset, std::size_t room) {
    return text.read(offset, room);
  };
  for (std::size_t done = 0; done < task.recipients.size();) {
    const std::size_t end = std::min(task.recipients.size(), done + at_a_time(*config, task));
    message.recipients.clear();
    for (; done < end; ++done) {
      const spool::Recipient& recipient = envelope.recipients[task.recipients[done]];
      message.recipients.push_back({recipient.address, recipient.notify, recipient.orcpt});
    }
    relay::AttemptReport report = co_await courier->attempt(message, read, task.until);
    tell(report, task);
    if (auto line = telemetry::log::debug("relay.attempt")) {
      line.field("message_id", task.message.id)
          .field("route", task.destination.key)
          .field("attempt", task.attempt)
          .msg(boost::json::serialize(attempt_json(report, message)));
    }
    // The best contact determines the destination's state.
    carried.contact =
        carried.results.empty() ? report.contact : std::min(carried.contact, report.contact);
    for (const std::size_t connection : report.connection_of) {
      carried.remotes.push_back(connection < report.connections.size()
                                    ? report.connections[connection].host
                                    : std::string());
    }
    std::move(report.results.begin(), report.results.end(), std::back_inserter(carried.results));
    // After a failed connection, the remaining recipients are not tried.
    const smtp::RecipientResult last = carried.results.back();
    if (report.contact == relay::Contact::connection_failed &&
        last.klass == smtp::ResultClass::temporary) {
      carried.results.resize(task.recipients.size(), last);
      break;
    }
  }
  co_return carried;
}

Task<queue::Carried> FolderAgent::carry(const queue::DeliveryTask& task, queue::Text&) {
  queue::Carried carried;
  for (const std::uint32_t index : task.recipients) {
    const spool::Recipient& recipient = task.message.envelope.recipients[index];
    auto kept = co_await workers_.run(
        [this, path = task.destination.key, id = task.message.id, address = recipient.address,
         from = task.message.envelope.reverse_path]() -> Result<std::string> {
          if (Result<void> may = spool_.may_deliver(); !may) return tl::unexpected(may.error());
          Result<spool::BodyReader> body = spool_.body(id);
          if (!body) return tl::unexpected(body.error());
          const auto to = mail::parse_mailbox(address, mail::Utf8::allowed);
          if (!to) return tl::unexpected(to.error());
          std::optional<mail::Mailbox> reverse_path;
          if (!from.empty()) {
            if (auto parsed = mail::parse_mailbox(from, mail::Utf8::allowed)) {
              reverse_path = std::move(*parsed);
            }
          }
          const bool is_mbox = path.starts_with(deliver::mbox_scheme);
          const std::string place = is_mbox ? path.substr(deliver::mbox_scheme.size()) : path;
          if (place.starts_with(own_)) {
            std::error_code seen_below;
            std::filesystem::create_directories(std::filesystem::path(place).parent_path(),
                                                seen_below);
          }
          if (is_mbox) return deliver::Mbox(place).deliver(reverse_path, *to, *body);
          return deliver::Maildir(place, hostname_).deliver(reverse_path, *to, *body);
        });
    if (!kept) {
      carried.results.push_back(temporary(kept.error().message));
    } else if (!*kept) {
      carried.results.push_back(temporary(kept->error().message));
    } else {
      carried.results.push_back(
          {.klass = smtp::ResultClass::delivered, .enhanced = {2, 0, 0}, .text = **kept});
      carried.contact = relay::Contact::delivered;
    }
  }
  co_return carried;
}

SenderReports::SenderReports(std::string hostname, std::string directory,
                             DestinationOf destination_of, std::chrono::seconds ttl,
                             const policy::DkimKeyring& keys)
    : settings_{.hostname = std::move(hostname)},
      directory_(std::move(directory)),
      destination_of_(std::move(destination_of)),
      ttl_(ttl),
      keys_(keys) {}

/// A report that cannot be signed is sent unsigned.
Result<void> SenderReports::sign(spool::Body& body, std::chrono::system_clock::time_point now) {
  const Result<std::string_view> octets = body.view();
  if (!octets) return tl::unexpected(octets.error());
  const Result<std::string> fields = deliver::own_signatures(*octets, keys_, now);
  if (!fields) telemetry::log::error("report.unsigned").field("error", fields.error().message);
  if (!fields || fields->empty()) return {};
  spool::Body whole(directory_);
  Result<void> written = whole.append(*fields);
  if (written) written = whole.append(*octets);
  if (written) body = std::move(whole);
  return written;
}

void SenderReports::lost(const queue::DeliveryTask& task) {
  rates_.take_back(task.message.envelope.reverse_path,
                   since_epoch(std::chrono::system_clock::now()));
}

Result<std::optional<queue::Reporter::Report>> SenderReports::report(
    Event event, const queue::DeliveryTask& task, const queue::Carried& carried,
    queue::Text& text) {
  const spool::Envelope& envelope = task.message.envelope;
  const auto now = std::chrono::system_clock::now();
  relay::ReportOccasion occasion{
      .kind = event == Event::failed ? relay::ReportKind::failed : relay::ReportKind::delayed,
      .reverse_path = envelope.reverse_path,
      .arrival = envelope.received,
      .ret = envelope.ret,
      .envid = envelope.envid,
      .smtputf8 = envelope.smtputf8,
      .requiretls = envelope.require_tls,
      .log_id = task.message.id,
      .retry_until = envelope.received + ttl_};
  for (std::size_t i = 0; i < task.recipients.size(); ++i) {
    const spool::Recipient& recipient = envelope.recipients[task.recipients[i]];
    const smtp::RecipientResult& result = carried.results[i];
    relay::ReportedRecipient reported{
        .address = recipient.address,
        .notify = recipient.notify,
        .orcpt = recipient.orcpt,
        .klass = result.klass,
        .enhanced = result.enhanced,
        .remote = result.code != 0 ? carried.remotes[i] : std::string(),
        .last_attempt = task.started,
        .delay_notice_sent = recipient.noticed};
    if (result.code != 0) {
      // The remote host's own text.
      reported.reply = fmt::format("{} {}", result.code, result.text);
    } else {
      reported.finding = result.text;
    }
    reported.expired = result.enhanced == relay::expired_status;
    occasion.recipients.push_back(std::move(reported));
  }
  // With unreadable evidence, the client counts as unknown.
  if (const auto evidence = policy::read_evidence(envelope.evidence)) {
    const bool authenticated = static_cast<bool>(questions::authenticated(*evidence));
    occasion.client = authenticated              ? relay::ClientStanding::authenticated
                      : evidence->trusted_client ? relay::ClientStanding::trusted
                                                 : relay::ClientStanding::stranger;
    const bool by_spf = questions::spf(*evidence).says == questions::Spf::Says::authorised;
    occasion.spf_pass = evidence->reverse_path && by_spf;
    occasion.dkim_domains = questions::vouching_domains(*evidence);
    occasion.helo = evidence->session.helo;
    occasion.client_address = evidence->session.client_ip.to_string();
  }
  const relay::ReportRates::Sent sent = rates_.sent(envelope.reverse_path, since_epoch(now));
  occasion.sent_to_address = sent.to_address;
  occasion.sent_to_domain = sent.to_domain;

  relay::OriginalScan scan;
  for (std::uint64_t at = 0; at < text.size();) {
    const std::string_view piece = text.read(at, spool::BodyReader::piece);
    if (piece.empty()) return unreadable(text);
    scan.feed(piece);
    at += piece.size();
  }
  const relay::Original original = scan.finish();
  if (const auto why = relay::suppressed(occasion, original, settings_)) {
    telemetry::log::info("report.suppressed")
        .field("message_id", task.message.id)
        .field("error", relay::word_of(*why));
    return std::nullopt;
  }
  relay::Report made = relay::make_report(occasion, original, settings_, now, new_ulid());
  const auto to = mail::parse_mailbox(made.recipient, mail::Utf8::allowed);
  if (!to) return std::nullopt;  // no mail can ever be sent there

  spool::Body body(directory_);
  relay::ReturnedWriter writer(made.returned);
  Result<void> written = body.append(made.head);
  std::string piece_out;
  for (std::uint64_t at = 0; written && !writer.done() && at < text.size();) {
    const std::string_view piece = text.read(at, spool::BodyReader::piece);
    if (piece.empty()) return unreadable(text);
    piece_out.clear();
    writer.feed(piece, piece_out);
    written = body.append(piece_out);
    at += piece.size();
  }
  piece_out.clear();
  writer.finish(piece_out);
  if (written) written = body.append(piece_out + made.tail);
  if (written) written = sign(body, now);
  if (!written) return tl::unexpected(written.error());
  rates_.count(envelope.reverse_path, since_epoch(now));
  spool::Envelope report{.received = now,
                         .body_8bit = made.eight_bit,
                         .smtputf8 = made.smtputf8,
                         .require_tls = made.requiretls,
                         .account = envelope.account};
  report.recipients.push_back({.address = made.recipient,
                               .destination = destination_of_(*to),
                               .notify = std::string(relay::Report::notify)});
  return std::optional<Report>(std::in_place, std::move(report), std::move(body));
}

}  // namespace postern::app
