// Who may hold how much of an HTTP server at a time: connections, requests in hand and octets of
// their bodies. Books alone, without socket or clock; the server has the lock.
//
// A connection that waits for a request (or for its end) belongs to nobody: when all are taken, a
// new one takes the place of the one that has waited longest, of the address that has most of
// them. A request in hand has its place until its answer has gone out. There are fewer places than
// connections: whoever comes is listened to, and told when there is no place.
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

class HttpShares {
 public:
  /// One connection in the books, inside the connection itself.
  class Seat {
   public:
    /// True: another one took the place; it must be closed.
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

  explicit HttpShares(HttpLimits limits) : limits_(std::move(limits)) {}

  /// What is asked for. `client`: whoever the request is counted for.
  struct Wanted {
    std::string client;
    bool has_body = false;
    std::string_view path;
  };
  enum class Verdict {
    admitted,
    lost,        ///< the connection has to go
    too_many,    ///< of this client
    overloaded,  ///< of all clients
  };

  /// A new connection from `address`. The seat that lost its place to it is `pushed_out`, already
  /// out of the books. False: there is no room.
  bool enter(Seat& seat, std::string address, Seat*& pushed_out);
  void leave(Seat& seat);
  Verdict begin(Seat& seat, const Wanted& wanted);
  /// Octets for the body of the seat's request, until end().
  Verdict take_body(Seat& seat, std::uint64_t octets);
  /// Octets for the answer to the seat's request, until end().
  Verdict take_answer(Seat& seat, std::uint64_t octets);
  /// The answer has gone out: the connection waits again.
  void end(Seat& seat);

  std::size_t connections() const { return connections_; }
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
  std::map<std::string, std::list<Seat*>> waiting_;  ///< by address, who waits longest first
  std::map<std::string, Client> clients_;
};

}  // namespace postern::net
