// The part of Connection that reads and writes octets: who the client is, TLS, and each wait's end.
#include <algorithm>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>

#include "gateway/connection.h"
#include "net/proxy_protocol.h"

namespace postern::gateway {
namespace asio = boost::asio;

namespace {

constexpr std::uint64_t block_size = 64 * 1024;

}  // namespace

Task<bool> Connection::read_proxy_header() {
  if (!settings_->proxy_required) co_return true;
  policy::SessionFacts& facts = transaction_.session();
  if (!settings_->proxy_from.contains(facts.client_ip)) co_return false;
  deadline_.set(started_ + settings_->timeouts.proxy_header);
  for (std::size_t seen = 0;;) {
    const std::string_view bytes = co_await stream_.peek(net::max_proxy_header, seen);
    if (bytes.empty()) co_return false;
    const auto header = net::parse_proxy_header(bytes);
    if (!header) co_return false;
    if (*header) {
      const net::ProxyHeader found = **header;
      stream_.skip(found.length);
      if (found.kind == net::ProxyHeader::Kind::proxied) {
        facts.client_ip = found.source;
        facts.client_port = found.source_port;
        facts.server_ip = found.destination;
        facts.server_port = found.destination_port;
      }
      // The proxy does not know for whom it speaks. LOCAL is the proxy itself.
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
  if (!charge()) {  // nothing can be said between the 220 and the handshake
    end_ = "refused";
    metrics_.turned_away(telemetry::Turned::limit);
    co_return false;
  }
  deadline_.set(Clock::now() + settings_->timeouts.tls_handshake);
  const bool done = co_await stream_.handshake(settings_->certificate);
  if (!done) {
    end_ = deadline_.expired() ? "timeout" : "dropped";
    metrics_.handshake(
        deadline_.expired() ? telemetry::Handshake::timeout : telemetry::Handshake::failed, "");
    co_return false;
  }
  const auto facts = stream_.tls_facts();
  metrics_.handshake(telemetry::Handshake::ok, facts->version);
  transaction_.session().tls = policy::Tls{facts->version, facts->cipher};
  transaction_.session().server_name = facts->server_name;
  net::ChannelBinding binding = stream_.channel_binding();
  session_.tls_started({.exporter = std::move(binding.exporter),
                        .server_end_point = std::move(binding.server_end_point),
                        .unique = std::move(binding.unique)});
  co_return true;
}

Task<void> Connection::start_tls() {
  // What was sent behind STARTTLS is dropped unread, here and in the session (RFC 3207 §4.2).
  stream_.drain_plaintext();
  const bool flushed = co_await flush();
  transaction_.tls_begins();
  const bool secured = flushed ? co_await handshake() : false;
  if (!secured) stream_.cancel();
}

Task<bool> Connection::flush() {
  if (session_.output_size() == 0) co_return true;
  // From the soft limit on each error costs its sender a second.
  const std::size_t errors = session_.errors();
  if (errors >= options_.limits.soft_errors && errors > delayed_errors_) {
    co_await pause(settings_->timeouts.error_delay);
  }
  delayed_errors_ = errors;
  const std::string output = session_.take_output();
  deadline_.set(Clock::now() + settings_->timeouts.write);
  const bool written = co_await stream_.write(output);
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
    // The whole line has this long, not each octet.
    if (fresh_wait_) waiting_since_ = now;
    at = std::min(at, waiting_since_ + timeouts.command);
  }
  fresh_wait_ = false;
  deadline_.set(at);
}

/// A message that has come for longer than patience lasts, and slower than this, holds its place
/// for nothing when others want one.
void Connection::wait_for_client() {
  constexpr std::int64_t brisk = 10'000;  // octets a second
  if (!session_.in_data()) {
    ticket_.wait(session_.in_transaction() ? Admission::in_transaction : Admission::idle);
    return;
  }
  const Clock::time_point now = Clock::now();
  const auto took = std::chrono::duration_cast<std::chrono::milliseconds>(now - data_started_);
  const bool slow = took >= admission_.patience(Admission::receiving) &&
                    static_cast<std::int64_t>(data_octets_) * 1000 < brisk * took.count();
  ticket_.wait(Admission::receiving, slow, now);
}

Task<bool> Connection::read_more() {
  const bool in_data = session_.in_data();
  set_read_deadline();
  if (!in_data) session_.shrink();
  if (loop_.draining && !in_data) {
    stream_.cancel();
    co_return false;
  }
  wait_for_client();
  deadline_.set_idle(!in_data);
  const std::string_view bytes =
      co_await stream_.read(in_data ? net::Expect::bulk : net::Expect::command);
  deadline_.set_idle(false);
  if (!ticket_.resume()) {
    lost_place_ = true;
    stream_.cancel();
    co_return false;
  }
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

Task<void> Connection::pause(std::chrono::milliseconds time) {
  asio::steady_timer timer(loop_.context, time);
  co_await timer.async_wait(asio::as_tuple(asio::use_awaitable));
}

}  // namespace postern::gateway
