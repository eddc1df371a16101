#pragma once

#include <array>
#include <atomic>
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
};

/// Who may have another session. When all places are taken, a newcomer takes that of a session
/// which waits for a command: of the network (IPv4 /24 or IPv6 /48) that has most sessions, if it
/// has more than the newcomer's, outside a transaction rather than inside, the longest waiting one.
/// Within one network addresses are compared likewise: the place of the address that has most is
/// taken. Sessions of exempt addresses keep theirs. Thread-safe; shared by all event loops. Costs
/// no more than the logarithm of the networks and of a network's addresses.
class Admission {
  struct Seat;

 public:
  enum class Refusal { too_many_sessions, too_many_from_address, too_many_new };

  explicit Admission(AdmissionLimits limits);

  /// Counts as a session while it lives, or until another one takes its place. Of one thread.
  class Ticket {
   public:
    Ticket();
    Ticket(Ticket&& other) noexcept;
    Ticket& operator=(Ticket&& other) noexcept;
    ~Ticket();

    /// The session waits for a command from now on.
    void wait(bool in_transaction);
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
  Answer admit(const IpAddress& address);
  bool exempt(const IpAddress& address) const { return limits_.exempt.contains(address); }
  std::uint64_t open_sessions() const { return open_.load(std::memory_order_relaxed); }

 private:
  enum Waiting : std::size_t { outside, inside };  ///< a transaction
  static constexpr std::array<Waiting, 2> all_waiting{outside, inside};
  /// Most sessions first, then the one that waits longest.
  using Rank = std::pair<std::uint64_t, std::uint64_t>;
  struct Network;
  struct Address {
    Network* network = nullptr;
    std::uint64_t open = 0;
    std::array<std::list<Seat*>, 2> waiting;  ///< the longest waiting first
    std::array<std::optional<Rank>, 2> rank;  ///< in its network, where there are such
  };
  struct Network {
    std::uint64_t open = 0;
    std::array<std::map<Rank, Address*>, 2> waiting;  ///< addresses that have somebody waiting
    std::array<std::optional<Rank>, 2> rank;          ///< where there are such
  };
  using Networks = std::unordered_map<std::string, Network>;
  using Addresses = std::unordered_map<std::string, Address>;

  /// Whose place somebody may have; null: nobody's. Empty keys: an exempt address.
  Seat* find_loser(const std::string& address, const std::string& network) const;
  /// Puts the address and its network where they belong after a change of either.
  void rank(Address& address);
  void begin_waiting(Seat& seat, Waiting how);
  void end_waiting(Seat& seat);
  void take_out(Seat& seat);
  std::uint64_t open_of(const std::string& address) const;

  const AdmissionLimits limits_;
  WindowCounter recent_;
  std::atomic<std::uint64_t> open_{0};
  std::mutex mutex_;  ///< what follows, and all seats
  Networks networks_;
  Addresses addresses_;
  std::array<std::map<Rank, Network*>, 2> ranking_;  ///< of networks that have somebody waiting
  std::uint64_t waits_ = 0;                          ///< so far: tells who waits longer
};

}  // namespace postern::gateway
