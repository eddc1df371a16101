// How the process divides its file descriptors.
#pragma once

#include <cstdint>

#include "config/config.h"
#include "gateway/admission.h"

namespace postern::app {

/// Descriptors that are reserved before deliveries from the queue get any: for sessions (socket,
/// body file, webhook connection and DNS socket each), those that have lost their places and still
/// end, API connections and the files of their requests, and the gateway itself (databases with
/// three files each and their readers, listeners, event loops, logs).
inline std::uint64_t promised_descriptors(const Config& config) {
  constexpr std::uint64_t of_one = 4;
  constexpr std::uint64_t of_session = of_one + 1;  // a quarter as many end (most_leaving())
  constexpr std::uint64_t of_gateway = 100 + of_one * gateway::Admission::most_leaving(0);
  return config.limits.sessions * of_session + config.api.connections + config.api.requests +
         of_gateway;
}

/// The least number of descriptors for deliveries, of `files` in total; otherwise they get the
/// rest.
inline std::uint64_t least_descriptors_of_deliveries(std::uint64_t files) { return files / 8; }

}  // namespace postern::app
