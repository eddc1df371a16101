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
  /// Of them, of one client: an IPv4 address or IPv6 /64. More are 429. Of each of the things
  /// counted here a client has no more than about as much as is free, so that others find some.
  std::size_t requests_per_client = 128;
  /// A body up to this costs its request's place alone. A larger one is read when HttpGate lets it
  /// be, and has its share of `bodies`.
  std::size_t small_body = std::size_t{64} << 10;
  /// Octets of larger bodies, announced or possible; and of one client.
  std::uint64_t bodies = std::uint64_t{64} << 20;
  std::uint64_t bodies_per_client = std::uint64_t{16} << 20;
  /// Octets of answers larger than `small_body` that are on their way, where they are in memory. A
  /// GET beyond them is 503.
  std::uint64_t answers = std::uint64_t{64} << 20;
  /// Paths whose GET needs no place while fewer than `reserve` of them are in hand: whether the
  /// server lives must be told when nothing else can be.
  std::vector<std::string> reserved_paths;
  std::size_t reserve = 16;
  /// Who may say for whom it asks (net/forwarded.h).
  CidrSet trusted_proxies;
  /// From the first octet of a request to its last header line, and to the last of its body.
  std::chrono::milliseconds head_deadline{10'000};
  std::chrono::milliseconds request_deadline{20'000};
  /// So many octets of a body come in this time, or what is left of it.
  std::size_t body_progress = 4096;
  std::chrono::milliseconds body_deadline{5'000};
  std::chrono::milliseconds write_deadline{30'000};  ///< for 64 KiB of an answer
  std::chrono::milliseconds idle_deadline{60'000};   ///< before a request and between two
};

}  // namespace postern::net
