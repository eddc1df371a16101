// Limits of an HTTP server.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

#include "base/ip.h"

namespace postern::net {

/// Requests beyond these get an error reply; the defaults are for the control plane.
struct HttpLimits {
  std::size_t body = std::size_t{1} << 20;  ///< octets; a larger body gets 413
  /// Open connections. When full, a new connection replaces one whose request has not arrived.
  std::size_t connections = 1024;
  /// Requests in progress: from the last octet of the body until the answer is sent. Beyond: 503.
  std::size_t requests = 512;
  /// Requests in progress of one client (an IPv4 address or IPv6 /64). Beyond: 429. Of every
  /// resource limited here, a client gets no more than it and its network leave free
  /// (base/network_shares.h), so that others find some.
  std::size_t requests_per_client = 128;
  /// A body up to this size, in octets, needs no more than its connection. A larger one is read
  /// only if HttpGate allows it, and counts in `bodies`.
  std::size_t small_body = std::size_t{64} << 10;
  /// Octets of larger bodies, announced or possible: in total, and per client.
  std::uint64_t bodies = std::uint64_t{64} << 20;
  std::uint64_t bodies_per_client = std::uint64_t{16} << 20;
  /// Octets in memory of answers larger than `small_body` that are being sent. A GET beyond gets
  /// 503.
  std::uint64_t answers = std::uint64_t{64} << 20;
  /// Paths whose GET needs no place as long as fewer than `reserve` of them are in progress: health
  /// checks must work when the server is overloaded.
  std::vector<std::string> reserved_paths;
  std::size_t reserve = 16;
  /// Proxies that may report the client's address (net/forwarded.h).
  CidrSet trusted_proxies;
  /// From the first octet of a request: to its last header line, and to the end of its body.
  std::chrono::milliseconds head_deadline{10'000};
  std::chrono::milliseconds request_deadline{20'000};  ///< to the end of its body
  /// At least this many octets of a body, or its rest, must arrive within `body_deadline`.
  std::size_t body_progress = 4096;
  std::chrono::milliseconds body_deadline{5'000};
  std::chrono::milliseconds write_deadline{30'000};  ///< per 64 KiB of an answer
  std::chrono::milliseconds idle_deadline{
      60'000};  ///< before the first request and between requests
};

}  // namespace postern::net
