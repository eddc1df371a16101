#include "config/descriptors.h"

#include <algorithm>
#include <fstream>
#include <limits>

#include <sys/resource.h>

#include "gateway/admission.h"
#include "gateway/work_places.h"
#include "net/unbound_resolver.h"

namespace postern::app {

namespace {

using gateway::Admission;
using gateway::WorkPlaces;

/// What a message in work has open at most: its body, another text of it (with trace fields, a
/// payload), and a connection to a webhook, policy server or the like.
constexpr std::uint64_t of_work = 3;
/// A delivery: a socket, the stored text, a payload.
constexpr std::uint64_t of_delivery = 3;
/// Databases with three files each and their readers, listeners, event loops, logs.
constexpr std::uint64_t of_gateway = 100;
/// Messages in work for which there must be room at the least.
constexpr std::uint64_t least_work = 64;
constexpr std::uint64_t sessions_for_work = 32;  ///< one more for each so many sessions

/// An eighth is kept for deliveries.
constexpr std::uint64_t part_of_deliveries = 8;

/// What is reserved whatever is in work.
std::uint64_t reserved(const Config& config, std::uint64_t sessions) {
  const std::uint64_t lookups = net::UnboundOptions{}.lookups;
  return Admission::most_connections(sessions) + std::min(sessions, lookups) +
         config.api.connections + config.api.requests + of_gateway;
}

/// Places that each session can have one of, with those that end.
std::uint64_t enough_work(std::uint64_t sessions) {
  return sessions + Admission::most_leaving(sessions);
}

std::uint64_t least_places(std::uint64_t sessions) {
  return std::min(enough_work(sessions), least_work + sessions / sessions_for_work);
}

std::uint64_t with_deliveries(std::uint64_t rest) {
  return (rest * part_of_deliveries + part_of_deliveries - 2) / (part_of_deliveries - 1);
}

std::uint64_t most_of_the_system() {
  std::uint64_t most = 0;
  std::ifstream("/proc/sys/fs/nr_open") >> most;
  return most;
}

}  // namespace

std::uint64_t delivery_slots(const QueueConfig& queue) {
  return queue.concurrency + queue.report_concurrency + queue.webhook_concurrency +
         queue.folder_concurrency;
}

DescriptorShares divide_descriptors(const Config& config, std::uint64_t files) {
  constexpr std::uint64_t any = std::numeric_limits<std::uint64_t>::max();
  if (files == RLIM_INFINITY) return {.work = WorkPlaces::unlimited, .deliveries = any};
  const std::uint64_t sessions = config.limits.sessions;
  const std::uint64_t enough = enough_work(sessions);
  const std::uint64_t fixed = reserved(config, sessions);
  const std::uint64_t of_deliveries = files / part_of_deliveries;
  const std::uint64_t rest =
      files > fixed + of_deliveries ? (files - fixed - of_deliveries) / of_work : 0;
  const std::uint64_t work = std::clamp(rest, least_places(sessions), enough);
  const std::uint64_t taken = fixed + work * of_work;
  return {.work = work == enough ? WorkPlaces::unlimited : work,
          .deliveries = std::max(files > taken ? files - taken : 0, of_deliveries) / of_delivery};
}

std::uint64_t least_descriptors(const Config& config, std::uint64_t sessions) {
  return with_deliveries(reserved(config, sessions) + of_work * least_places(sessions));
}

std::uint64_t wanted_descriptors(const Config& config) {
  const std::uint64_t sessions = config.limits.sessions;
  const std::uint64_t rest = reserved(config, sessions) + of_work * enough_work(sessions);
  return std::max(with_deliveries(rest), rest + of_delivery * delivery_slots(config.queue));
}

std::uint64_t attainable_descriptors(std::uint64_t wanted) {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return RLIM_INFINITY;
  if (limit.rlim_max == RLIM_INFINITY || limit.rlim_max >= wanted) return limit.rlim_max;
  // A capability in a namespace of users does not count here, so only trying shows what is allowed.
  const rlimit more{limit.rlim_cur,
                    std::max<rlim_t>(limit.rlim_max, std::min(wanted, most_of_the_system()))};
  if (::setrlimit(RLIMIT_NOFILE, &more) != 0) return limit.rlim_max;
  ::setrlimit(RLIMIT_NOFILE, &limit);
  return more.rlim_max;
}

std::uint64_t descriptor_limit() {
  rlimit limit{};
  return ::getrlimit(RLIMIT_NOFILE, &limit) == 0 ? limit.rlim_cur : RLIM_INFINITY;
}

void raise_descriptor_limit(std::uint64_t wanted) {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  const rlim_t most = attainable_descriptors(wanted);
  const rlimit raised{most, most};
  ::setrlimit(RLIMIT_NOFILE, &raised);
}

}  // namespace postern::app
