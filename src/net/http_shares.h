// Shares of an HTTP server's resources: connections, requests in progress and octets of bodies.
// Accounting only, without sockets or clock; the server locks it.
//
// A connection that waits for a request (or for its end) is idle and belongs to no client. When all
// connections are in use, a new one replaces the one that has been idle longest, of the address
// with most idle connections. A request in progress has a place until its answer is sent. There are
// fewer places than connections, so that a client can be told that there is no place.
#pragma once

#include <cstdint>
#include <list>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "net/http_limits.h"

namespace postern::net {

/// Accounting for one server. Not thread-safe.
class HttpShares {
 public:
  /// The accounting record of one connection; a member of the connection.
  class Seat {
   public:
    /// Another connection has replaced this one, which must be closed.
    bool lost() const { return lost_; }

   private:
    friend class HttpShares;
    enum class Holds { nothing, a_place, the_reserve };
    bool present_ = false;
    bool lost_ = false;
    std::string address_;
    std::list<Seat*>::iterator waiting_;
    Holds holds_ = Holds::nothing;
    std::string client_;
    std::uint64_t body_ = 0;
    std::uint64_t answer_ = 0;
  };

  /// Copies the limits.
  explicit HttpShares(HttpLimits limits) : limits_(std::move(limits)) {}

  /// A request that asks for a place.
  struct Wanted {
    std::string client;     ///< the key under which the request is counted
    bool has_body = false;  ///< it has a body, so it cannot use the reserve
    std::string_view path;  ///< compared with HttpLimits::reserved_paths
  };
  /// The answer to a claim.
  enum class Verdict {
    admitted,
    lost,        ///< the connection was replaced: close it
    too_many,    ///< the limit of this client is reached
    overloaded,  ///< the limit of all clients is reached
  };

  /// Adds a connection from `address`. `pushed_out` is the connection that it replaces, already
  /// removed, or null. False: there is no room.
  bool enter(Seat& seat, std::string address, Seat*& pushed_out);
  /// Removes a connection and everything that it holds.
  void leave(Seat& seat);
  /// Claims a place for a request of the connection.
  Verdict begin(Seat& seat, const Wanted& wanted);
  /// Claims octets for the body of the request, until end().
  Verdict take_body(Seat& seat, std::uint64_t octets);
  /// Claims octets for the answer to the request, until end().
  Verdict take_answer(Seat& seat, std::uint64_t octets);
  /// The answer is sent: releases the place; the connection is idle again.
  void end(Seat& seat);

  /// Connections added and not removed.
  std::size_t connections() const { return connections_; }
  /// Requests in progress, without those in the reserve.
  std::size_t requests() const { return requests_; }

 private:
  struct Client {
    std::size_t requests = 0;
    std::uint64_t bodies = 0;
    std::uint64_t answers = 0;
  };
  void wait(Seat& seat);
  void wait_no_more(Seat& seat);
  void release(Seat& seat);
  bool takes_reserve(const Wanted& wanted) const;

  const HttpLimits limits_;
  std::size_t connections_ = 0;
  std::size_t requests_ = 0;
  std::size_t reserve_used_ = 0;
  std::uint64_t bodies_ = 0;
  std::uint64_t answers_ = 0;
  std::map<std::string, std::list<Seat*>> waiting_;  ///< by address; the longest idle first
  std::map<std::string, Client> clients_;
};

}  // namespace postern::net
