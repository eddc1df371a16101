#include "serve/test_mail.h"

#include <algorithm>

#include <fmt/format.h>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>

#include "base/text.h"
#include "mail/literal.h"
#include "policy/webhook.h"
#include "relay/connection.h"
#include "serve/adapters.h"

namespace postern::app {

namespace {

namespace asio = boost::asio;
using Line = admin::TestMailResult::Line;

/// The gateway ends a trace on another thread, when it replies or when the session ends.
constexpr std::chrono::milliseconds trace_limit{2000};
constexpr std::chrono::milliseconds trace_poll{10};
constexpr std::size_t longest_line = 1000;

/// The dialogue line by line; of the message itself only the size.
class Transcript {
 public:
  void hear(relay::Speaker speaker, std::string_view octets) {
    const bool of_client = speaker == relay::Speaker::client;
    std::string& rest = of_client ? client_rest_ : server_rest_;
    rest += octets;
    for (std::size_t end = rest.find('\n'); end != std::string::npos; end = rest.find('\n')) {
      std::string_view line = std::string_view(rest).substr(0, end);
      if (line.ends_with('\r')) line.remove_suffix(1);
      take(of_client, line);
      rest.erase(0, end + 1);
    }
  }
  std::vector<Line> lines() && { return std::move(lines_); }

 private:
  void take(bool of_client, std::string_view line) {
    if (of_client && in_text_ && line != ".") {
      text_octets_ += line.size() + 2;
      return;
    }
    if (of_client && in_text_) {
      lines_.push_back({true, fmt::format("(a message of {} octets)", text_octets_)});
      in_text_ = false;
    }
    if (!of_client && line.starts_with("354")) in_text_ = true;
    lines_.push_back({of_client, printable(line, longest_line)});
  }

  std::vector<Line> lines_;
  std::string client_rest_;
  std::string server_rest_;
  bool in_text_ = false;
  std::uint64_t text_octets_ = 0;
};

std::string_view outcome_of(smtp::ResultClass klass) {
  if (klass == smtp::ResultClass::delivered) return "accepted";
  return klass == smtp::ResultClass::permanent ? "rejected" : "deferred";
}

/// nullopt: no trace within the limit, as with a failing trace database.
Task<std::optional<std::string>> trace_of(const TraceWatch::Watched& watched) {
  const auto end = std::chrono::steady_clock::now() + trace_limit;
  asio::steady_timer timer(co_await asio::this_coro::executor);
  while (!watched.trace_id() && std::chrono::steady_clock::now() < end) {
    timer.expires_after(trace_poll);
    boost::system::error_code ignored;
    co_await timer.async_wait(asio::redirect_error(asio::use_awaitable, ignored));
  }
  co_return watched.trace_id();
}

smtp::OutboundMessage envelope(const std::string& from, const std::string& to,
                               const std::string& octets) {
  smtp::OutboundMessage message;
  message.reverse_path = from;
  message.recipients = {{to, "", ""}};
  message.size = octets.size();
  message.header_8bit = !is_ascii(octets);  // the body is base64
  message.smtputf8 = !is_ascii(from) || message.header_8bit;
  return message;
}

}  // namespace

const ListenerConfig* usable_listener(const std::vector<ListenerConfig>& listeners) {
  const auto found =
      std::find_if(listeners.begin(), listeners.end(), [](const ListenerConfig& one) {
        return one.tls != gateway::ListenerTls::implicit &&
               one.proxy_protocol == ProxyProtocol::off;
      });
  return found == listeners.end() ? nullptr : &*found;
}

IpAddress reachable(const IpAddress& listening) {
  const std::string text = listening.to_string();
  if (text == "0.0.0.0") return *IpAddress::parse("127.0.0.1");
  if (text == "::") return *IpAddress::parse("::1");
  return listening;
}

Task<Result<admin::TestMailResult>> TestMailPort::send(admin::TestMailRequest request) {
  const auto webhook = directory_.webhook(request.webhook_id);
  if (!webhook) co_return fail(Fault::not_found, "the webhook is not loaded");
  const std::vector<ListenerConfig> listeners = listeners_();
  const ListenerConfig* listener = usable_listener(listeners);
  if (listener == nullptr) {
    co_return fail(Fault::denied,
                   "no listener takes a connection in the clear and without the PROXY protocol; a "
                   "test mail needs one");
  }
  const std::string from = request.from.value_or("postmaster@" + options_.hostname);
  const std::string octets = simulated_message(
      {.webhook_id = {},
       .from = {},
       .subject = request.subject.value_or("Test mail"),
       .text = request.text.value_or("This mail was sent from the page of its webhook.\n"),
       .html = {},
       .headers = {}},
      from.empty() ? "postmaster@" + options_.hostname : from, webhook->address, options_.hostname);
  const smtp::OutboundMessage message = envelope(from, webhook->address, octets);

  Transcript transcript;
  relay::Host host;
  host.address = reachable(listener->address.address);
  host.port = listener->address.port;
  // A client that greets a host with the host's own name would look like a loop.
  host.options.ehlo_name = mail::literal_of(host.address);
  host.options.send_8bit = true;
  host.options.send_utf8_headers = true;
  host.options.tls = smtp::TlsLevel::none;
  if (listener->tls != gateway::ListenerTls::none) {
    const auto tls = net::TlsClientContext::make("");
    if (tls) host.options.tls = smtp::TlsLevel::may;
    if (tls) host.tls = *tls;
  }
  host.message_limit = std::min(options_.longest, options_.limit + webhook->timeout);
  host.connect_limit = options_.limit;
  host.overheard = [&transcript](relay::Speaker speaker, std::string_view said) {
    transcript.hear(speaker, said);
  };
  const auto connection = co_await relay::Connection::open(std::move(host));
  if (!connection) {
    co_return fail(Fault::temporary, "the listener " + listener->address.to_string() +
                                         " cannot be reached: " + connection.error().text);
  }
  const TraceWatch::Watched watched(traces_,
                                    {(*connection)->local_address(), (*connection)->local_port()});
  const relay::TextSource source = [&octets](std::uint64_t at, std::size_t room) {
    return std::string_view(octets).substr(at, room);
  };
  const relay::Conversation said = co_await (*connection)->deliver(message, source);
  if (said.done.reusable) co_await (*connection)->quit();
  const smtp::RecipientResult& result = said.results.front();
  if (result.code == 0)
    co_return fail(Fault::temporary, "the listener gave no answer: " + result.text);
  std::optional<std::string> trace = co_await trace_of(watched);
  admin::TestMailResult sent{.code = result.code,
                             .reply = fmt::format("{} {}", result.code, result.text),
                             .outcome = std::string(outcome_of(result.klass)),
                             .trace_id = std::move(trace),
                             .transcript = {}};
  sent.transcript = std::move(transcript).lines();
  co_return sent;
}

}  // namespace postern::app
