// How the process divides its file descriptors (docs/decisions/0064-descriptors.md).
#pragma once

#include <cstdint>

#include "config/config.h"

namespace postern::app {

/// What descriptors allow, beside what is reserved for each session (its socket), for the API, for
/// DNS look-ups and for the gateway itself.
struct DescriptorShares {
  /// Commands and messages of sessions that may be in work at a time;
  /// gateway::WorkPlaces::unlimited: each session has a place.
  std::uint64_t work = 0;
  /// Deliveries from the queue at a time; the greatest value: the limit does not matter.
  std::uint64_t deliveries = 0;
};

/// Divides `files` descriptors, the process's limit (RLIM_INFINITY: there is none).
DescriptorShares divide_descriptors(const Config& config, std::uint64_t files);

/// The limit below which the gateway does not start (C034), if it may have so many sessions.
std::uint64_t least_descriptors(const Config& config, std::uint64_t sessions);

/// The limit with which each session has a place for its work, and all deliveries of `[queue]` run.
std::uint64_t wanted_descriptors(const Config& config);

/// The hard limit that the process has, or could have: one with CAP_SYS_RESOURCE raises its own, up
/// to /proc/sys/fs/nr_open. At least `wanted` if that can be had; RLIM_INFINITY: there is none. The
/// limit stays as it is. One thread at a time.
std::uint64_t attainable_descriptors(std::uint64_t wanted);

/// The limit of the process, RLIMIT_NOFILE; RLIM_INFINITY: there is none.
std::uint64_t descriptor_limit();

/// Raises the limit of the process to the hard limit, and that to `wanted` descriptors where it may
/// (attainable_descriptors()).
void raise_descriptor_limit(std::uint64_t wanted);

/// Deliveries from the queue that may run at a time by `[queue]`.
std::uint64_t delivery_slots(const QueueConfig& queue);

}  // namespace postern::app
