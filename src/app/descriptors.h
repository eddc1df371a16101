// Who needs how many of the process's descriptors.
#pragma once

#include <cstdint>

#include "app/config.h"

namespace postern::app {

/// What is spoken for before a delivery from the queue gets one: sessions (socket, body file,
/// webhook connection and DNS socket each), API connections and what their requests may open, and
/// the gateway itself (databases with three files each and their readers, listeners, loops, logs).
inline std::uint64_t promised_descriptors(const Config& config) {
  constexpr std::uint64_t of_session = 4;
  constexpr std::uint64_t of_gateway = 100;
  return config.limits.sessions * of_session + config.api.connections + config.api.requests +
         of_gateway;
}

/// Deliveries have what is left of `files`, and this in any case.
inline std::uint64_t least_descriptors_of_deliveries(std::uint64_t files) { return files / 8; }

}  // namespace postern::app
