// Shares of an HTTP server's resources: connections, requests in progress and octets of bodies.
// Accounting only, without sockets or clock; the server locks it.
//
// A connection that waits for a request, or for the rest of one, is idle. When all connections are
// in use, a new one replaces the one that has been idle longest, of the network and in it the
// address with most connections. A request that has arrived has a place until its answer is sent.
// There are fewer places than connections, so that a client can be told that there is no place. Of
// all that is not idle, a client gets what it and its network leave free (base/network_shares.h).
#pragma once

#include <cstdint>
#include <list>
#include <string>
#include <string_view>
#include <utility>

#include "base/network_shares.h"
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
    std::string client_;  ///< of the place and the answer
    std::string sender_;  ///< of the body
    std::uint64_t body_ = 0;
    std::uint64_t answer_ = 0;
  };

  /// Copies the limits.
  explicit HttpShares(HttpLimits limits)
      : limits_(std::move(limits)),
        idle_(limits_.connections),
        requests_(limits_.requests),
        bodies_(limits_.bodies),
        answers_(limits_.answers) {}

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

  /// Adds a connection from `address`, a subscriber_key(). `pushed_out` is the connection that it
  /// replaces, already removed, or null. False: there is no room.
  bool enter(Seat& seat, const std::string& address, Seat*& pushed_out);
  /// Removes a connection and everything that it holds.
  void leave(Seat& seat);
  /// Claims a place for a request of the connection.
  Verdict begin(Seat& seat, const Wanted& wanted);
  /// Releases the place, not the body: the connection is idle again.
  void pause(Seat& seat);
  /// Claims octets for the body of a request from `client`, until end(). No place is needed.
  Verdict take_body(Seat& seat, const std::string& client, std::uint64_t octets);
  /// Claims octets for the answer to the request in the place, until it is released.
  Verdict take_answer(Seat& seat, std::uint64_t octets);
  /// The answer is sent: releases the place and the body; the connection is idle again.
  void end(Seat& seat);

  /// Connections added and not removed.
  std::size_t connections() const { return idle_.used(); }
  /// Requests in progress, without those in the reserve.
  std::size_t requests() const { return requests_.used(); }

 private:
  struct Nothing {};
  using Amounts = NetworkShares<Nothing>;

  static bool take(Amounts& amounts, const std::string& client, std::uint64_t amount);
  template <class Shares>
  static void give_back(Shares& shares, const std::string& client, std::uint64_t amount);
  void wait(Seat& seat);
  void wait_no_more(Seat& seat);
  void release_place(Seat& seat);
  bool takes_reserve(const Wanted& wanted) const;

  const HttpLimits limits_;
  std::size_t reserve_used_ = 0;
  NetworkShares<std::list<Seat*>> idle_;  ///< connections; lists of idle ones, the longest first
  Amounts requests_;
  Amounts bodies_;
  Amounts answers_;
};

}  // namespace postern::net
