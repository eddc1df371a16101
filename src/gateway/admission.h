#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <unordered_map>

#include "base/ip.h"
#include "base/window_counter.h"

namespace postern::gateway {

struct AdmissionLimits {
  std::uint64_t sessions = 1000;
  std::uint64_t sessions_per_address = 50;     ///< an IPv4 address or IPv6 /64
  std::uint64_t new_sessions_per_minute = 30;  ///< likewise
  CidrSet exempt;                              ///< no limits by address for these
};

/// Who may have another session. Thread-safe; shared by all event loops.
class Admission {
 public:
  enum class Refusal { too_many_sessions, too_many_from_address, too_many_new };

  explicit Admission(AdmissionLimits limits);

  /// Counts as a session while it lives.
  class Ticket {
   public:
    Ticket() = default;
    Ticket(Ticket&& other) noexcept
        : owner_(std::exchange(other.owner_, nullptr)), key_(std::move(other.key_)) {}
    Ticket& operator=(Ticket&& other) noexcept;
    ~Ticket() { release(); }

   private:
    friend class Admission;
    Ticket(Admission* owner, std::string key) : owner_(owner), key_(std::move(key)) {}
    void release();

    Admission* owner_ = nullptr;
    std::string key_;  ///< empty: an exempt address
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
  void leave(const std::string& key);

  const AdmissionLimits limits_;
  WindowCounter recent_;
  std::atomic<std::uint64_t> open_{0};
  std::mutex mutex_;
  std::unordered_map<std::string, std::uint64_t> by_address_;
};

}  // namespace postern::gateway
