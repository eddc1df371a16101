#pragma once

#include <array>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <list>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <unordered_map>
#include <utility>

#include "base/ip.h"
#include "base/window_counter.h"

namespace postern::gateway {

struct AdmissionLimits {
  std::uint64_t sessions = 1000;
  std::uint64_t sessions_per_address = 50;     ///< an IPv4 address or IPv6 /64; 0: no limit
  std::uint64_t new_sessions_per_minute = 30;  ///< likewise
  CidrSet exempt;                              ///< no limits by address for these
  /// How long a session must have waited before it can lose its place: idle, inside a transaction,
  /// for message data.
  std::array<std::chrono::milliseconds, 3> patience{
      std::chrono::seconds(2), std::chrono::seconds(5), std::chrono::seconds(10)};
};

/// Who may have another session. When all places are taken, a newcomer takes that of a session
/// which has waited for its client: one outside a transaction rather than one inside, and rather
/// that than one whose message does not come. Among these it is one of the network (IPv4 /24 or
/// IPv6 /48) that has most sessions, if that has more than the newcomer's; of its addresses the one
/// that has most; there the longest waiting one. Sessions of exempt addresses keep their places.
/// Thread-safe; shared by all event loops. Costs no more than the logarithm of the networks and of
/// a network's addresses.
class Admission {
  struct Seat;

 public:
  enum class Refusal { too_many_sessions, too_many_from_address, too_many_new };
  /// What a session waits for: a command outside a transaction, one inside, the message.
  enum Waiting : std::size_t { idle, in_transaction, receiving };
  using Clock = std::chrono::steady_clock;

  explicit Admission(AdmissionLimits limits);

  /// Counts as a session while it lives, or until another one takes its place. Of one thread.
  class Ticket {
   public:
    Ticket();
    Ticket(Ticket&& other) noexcept;
    Ticket& operator=(Ticket&& other) noexcept;
    ~Ticket();

    /// The session waits for its client from now on. `late`: it has used up its patience.
    void wait(Waiting how, bool late = false, Clock::time_point now = Clock::now());
    /// It waits no longer. False: another one has the place, and it must end.
    bool resume();
    /// True: another one has the place. As long as the ticket lives; null: it is nobody's.
    const std::atomic<bool>* lost() const;

   private:
    friend class Admission;
    Ticket(Admission* owner, std::unique_ptr<Seat> seat);
    void release();

    Admission* owner_ = nullptr;
    std::unique_ptr<Seat> seat_;
  };

  /// A ticket, or why not. The Admission must outlive its tickets.
  struct Answer {
    Ticket ticket;
    std::optional<Refusal> refusal;
  };
  Answer admit(const IpAddress& address, Clock::time_point now = Clock::now());
  bool exempt(const IpAddress& address) const { return limits_.exempt.contains(address); }
  std::chrono::milliseconds patience(Waiting how) const { return limits_.patience[how]; }
  std::uint64_t open_sessions() const { return open_.load(std::memory_order_relaxed); }

 private:
  static constexpr std::array<Waiting, 3> all_waiting{idle, in_transaction, receiving};
  /// Most sessions first, then the one that waits longest.
  using Rank = std::pair<std::uint64_t, std::uint64_t>;
  struct Network;
  struct Address {
    std::pair<const std::string, Network>* network = nullptr;  ///< in networks_
    std::uint64_t open = 0;
    std::array<std::list<Seat*>, 3> waiting;  ///< out of patience, the longest waiting first
    std::array<std::optional<Rank>, 3> rank;  ///< in its network, where there are such
  };
  struct Network {
    std::uint64_t open = 0;
    std::array<std::map<Rank, Address*>, 3> waiting;  ///< addresses that have somebody waiting
    std::array<std::optional<Rank>, 3> rank;          ///< where there are such
  };
  using Networks = std::unordered_map<std::string, Network>;
  using Addresses = std::unordered_map<std::string, Address>;

  /// Whose place somebody may have; null: nobody's. Empty keys: an exempt address.
  Seat* find_loser(const std::string& address, const std::string& network) const;
  /// Puts the address and its network where they belong after a change of either.
  void rank(Address& address);
  void begin_waiting(Seat& seat, Waiting how, bool late, Clock::time_point now);
  /// Those whose patience is over may lose their places from now on.
  void end_patience(Clock::time_point now);
  void line_up(Seat& seat);
  void end_waiting(Seat& seat);
  void take_out(Seat& seat);
  std::uint64_t open_of(const std::string& address) const;

  const AdmissionLimits limits_;
  WindowCounter recent_;
  std::atomic<std::uint64_t> open_{0};
  std::mutex mutex_;  ///< what follows, and all seats
  Networks networks_;
  Addresses addresses_;
  std::array<std::list<Seat*>, 3> fresh_;            ///< that wait patiently yet, oldest first
  std::array<std::map<Rank, Network*>, 3> ranking_;  ///< of networks that have somebody waiting
  std::uint64_t waits_ = 0;                          ///< so far: tells who waits longer
};

}  // namespace postern::gateway
