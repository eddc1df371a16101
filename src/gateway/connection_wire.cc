// The part of Connection that reads and writes octets: PROXY header, TLS, deadlines.
#include <algorithm>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>

#include "gateway/connection.h"
#include "net/proxy_protocol.h"
#include "policy/questions/client_in.h"

namespace postern::gateway {
namespace asio = boost::asio;

namespace {

constexpr std::uint64_t block_size = 64 * 1024;

}  // namespace

Task<bool> Connection::read_proxy_header() {
  if (!settings_->proxy_required) co_return true;
  policy::SessionFacts& facts = transaction_.session();
  if (!policy::questions::client_in(facts.client_ip, settings_->proxy_from)) co_return false;
  deadline_.set(started_ + settings_->timeouts.proxy_header);
  for (std::size_t seen = 0;;) {
    const std::string_view bytes = co_await stream_.peek(net::max_proxy_header, seen);
    if (bytes.empty()) co_return false;
    const auto header = net::parse_proxy_header(bytes);
    if (!header) {
      telemetry::protocol_error(smtp::ProtocolError::proxy_header);
      co_return false;
    }
    if (*header) {
      const net::ProxyHeader found = **header;
      stream_.skip(found.length);
      if (found.kind != net::ProxyHeader::Kind::local) {
        facts.proxy_from = with_port(facts.client_ip, facts.client_port);
      }
      if (found.kind == net::ProxyHeader::Kind::proxied) {
        facts.proxy_via = with_port(facts.server_ip, facts.server_port);
        facts.client_ip = found.source;
        facts.client_port = found.source_port;
        facts.server_ip = found.destination;
        facts.server_port = found.destination_port;
      }
      // UNKNOWN: the proxy does not know its client. LOCAL: the proxy itself is the client.
      if (found.kind == net::ProxyHeader::Kind::unknown) {
        facts.client_ip = IpAddress::unknown();
        facts.client_port = 0;
      }
      co_return true;
    }
    seen = bytes.size();
  }
}

Task<bool> Connection::handshake() {
  tls_begun_ = true;
  if (!charge()) {  // no reply is possible between the 220 and the handshake
    end_ = "refused";
    metrics_.turned_away(telemetry::Turned::limit);
    co_return false;
  }
  deadline_.set(Clock::now() + settings_->timeouts.tls_handshake);
  const bool done = co_await stream_.handshake(settings_->certificate, settings_->clients);
  if (!done) {
    end_ = deadline_.expired() ? "timeout" : "dropped";
    metrics_.handshake(
        deadline_.expired() ? telemetry::Handshake::timeout : telemetry::Handshake::failed, "");
    co_return false;
  }
  const auto facts = stream_.tls_facts();
  metrics_.handshake(telemetry::Handshake::ok, facts->version);
  policy::Tls tls{.version = facts->version,
                  .cipher = facts->cipher,
                  .key_bits = facts->key_bits,
                  .starttls = settings_->tls != ListenerTls::implicit};
  if (facts->client) {
    tls.client = policy::ClientCertificate{.name = facts->client->common_name,
                                           .fingerprint = facts->client->fingerprint,
                                           .key_fingerprint = facts->client->key_fingerprint,
                                           .trusted = facts->client->trusted,
                                           .issuer = facts->client->issuer};
  }
  transaction_.session().tls = std::move(tls);
  transaction_.session().server_name = facts->server_name;
  net::ChannelBinding binding = stream_.channel_binding();
  session_.tls_started({.exporter = std::move(binding.exporter),
                        .server_end_point = std::move(binding.server_end_point),
                        .unique = std::move(binding.unique)});
  co_return true;
}

bool Connection::lacks_certificate() {
  if (!settings_->client_certificate_required) return false;
  const auto& client = transaction_.session().tls->client;
  if (client && client->trusted) return false;
  end_ = "refused";
  metrics_.turned_away(telemetry::Turned::certificate);
  session_.refuse(
      {.code = 421,
       .enhanced = {4, 7, 1},
       .text = client ? "client certificate not trusted" : "no client certificate presented"});
  return true;
}

Task<void> Connection::start_tls() {
  // Plaintext after STARTTLS is dropped unread, here and in the session (RFC 3207 §4.2).
  stream_.drain_plaintext();
  const bool flushed = co_await flush();
  transaction_.tls_begins();
  const bool secured = flushed ? co_await handshake() : false;
  if (!secured) {
    stream_.cancel();
  } else {
    lacks_certificate();
  }
}

Task<bool> Connection::flush() {
  if (session_.output_size() == 0) co_return true;
  // From the soft limit on, each error reply is delayed.
  const std::size_t errors = session_.errors();
  if (errors >= options_.limits.soft_errors && errors > delayed_errors_) {
    co_await pause(settings_->timeouts.error_delay);
  }
  delayed_errors_ = errors;
  const std::string output = session_.take_output();
  deadline_.set(Clock::now() + settings_->timeouts.write);
  const bool begun = !stream_.cancelled();
  const bool written = co_await stream_.write(output);
  cut_off_ = begun && !written;
  co_return written;
}

void Connection::set_read_deadline() {
  const Clock::time_point now = Clock::now();
  const Timeouts& timeouts = settings_->timeouts;
  Clock::time_point at = started_ + timeouts.session;
  if (session_.in_data()) {
    at = std::min(at, block_started_ + timeouts.data_block);
    if (timeouts.minimum_rate != 0) {
      const std::chrono::milliseconds earned(data_octets_ * 1000 / timeouts.minimum_rate);
      at = std::min(at, data_started_ + std::max(timeouts.minimum_rate_after, earned));
    }
  } else {
    // The time limit is for the whole line, not for each octet.
    if (fresh_wait_) waiting_since_ = now;
    at = std::min(at, waiting_since_ + timeouts.command);
  }
  fresh_wait_ = false;
  deadline_.set(at);
}

Task<bool> Connection::read_more() {
  const bool in_data = session_.in_data();
  set_read_deadline();
  if (!in_data) session_.shrink();
  if (loop_.draining && !in_data) {
    stream_.cancel();
    co_return false;
  }
  ticket_.set_idle(!in_data && !session_.in_transaction());
  deadline_.set_idle(!in_data);
  const std::string_view bytes =
      co_await stream_.read(in_data ? net::Expect::bulk : net::Expect::command);
  deadline_.set_idle(false);
  ticket_.set_idle(false);
  if (bytes.empty()) co_return false;
  session_.feed(bytes);
  if (in_data) {
    data_octets_ += bytes.size();
    block_octets_ += bytes.size();
    if (block_octets_ >= block_size) {
      block_octets_ = 0;
      block_started_ = Clock::now();
    }
  }
  co_return true;
}

Task<void> Connection::let_wait(std::chrono::seconds time) {
  constexpr std::chrono::milliseconds step{250};
  // All waits of a session together are bounded, as the time of one command is.
  const auto left = settings_->timeouts.command - waited_;
  auto rest = std::min(std::chrono::milliseconds(time), std::max(left, Milliseconds{0}));
  waited_ += rest;
  deadline_.set(Clock::time_point::max());
  while (rest.count() > 0 && !stream_.cancelled() && !loop_.draining && !stream_.peer_left()) {
    const auto next = std::min(rest, step);
    co_await pause(next);
    rest -= next;
  }
}

Task<void> Connection::pause(std::chrono::milliseconds time) {
  asio::steady_timer timer(loop_.context, time);
  co_await timer.async_wait(asio::as_tuple(asio::use_awaitable));
}

}  // namespace postern::gateway
