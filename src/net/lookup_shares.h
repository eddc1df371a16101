// Shares of concurrent DNS lookups. Accounting only, without clock; the resolver locks it.
//
// A client may have as many pending lookups as it and its network leave free
// (base/network_shares.h): a network alone gets half of them, two networks get a third each. Places
// of lookups that never end become free when the resolver gives up; if about log2(places) networks
// cause such lookups at a time, a new client waits that long.
#pragma once

#include <cstddef>
#include <list>
#include <string>
#include <utility>

#include "base/network_shares.h"

namespace postern::net {

/// Accounting for one resolver. Not thread-safe.
class LookupShares {
 public:
  /// `places`: the limit of concurrent lookups.
  explicit LookupShares(std::size_t places) : shares_(places) {}

  /// A lookup that needs a place; a base of the object that waits. Call left() before it is
  /// destroyed.
  class Waiting {
   public:
    explicit Waiting(std::string client) : client_(std::move(client)) {}
    /// The subscriber_key() under which it is counted.
    const std::string& client() const { return client_; }
    /// Whether the lookup may start.
    bool has_place() const { return state_ == State::has_place; }

   private:
    friend class LookupShares;
    enum class State { outside, in_line, has_place };
    const std::string client_;
    State state_ = State::outside;
    std::list<Waiting*>::iterator position_;
  };

  /// True: it has a place. False: it is queued until release() or left() gives it one.
  bool take(Waiting& one);
  /// A lookup of this client has ended. Returns the lookup that now has its place, or null.
  Waiting* release(const std::string& client);
  /// Removes it from the queue, or releases its place. Returns as release().
  Waiting* left(Waiting& one);
  /// The lookup has started: its place stays in use until release(), even if `one` is destroyed.
  void begun(Waiting& one) { one.state_ = Waiting::State::outside; }

  /// Places in use.
  std::size_t under_way() const { return shares_.used(); }

 private:
  using Shares = NetworkShares<std::list<Waiting*>>;  ///< with each client's queue

  void leave_line(Shares::Client& client, Waiting& one);

  Shares shares_;
};

}  // namespace postern::net
