// Places for what sessions have in work: a command that is judged, a message on its way. Idle
// sessions need a socket each; whatever else is opened is opened for work, which is counted here.
#pragma once

#include <cstdint>
#include <limits>
#include <mutex>
#include <optional>
#include <utility>

#include "base/ip.h"
#include "base/network_shares.h"

namespace postern::gateway {

/// Hands places out by shares of networks and clients (base/network_shares.h), so that no network
/// has more than half of them; one that has its share gets none, not even for a command of a
/// transaction that has begun. Never waits. Thread-safe; it outlives its places.
class WorkPlaces {
 public:
  /// Every session has its place: nothing is counted.
  static constexpr std::uint64_t unlimited = std::numeric_limits<std::uint64_t>::max();

 private:
  struct Nothing {};
  using Shares = NetworkShares<Nothing>;

 public:
  /// `places`: what may be in work at a time.
  explicit WorkPlaces(std::uint64_t places = unlimited) : places_(places), shares_(places) {}

  /// Counts as something in work until it is destroyed. Move-only; for one thread at a time.
  class Place {
   public:
    Place(Place&& other) noexcept
        : owner_(std::exchange(other.owner_, nullptr)), client_(other.client_) {}
    Place& operator=(Place&& other) noexcept {
      std::swap(owner_, other.owner_);  // the other one gives back what this one had
      std::swap(client_, other.client_);
      return *this;
    }
    ~Place();

   private:
    friend class WorkPlaces;
    Place(WorkPlaces* owner, Shares::Client* client) : owner_(owner), client_(client) {}

    WorkPlaces* owner_;  ///< null: nothing is counted
    Shares::Client* client_;
  };

  /// A place for work of the client at `address`; nullopt: there is none for it now. The last tenth
  /// is for networks that use next to nothing, so that new sessions are greeted.
  std::optional<Place> take(const IpAddress& address);
  /// Whether new work of the client should begin: take() would give it a place now, and more than a
  /// fifth of all places are free, which is kept for work that has begun; or its network uses next
  /// to nothing, so that a few others that use much cannot keep it out.
  bool has_room(const IpAddress& address);
  /// At most a fifth of all places are free, or were, and fewer than two fifths have become free
  /// since.
  bool low();

 private:
  /// Whether the client has not had its share, and leaves `kept` places to networks that use next
  /// to nothing. Requires the lock.
  bool may_take(const std::string& key, std::uint64_t kept) const;

  const std::uint64_t places_;
  std::mutex mutex_;  ///< guards what follows
  Shares shares_;
  bool low_ = false;
};

}  // namespace postern::gateway
