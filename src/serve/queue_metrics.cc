#include "serve/queue_metrics.h"

#include <algorithm>
#include <map>

#include "spool/words.h"
#include "telemetry/metrics.h"

namespace postern::app {
namespace {

using spool::State;
using telemetry::metrics;

std::int64_t age(const std::optional<spool::Time>& received) {
  if (!received) return 0;
  const auto waits = std::chrono::system_clock::now() - *received;
  return std::max<std::int64_t>(std::chrono::duration_cast<std::chrono::seconds>(waits).count(), 0);
}

void keep_older(std::optional<spool::Time>& oldest, spool::Time received) {
  oldest = oldest ? std::min(*oldest, received) : received;
}

}  // namespace

Result<void> show_queue(spool::Spool& spool) {
  // Before the counts, as a failed disk may make those fail.
  const Result<void> ready = spool.ready(0);
  metrics().spool_failed.gauge({}).set(!ready && ready.error().fault == Fault::permanent ? 1 : 0);
  const auto counts = spool.counts();
  if (!counts) return tl::unexpected(counts.error());
  const Result<std::uint64_t> size = spool.size();
  if (!size) return tl::unexpected(size.error());

  std::map<State, std::uint64_t> states;
  std::optional<spool::Time> oldest;
  std::optional<spool::Time> oldest_relayed;
  std::uint64_t relayed = 0;
  std::vector<std::pair<telemetry::Ranking::Labels, std::uint64_t>> destinations;
  for (const spool::DestinationCount& count : *counts) {
    states[count.state] += count.recipients;
    if (count.state != State::queued) continue;
    keep_older(oldest, count.oldest);
    destinations.push_back({{std::string(to_string(count.destination.kind)), count.destination.key},
                            count.recipients});
    if (count.destination.kind != spool::RouteKind::relay) continue;
    relayed += count.recipients;
    keep_older(oldest_relayed, count.oldest);
  }
  for (const State state : {State::queued, State::held, State::dead, State::quarantined}) {
    metrics()
        .spool_messages.gauge({to_string(state)})
        .set(static_cast<std::int64_t>(states[state]));
  }
  metrics().spool_oldest_message_age.gauge({}).set(age(oldest));
  metrics().spool_size.gauge({}).set(static_cast<std::int64_t>(*size));
  metrics().spool_destinations.set(std::move(destinations));
  metrics().relay_queue_messages.gauge({}).set(static_cast<std::int64_t>(relayed));
  metrics().relay_oldest.gauge({}).set(age(oldest_relayed));
  telemetry::Counter commits = metrics().spool_commits.counter({});
  commits.add(spool.counters().commits - std::min(commits.value(), spool.counters().commits));
  return {};
}

}  // namespace postern::app
