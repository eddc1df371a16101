#include <algorithm>

#include <fmt/format.h>
#include <boost/asio/this_coro.hpp>

#include "base/text.h"
#include "base/ulid.h"
#include "relay/courier_impl.h"
#include "relay/destination.h"
#include "relay/lookup.h"

namespace postern::relay {

namespace asio = boost::asio;
using smtp::DeliveryAttempt;
using smtp::RecipientResult;
using smtp::ResultClass;

namespace {

// docs/relay.md, "What is tried".
constexpr std::chrono::seconds connect_limit{10};       ///< while another address remains
constexpr std::chrono::seconds last_connect_limit{30};  ///< for the last address

/// How long a host where only TLS fails is tried without TLS at level `may`.
constexpr std::chrono::minutes without_tls_memory{15};
/// How long a host that lost a connection during BDAT (RFC 3030 §2) gets DATA.
constexpr std::chrono::hours data_only_memory{24};
/// How long a source address that cannot be bound is not used.
constexpr std::chrono::minutes source_pause{5};

/// The name of a host in Memory.
std::string place_name(const std::string& host, std::uint16_t port) {
  return host + ":" + std::to_string(port);
}

smtp::TlsLevel session_level(TlsLevel level) {
  switch (level) {
    case TlsLevel::none:
      return smtp::TlsLevel::none;
    case TlsLevel::may:
    case TlsLevel::sts_testing:  // RFC 8461 §5: a failed policy does not prevent delivery
      return smtp::TlsLevel::may;
    case TlsLevel::encrypt:
      return smtp::TlsLevel::encrypt;
    case TlsLevel::verify:
    case TlsLevel::sts:
    case TlsLevel::dane:
      return smtp::TlsLevel::verify;
  }
  return smtp::TlsLevel::verify;
}

RecipientResult found_by_us(ResultClass klass, smtp::EnhancedCode enhanced, std::string_view text) {
  RecipientResult result;
  result.klass = klass;
  result.enhanced = enhanced;
  result.text = printable(text, 1024);
  return result;
}

/// Everything that decides whether a connection can be reused for another message.
std::string key_of(const Host& host, std::string_view name, TlsLevel level) {
  std::string key;
  key.reserve(128);
  const auto add = [&](std::string_view part) {
    key += part;
    key += '\n';
  };
  add(name);
  add(host.address.octets());
  add(std::to_string(host.port));
  if (host.source) add(host.source->octets());
  add(host.options.ehlo_name);
  add(to_string(level));
  add(host.options.tls == smtp::TlsLevel::none ? "clear" : "tls");
  for (const std::string& each : host.peer.names) add(each);
  for (const std::string& each : host.peer.tlsa) add(each);
  if (host.options.credentials) add(host.options.credentials->user);
  // Routes may differ in trusted roots and in what they send.
  add(fmt::format("{} {} {} {} {}", static_cast<const void*>(host.tls.get()), host.options.chunking,
                  host.options.send_8bit, host.options.send_utf8_headers,
                  host.options.auth_insecure));
  return key;
}

bool is_push_back(const RecipientResult& result) {
  // The destination is getting too much. Greylisting looks the same and does no harm here.
  return result.klass == ResultClass::temporary &&
         (result.code == 421 || (result.code >= 400 && result.enhanced.subject == 7));
}

}  // namespace

void Courier::Impl::Attempt::settle_all(const RecipientResult& result) {
  report_.results.assign(message_.recipients.size(), result);
  report_.connection_of.assign(message_.recipients.size(), no_connection);
}

Task<AttemptReport> Courier::Impl::Attempt::run() {
  const RelayConfig& config = *setup_->config;
  const Envelope envelope = split_address(message_.recipients.front().address);
  const Recipient recipient{.local_part = std::string(envelope.local_part),
                            .domain = std::string(envelope.domain)};
  const Route& route = *way_.route;
  settings_ = &config.settings_of(route);
  report_.route = settings_->name;
  report_.next_hop = to_texts(route);
  if (!way_.trouble.empty()) {
    report_.our_fault = true;
    report_.trouble = way_.trouble;
    // The sender is told no names of servers and files.
    settle_all(found_by_us(ResultClass::temporary, {4, 3, 0},
                           "the next hop for this recipient cannot be found now"));
    // It says nothing about the hosts of the other recipients of this domain.
    report_.contact = Contact::answered;
    co_return std::move(report_);
  }
  const Routed routed =
      co_await look_up(setup_->routing[route.settings], route, recipient, courier_.resolver_,
                       courier_.options_.question_limit, report_.dns);
  report_.skipped = routed.skipped;
  report_.our_fault = routed.our_fault;
  if (routed.kind != Routed::Kind::targets) {
    const bool temporary = routed.kind == Routed::Kind::temporary;
    settle_all(routed.kind == Routed::Kind::discard
                   ? found_by_us(ResultClass::delivered, {2, 0, 0}, "discarded by a route")
                   : found_by_us(temporary ? ResultClass::temporary : ResultClass::permanent,
                                 routed.reply.enhanced, routed.reply.text));
    const bool by_dns = temporary && route.kind != Route::Kind::error;
    report_.contact = by_dns ? Contact::connection_failed : Contact::answered;
    co_return std::move(report_);
  }
  plan(routed);
  prefer_open_connections();
  std::vector<std::size_t> hosts;
  for (const Place& place : places_) hosts.push_back(place.host);
  DeliveryAttempt attempt(message_, std::move(hosts));
  std::size_t most = config.limits.max_sessions;
  bool in_fallback = false;
  while (const auto next = attempt.next()) {
    // The fallback hosts have their own sessions, however many hosts were tried before.
    if (!in_fallback && next->host >= first_fallback_) {
      in_fallback = true;
      most = sessions_ + config.limits.max_sessions;
    }
    const bool same = next->without_tls || next->again;
    if (Clock::now() >= until_) {
      attempt.end();
    } else if (!same && sessions_ >= most) {
      attempt.skip_to(in_fallback ? places_.size() : first_fallback_);
    } else {
      co_await dial(attempt, *next);
    }
  }
  report_.results = attempt.results();
  for (RecipientResult& result : report_.results) {
    if (result.klass == ResultClass::none)
      result = found_by_us(
          ResultClass::temporary, {4, 4, 1},
          Clock::now() >= until_ ? "no host accepted the message in time" : "no host was reached");
  }
  report_.connection_of = attempt.calls();
  const bool delivered =
      std::any_of(report_.results.begin(), report_.results.end(),
                  [](const RecipientResult& each) { return each.klass == ResultClass::delivered; });
  report_.contact = delivered      ? Contact::delivered
                    : pushed_back_ ? Contact::pushed_back
                    : answered_    ? Contact::answered
                                   : Contact::connection_failed;
  co_return std::move(report_);
}

void Courier::Impl::Attempt::plan(const Routed& routed) {
  const bool v4_paused = courier_.v4_.paused(Clock::now());
  const bool v6_paused = courier_.v6_.paused(Clock::now());
  const auto planned = plan_routed(routed, setup_->config->limits,
                                   v6_paused ? Family::v4 : Family::v6, courier_.options_.random);
  for (std::size_t host = 0; host < planned.size(); ++host) {
    const PlannedHost& each = planned[host];
    const Target& target = routed.groups[each.group][each.member];
    // A family that does not work on this host comes last.
    for (const bool last : {false, true}) {
      for (const IpAddress& address : each.addresses) {
        if ((address.is_v4() ? v4_paused : v6_paused) == last)
          places_.push_back({&target, each.group, host, address});
      }
    }
  }
  const auto fallback =
      std::ranges::find_if(places_, [](const Place& place) { return place.target->fallback; });
  first_fallback_ = static_cast<std::size_t>(fallback - places_.begin());
}

/// Prefers, among the best hosts, one with an idle connection.
void Courier::Impl::Attempt::prefer_open_connections() {
  if (courier_.idle_.size() == 0 || places_.size() < 2) return;
  const auto group_end = std::find_if(places_.begin(), places_.end(), [&](const Place& place) {
    return place.group != places_.front().group;
  });
  const auto open = std::find_if(places_.begin(), group_end, [&](const Place& place) {
    const Egress egress = egress_for(place.address.is_v4());
    if (!egress.usable) return false;
    const Host host = host_for(place, egress, false);
    return courier_.idle_.has(key_of(host, place.target->host, level_of(*place.target)));
  });
  if (open == group_end) return;
  // Its host moves to the front, and this address to the front of the host.
  const auto of_host = [host = open->host](const Place& place) { return place.host == host; };
  const auto begin = std::find_if(places_.begin(), group_end, of_host);
  std::rotate(begin, open, open + 1);
  std::rotate(places_.begin(), begin, std::find_if_not(begin, group_end, of_host));
}

/// The TLS level that is required of a host for this message.
TlsLevel Courier::Impl::Attempt::level_of(const Target& target) const {
  if (!settings_->tlsa.empty() && way_.owns(target)) return TlsLevel::dane;
  // RFC 8689 §4.2.1: REQUIRETLS requires a host named by DNSSEC or MTA-STS, with a valid
  // certificate.
  const bool required = message_.requiretls && !message_.reverse_path.empty();
  if (required && target.secure && target.tls >= TlsLevel::may && target.tls <= TlsLevel::encrypt)
    return TlsLevel::verify;
  return target.tls;
}

/// Chooses by weight among the sources that can be used at the moment.
Courier::Impl::Attempt::Egress Courier::Impl::Attempt::choose_egress(bool v4) const {
  const EgressPool* const pool = settings_->pool.get();
  if (pool == nullptr) return {};
  const auto usable = [&](const EgressSource& each) {
    return (v4 ? each.v4 : each.v6).has_value() &&
           !knows("source " + (v4 ? each.v4 : each.v6)->to_string());
  };
  std::size_t weight = 0;
  for (const EgressSource& each : pool->sources) weight += usable(each) ? each.weight : 0;
  if (weight == 0) return {.usable = pool->fallback};
  std::size_t drawn = courier_.options_.random(weight);
  for (const EgressSource& each : pool->sources) {
    if (!usable(each)) continue;
    if (drawn < each.weight) return {.source = &each};
    drawn -= each.weight;
  }
  return {.usable = pool->fallback};
}

Host Courier::Impl::Attempt::host_for(const Place& place, const Egress& egress,
                                      bool without_tls) const {
  const Target& target = *place.target;
  const RouteSettings& settings = *settings_;
  Host host;
  host.address = place.address;
  host.port = target.port;
  host.tls = settings.tls;
  host.longest_wait = courier_.options_.longest_wait;
  smtp::ClientOptions& options = host.options;
  options.ehlo_name = setup_->config->routing.hostname;
  if (egress.source != nullptr) {
    host.source = place.address.is_v4() ? egress.source->v4 : egress.source->v6;
    if (!egress.source->ehlo.empty()) options.ehlo_name = egress.source->ehlo;
  }
  const TlsLevel level = level_of(target);
  options.tls = session_level(level);
  host.peer.names = target.names;
  if (host.peer.names.empty() && target.sni) host.peer.names = {*target.sni};
  host.peer.tlsa = target.tlsa;
  if (!settings.tlsa.empty() && way_.owns(target)) host.peer.tlsa = settings.tlsa;
  const std::string name = place_name(target.host, target.port);
  const bool may = options.tls == smtp::TlsLevel::may;
  if (may && (without_tls || settings.tls == nullptr || knows("no tls " + name)))
    options.tls = smtp::TlsLevel::none;
  host.peer.verify = options.tls == smtp::TlsLevel::verify;
  options.chunking = settings.chunking && !knows("data only " + name);
  options.send_8bit = settings.send_8bit;
  options.send_utf8_headers = settings.send_utf8_headers;
  options.auth_insecure = settings.auth_insecure;
  if (settings.login && way_.owns(target)) {  // the password is that of the hosts of `to`
    options.credentials =
        smtp::ClientCredentials{settings.login->user, settings.login->password, {}};
  }
  return host;
}

Task<void> Courier::Impl::Attempt::dial(DeliveryAttempt& attempt, DeliveryAttempt::Dial next) {
  const Place place = places_[next.host];
  const bool last = next.host + 1 == places_.size();
  // If a source cannot be bound, try another one.
  for (std::size_t tries = 0;; ++tries) {
    const Egress egress = egress_for(place.address.is_v4());
    ConnectionReport entry{
        .host = place.target->host,
        .address = place.address,
        .port = place.target->port,
        .level = level_of(*place.target),
    };
    if (settings_->pool != nullptr) entry.pool = settings_->pool->name;
    if (!egress.usable) {
      co_return no_connection_to(
          attempt, std::move(entry),
          {DialFailure::Kind::source, "no address of the pool " + entry.pool + " can be used"});
    }
    if (egress.source != nullptr) entry.egress = egress.source->name;
    Host host = host_for(place, egress, next.without_tls);
    entry.ehlo_name = host.options.ehlo_name;
    entry.without_tls = host.options.tls == smtp::TlsLevel::none && entry.level != TlsLevel::none;
    const std::string key = key_of(host, entry.host, entry.level);

    const bool fresh = next.again || next.without_tls;
    OpenConnection open = fresh ? OpenConnection{} : courier_.idle_.take(key);
    if (open.connection != nullptr) {
      entry.reused = true;
      const bool counts =
          co_await converse(attempt, std::move(open), key, is_named_host(*place.target), entry);
      if (counts) co_return;
      entry.reused = false;
    }
    if (host.options.credentials) host.options.credentials->nonce = new_ulid();
    host.connect_limit = last ? last_connect_limit : connect_limit;
    host.connect_limit = std::min(host.connect_limit, courier_.options_.longest_wait);
    if (until_ - Clock::now() < host.connect_limit) {
      const auto left = std::chrono::ceil<std::chrono::milliseconds>(until_ - Clock::now());
      host.connect_limit = std::max(left, std::chrono::milliseconds(1));
    }
    auto dialled = co_await Connection::open(std::move(host));
    if (dialled) {
      OpenConnection fresh_one{std::move(*dialled), Clock::now()};
      const std::size_t before = sessions_;
      co_await converse(attempt, std::move(fresh_one), key, is_named_host(*place.target),
                        std::move(entry));
      // TLS failed, and the session without it works.
      if (next.without_tls && sessions_ > before)
        note("no tls " + place_name(place.target->host, place.target->port), without_tls_memory);
      co_return;
    }
    const DialFailure& failure = dialled.error();
    const bool of_source = failure.kind == DialFailure::Kind::source ||
                           (failure.kind == DialFailure::Kind::ports && egress.source != nullptr);
    if (of_source) {
      const auto& address = place.address.is_v4() ? egress.source->v4 : egress.source->v6;
      note("source " + address->to_string(), source_pause);
      (place.address.is_v4() ? egress_v4_ : egress_v6_).reset();
    }
    if (of_source && tries < settings_->pool->sources.size()) continue;
    co_return no_connection_to(attempt, std::move(entry), failure);
  }
}

void Courier::Impl::Attempt::no_connection_to(DeliveryAttempt& attempt, ConnectionReport entry,
                                              const DialFailure& failure) {
  // Our own shortage is not the destination's fault: reduce concurrency, but do not let it sleep.
  const bool exhausted =
      failure.kind == DialFailure::Kind::local || failure.kind == DialFailure::Kind::ports;
  pushed_back_ |= exhausted;
  const bool ours = exhausted || failure.kind == DialFailure::Kind::source;
  attempt.unreachable(failure.text,
                      ours ? smtp::EnhancedCode{4, 3, 0} : smtp::EnhancedCode{4, 4, 1});
  if (failure.kind == DialFailure::Kind::unreachable)
    (entry.address.is_v4() ? courier_.v4_ : courier_.v6_).unreachable(entry.host, Clock::now());
  entry.error = printable(failure.text, 200);
  report_.connections.push_back(std::move(entry));
}

/// False when an idle connection was dead; this does not count as an attempt.
Task<bool> Courier::Impl::Attempt::converse(DeliveryAttempt& attempt, OpenConnection open,
                                            const std::string& key, bool named,
                                            ConnectionReport entry) {
  Connection& connection = *open.connection;
  entry.source = connection.local_address().to_string();
  Conversation said = co_await connection.deliver(attempt.remaining(), source_, until_);
  if (entry.reused && !said.done.mail_answered) co_return false;
  // RFC 4954 §6: 530 asks for AUTH. A host that the operator named needs a password that its route
  // does not have, or that is not sent to it: the mail waits for the operator.
  for (RecipientResult& each : said.results) {
    if (!named || each.code != 530) continue;
    each.klass = ResultClass::temporary;
    each.enhanced.klass = 4;
    each.next_host = true;
    said.done.credentials_refused = true;
    report_.trouble = "the host asks for a password that is not sent to it";
  }
  if (const auto facts = connection.tls_facts()) {
    entry.tls_version = facts->version;
    entry.tls_cipher = facts->cipher;
    entry.verified = connection.peer_verified();
  }
  entry.dsn_offered = said.done.dsn_offered;
  entry.chunking_failed = said.done.chunking_failed;
  entry.result = said.results.front();
  if (said.done.chunking_failed)
    note("data only " + place_name(entry.host, entry.port), data_only_memory);
  report_.connections.push_back(std::move(entry));
  learn(said);
  attempt.finished(said.results, said.done);
  if (said.done.reusable) {
    const auto executor = co_await asio::this_coro::executor;
    courier_.idle_.put(key, std::move(open), executor);
  }
  co_return true;
}

void Courier::Impl::Attempt::learn(const Conversation& conversation) {
  if (conversation.done.greeted) ++sessions_;
  report_.credentials_refused |= conversation.done.credentials_refused;
  answered_ |= conversation.done.mail_answered;
  const bool at_greeting = !conversation.done.greeted && conversation.results.front().code >= 400 &&
                           conversation.results.front().code < 500;
  pushed_back_ |= at_greeting || std::any_of(conversation.results.begin(),
                                             conversation.results.end(), is_push_back);
}

}  // namespace postern::relay
