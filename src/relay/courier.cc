#include "relay/courier.h"

#include <algorithm>
#include <random>
#include <utility>

#include "base/text.h"
#include "relay/courier_impl.h"
#include "relay/destination.h"

namespace postern::relay {

Setup::Setup(std::shared_ptr<const RelayConfig> given) : config(std::move(given)) {
  for (const RouteSettings& settings : config->settings) {
    RoutingConfig& made = routing.emplace_back(config->routing);
    if (settings.pool == nullptr || settings.pool->fallback) continue;
    // A family without a source address is not looked up.
    const auto& sources = settings.pool->sources;
    const auto any = [&](auto has) { return std::any_of(sources.begin(), sources.end(), has); };
    made.ipv4 &= any([](const EgressSource& each) { return each.v4.has_value(); });
    made.ipv6 &= any([](const EgressSource& each) { return each.v6.has_value(); });
  }
}

namespace {

/// Whether two recipients share hosts and settings.
bool same_way(const Way& one, const Envelope& a, const Way& other, const Envelope& b) {
  if (one.trouble != other.trouble) return false;
  if (one.route != other.route && *one.route != *other.route) return false;
  const bool by_domain = one.route->kind == Route::Kind::mx && one.route->mx_domain.empty();
  return !by_domain || iequals(a.domain, b.domain) ||
         normal_domain(a.domain) == normal_domain(b.domain);
}

}  // namespace

Courier::Impl::Impl(std::shared_ptr<const RelayConfig> config, dns::Resolver& resolver,
                    CourierOptions options)
    : setup_(std::make_shared<Setup>(std::move(config))),
      resolver_(resolver),
      options_(std::move(options)),
      idle_(options_.idle_limit, options_.idle_connections) {
  if (!options_.random) {
    options_.random = [this](std::size_t bound) {
      return std::uniform_int_distribution<std::size_t>(0, bound - 1)(engine_);
    };
  }
}

Task<AttemptReport> Courier::Impl::attempt(const smtp::OutboundMessage& message, TextSource source,
                                           Attempt::Clock::time_point until) {
  const std::shared_ptr<const Setup> setup = setup_;
  const auto& recipients = message.recipients;
  std::vector<Way> ways;
  ways.reserve(recipients.size());
  for (const auto& each : recipients) {
    const Envelope to = split_address(each.address);
    Way& way = ways.emplace_back();
    way.route = &route_of(*setup->config, to.local_part, to.domain, message.reverse_path);
    if (way.route->tables.empty()) continue;
    // A database that does not answer is waited for once.
    const auto down = std::ranges::find_if(ways, [&](const Way& other) {
      return other.is_down && other.route->tables == way.route->tables;
    });
    if (down != ways.end()) {
      way.trouble = down->trouble;
    } else if (Attempt::Clock::now() >= until) {
      way.trouble = "there was no time to ask the tables of the route";
    } else {
      way = co_await find_way(*setup->config, to.local_part, to.domain, message.reverse_path);
    }
  }
  const auto same = [&](std::size_t a, std::size_t b) {
    return same_way(ways[a], split_address(recipients[a].address), ways[b],
                    split_address(recipients[b].address));
  };
  bool all = true;
  for (std::size_t i = 1; i < recipients.size() && all; ++i) all = same(0, i);
  if (all) {
    Attempt trip(*this, setup, ways.front(), message, source, until);
    co_return co_await trip.run();
  }
  // Routes have changed since these recipients were grouped, or their tables distinguish them: one
  // attempt for each group.
  AttemptReport whole;
  whole.results.resize(recipients.size());
  whole.connection_of.resize(recipients.size(), no_connection);
  std::vector<std::size_t> open(recipients.size());
  for (std::size_t i = 0; i < open.size(); ++i) open[i] = i;
  while (!open.empty()) {
    std::vector<std::size_t> mine;
    std::vector<std::size_t> rest;
    for (const std::size_t i : open) (same(open.front(), i) ? mine : rest).push_back(i);
    smtp::OutboundMessage part = message;
    part.recipients.clear();
    for (const std::size_t i : mine) part.recipients.push_back(recipients[i]);
    Attempt trip(*this, setup, ways[mine.front()], part, source, until);
    AttemptReport report = co_await trip.run();
    const std::size_t before = whole.connections.size();
    for (std::size_t k = 0; k < mine.size(); ++k) {
      whole.results[mine[k]] = std::move(report.results[k]);
      if (report.connection_of[k] != no_connection)
        whole.connection_of[mine[k]] = before + report.connection_of[k];
    }
    std::move(report.connections.begin(), report.connections.end(),
              std::back_inserter(whole.connections));
    std::move(report.skipped.begin(), report.skipped.end(), std::back_inserter(whole.skipped));
    whole.dns.merge(report.dns);
    whole.our_fault |= report.our_fault;
    whole.credentials_refused |= report.credentials_refused;
    if (whole.trouble.empty()) whole.trouble = std::move(report.trouble);
    whole.contact = std::min(whole.contact, report.contact);
    // The caller's destination key is that of the first group.
    if (open.front() == 0) {
      whole.route = std::move(report.route);
      whole.next_hop = std::move(report.next_hop);
    }
    open = std::move(rest);
  }
  co_return whole;
}

Courier::Courier(std::shared_ptr<const RelayConfig> config, dns::Resolver& resolver,
                 CourierOptions options)
    : impl_(std::make_shared<Impl>(std::move(config), resolver, std::move(options))) {}
Courier::~Courier() = default;

namespace {

/// Keeps the courier alive until its attempt has ended.
template <class Impl>
Task<AttemptReport> attempt_with(std::shared_ptr<Impl> impl, const smtp::OutboundMessage* message,
                                 TextSource source, std::chrono::steady_clock::time_point until) {
  co_return co_await impl->attempt(*message, std::move(source), until);
}

}  // namespace

Task<AttemptReport> Courier::attempt(const smtp::OutboundMessage& message, TextSource source,
                                     std::chrono::steady_clock::time_point until) {
  return attempt_with(impl_, &message, std::move(source), until);
}

void Courier::use(std::shared_ptr<const RelayConfig> config) { impl_->use(std::move(config)); }

void Courier::close_idle() { impl_->idle().close(); }

std::size_t Courier::idle() const { return impl_->idle().size(); }

}  // namespace postern::relay
