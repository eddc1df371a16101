#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <unordered_map>
#include <utility>

#include "base/ip.h"
#include "base/shared_limits.h"
#include "base/window_counter.h"
#include "net/peer_waits.h"

namespace postern::gateway {

/// Limits on concurrent sessions and on new ones.
struct AdmissionLimits {
  std::uint64_t sessions = 1000;
  std::uint64_t sessions_per_address = 50;     ///< an IPv4 address or IPv6 /64; 0: no limit
  std::uint64_t new_sessions_per_minute = 30;  ///< likewise
  CidrSet exempt;                              ///< no limits by address for these
  /// Who counts new sessions for several gateways; null: each counts its own.
  SharedLimits* shared = nullptr;
  /// How long a session may keep the gateway waiting, all its waits together, and how long idly,
  /// outside a transaction, at a time. Then it can lose its place.
  std::chrono::milliseconds allowance{10'000};
  std::chrono::milliseconds idle{2'000};
};

/// Decides who may have another session. When all places are taken, a new client replaces a session
/// that waits for its client and has used up its allowance or is idle for too long. It is chosen in
/// this order: the network (IPv4 /24 or IPv6 /48) with most sessions, if it has more than that of
/// the new client; its address with most sessions; the session that has overdrawn most. Sessions of
/// exempt addresses keep their places. Thread-safe; shared by all event loops. Costs O(log networks
/// + log addresses of a network); a wait within the allowance costs nothing
/// (docs/decisions/0053-who-gives-up-a-place.md).
class Admission {
  struct Seat;

 public:
  /// The limit that refused the session: `sessions`, `sessions_per_address` or
  /// `new_sessions_per_minute`.
  enum class Refusal { too_many_sessions, too_many_from_address, too_many_new };
  using Clock = std::chrono::steady_clock;

  /// The limits do not change later.
  explicit Admission(AdmissionLimits limits);

  /// Counts as a session until it is destroyed or another session takes its place. The Admission
  /// must outlive it. One thread at a time may use it, apart from the value at lost().
  class Ticket {
   public:
    /// An empty ticket, which counts as no session.
    Ticket();
    Ticket(Ticket&& other) noexcept;
    Ticket& operator=(Ticket&& other) noexcept;
    ~Ticket();

    /// Charges the session's waits to its allowance. Valid as long as the ticket; null for an empty
    /// ticket.
    net::PeerWaits* waits() const;
    /// Says whether the next waits are for a command outside a transaction: those count against
    /// AdmissionLimits::idle.
    void set_idle(bool idle);
    /// So many octets of a message came: they earn allowance.
    void received(std::size_t octets);
    /// A message was accepted, which earns some, too.
    void accepted();
    /// The session is that of another client from now on (XCLIENT), with an allowance of its own.
    /// Why it may not have one; it is to end then.
    std::optional<Refusal> move(const IpAddress& address, Clock::time_point now = Clock::now());
    /// Another one has the place: the session must end.
    bool lost() const;

   private:
    friend class Admission;
    Ticket(Admission* owner, std::unique_ptr<Seat> seat);
    void release();

    Admission* owner_ = nullptr;
    std::unique_ptr<Seat> seat_;
  };

  /// A ticket, or the reason for the refusal.
  struct Answer {
    Ticket ticket;                   ///< empty when refused
    std::optional<Refusal> refusal;  ///< nullopt: admitted
  };
  /// Asks for a session of a client at `address`. Never blocks for long.
  Answer admit(const IpAddress& address, Clock::time_point now = Clock::now());
  /// What is to be counted for a client that admit() has admitted.
  struct Shared {
    SharedLimits* limits = nullptr;  ///< null: nothing
    SharedLimits::Limit limit;       ///< of new sessions
    std::string key;                 ///< the client's
  };
  /// The part of the limit of new sessions that all gateways keep.
  Shared shared(const IpAddress& address) const;
  /// Whether the limits per address do not apply.
  bool exempt(const IpAddress& address) const { return limits_.exempt.contains(address); }
  std::uint64_t open_sessions() const { return open_.load(std::memory_order_relaxed); }
  /// Of so many sessions, how many may have lost their places and not have ended yet; as long as
  /// there are more, nobody loses one.
  static constexpr std::uint64_t most_leaving(std::uint64_t sessions) { return sessions / 4 + 16; }
  /// Of so many sessions, how many connections may be open: with those that end, and those that
  /// were not admitted yet (PROXY) or are told so.
  static constexpr std::uint64_t most_connections(std::uint64_t sessions) {
    return sessions + most_leaving(sessions) + 64;
  }
  /// Whether another connection may be opened beside `open` ones.
  bool has_room(std::uint64_t open) const { return open < most_connections(limits_.sessions); }

 private:
  /// When the allowance was used up, and a number that tells sessions apart.
  using Due = std::pair<Clock::time_point, std::uint64_t>;
  /// Most sessions first, then the one that is due longest.
  using Rank = std::pair<std::uint64_t, Due>;
  /// `taken`: places that it took from others and has left again, not long ago.
  struct Network;
  struct Address {
    std::pair<const std::string, Network>* network = nullptr;  ///< in networks_
    std::uint64_t open = 0;
    std::uint64_t taken = 0;
    std::map<Due, Seat*> due;  ///< that may lose their places
    std::optional<Rank> rank;  ///< in its network, where there are such
  };
  struct Network {
    std::uint64_t open = 0;
    std::uint64_t taken = 0;
    std::map<Rank, Address*> due;  ///< addresses that have such sessions
    std::optional<Rank> rank;      ///< where there are such
  };
  using Networks = std::unordered_map<std::string, Network>;
  using Addresses = std::unordered_map<std::string, Address>;
  /// What an address counts under; empty: nothing, it is exempt.
  struct Keys {
    std::string address;
    std::string network;
  };

  Keys keys_of(const IpAddress& address) const;
  /// Whose place somebody may have; null: nobody's.
  Seat* find_loser(const Keys& newcomer, Clock::time_point now) const;
  /// Counts one more session of the address; why it may not have one. `alone`: new sessions are
  /// counted here, whoever else counts them.
  std::optional<Refusal> count(const Keys& keys, Clock::time_point now, bool alone);
  void sit_down(Seat& seat, const Keys& keys);
  void stand_up(Seat& seat);
  /// Out of the books; what it took from somebody is remembered.
  void take_out(Seat& seat, Clock::time_point now);
  void forget_taken(Clock::time_point now);
  void forget_oldest();
  void erase_if_empty(Addresses::pointer address);
  /// Puts the address and its network where they belong after a change of either.
  void rank(Address& address);
  void line_up(Seat& seat);
  /// It cannot lose its place any more. False: it has lost it.
  bool withdraw(Seat& seat);

  const AdmissionLimits limits_;
  WindowCounter recent_;
  std::atomic<std::uint64_t> open_{0};
  std::mutex mutex_;  ///< what follows, and of seats what they say
  Networks networks_;
  Addresses addresses_;
  std::map<Rank, Network*>
      ranking_;  ///< of networks that have sessions which may lose their places
  std::deque<std::pair<Clock::time_point, Addresses::pointer>> taken_;  ///< oldest first
  std::uint64_t leaving_ = 0;  ///< sessions that have lost their places and not ended
  std::uint64_t numbers_ = 0;
};

}  // namespace postern::gateway
