// The limits of an HTTP server.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

#include "base/ip.h"

namespace postern::net {

struct HttpLimits {
  std::size_t body = std::size_t{1} << 20;  ///< octets, then 413
  /// At a time. Beyond them a new one takes the place of one that waits.
  std::size_t connections = 1024;
  /// In hand at a time: from the last header line until the answer has gone out. More are 503.
  std::size_t requests = 512;
  /// Of them, of one client: an IPv4 address or IPv6 /64. More are 429.
  std::size_t requests_per_client = 128;
  /// Octets of the bodies of requests in hand, announced or possible; and of one client.
  std::uint64_t bodies = std::uint64_t{64} << 20;
  std::uint64_t bodies_per_client = std::uint64_t{16} << 20;
  /// Paths whose GET needs no place while fewer than `reserve` of them are in hand: whether the
  /// server lives must be told when nothing else can be.
  std::vector<std::string> reserved_paths;
  std::size_t reserve = 16;
  /// Who may say for whom it asks (net/forwarded.h).
  CidrSet trusted_proxies;
  /// From the first octet of a request to its last header line, and to the last of its body.
  std::chrono::milliseconds head_deadline{10'000};
  std::chrono::milliseconds request_deadline{20'000};
  std::chrono::milliseconds write_deadline{30'000};
  std::chrono::milliseconds idle_deadline{60'000};  ///< before a request and between two
};

}  // namespace postern::net
