// One budget (limits.memory) for memory whose size a peer controls: each such buffer is charged to
// it and released with the buffer.
#pragma once

#include <atomic>
#include <cstdint>
#include <utility>

namespace postern {

/// The total and its limit, in octets. Thread-safe. It must outlive its charges.
class MemoryBudget {
 public:
  explicit MemoryBudget(std::uint64_t limit) : limit_(limit) {}  ///< in octets
  MemoryBudget(const MemoryBudget&) = delete;
  MemoryBudget& operator=(const MemoryBudget&) = delete;

  /// Octets, as configured.
  std::uint64_t limit() const { return limit_; }
  /// Octets charged now; may exceed limit().
  std::uint64_t used() const { return used_.load(std::memory_order_relaxed); }
  /// More than 80 % is used: no new work is accepted, so that work in progress can finish.
  bool low() const { return used() > limit_ / 10 * 8; }
  /// More than limit() is used.
  bool used_up() const { return used() > limit_; }
  /// The highest use since the last call, in octets, approximately.
  std::uint64_t take_peak() { return peak_.exchange(used(), std::memory_order_relaxed); }
  /// How many charges exceeded the limit so far.
  std::uint64_t refusals() const { return refusals_.load(std::memory_order_relaxed); }

 private:
  friend class MemoryCharge;

  const std::uint64_t limit_;
  std::atomic<std::uint64_t> used_{0};
  std::atomic<std::uint64_t> peak_{0};
  std::atomic<std::uint64_t> refusals_{0};
};

/// A share of a budget, released on destruction. Move-only. For one thread at a time.
class MemoryCharge {
 public:
  /// Shares are multiples of this many octets: most changes of a small share do not touch the
  /// shared counter.
  static constexpr std::uint64_t step = 4096;

  /// Without a budget: set() always succeeds and charges nothing.
  MemoryCharge() = default;
  /// Charges `octets` even if the budget is exceeded.
  explicit MemoryCharge(MemoryBudget& budget, std::uint64_t octets = 0) : budget_(&budget) {
    (void)set(octets);
  }
  MemoryCharge(MemoryCharge&& other) noexcept
      : budget_(std::exchange(other.budget_, nullptr)),
        charged_(std::exchange(other.charged_, 0)) {}
  MemoryCharge& operator=(MemoryCharge&& other) noexcept {
    if (this != &other) {
      give_back();
      budget_ = std::exchange(other.budget_, nullptr);
      charged_ = std::exchange(other.charged_, 0);
    }
    return *this;
  }
  ~MemoryCharge() { give_back(); }

  /// Sets the share to `octets` in total. False: it grew and the budget is exceeded. The share is
  /// charged even then, until the caller frees the memory and lowers it.
  [[nodiscard]] bool set(std::uint64_t octets) {
    const std::uint64_t wanted = (octets + step - 1) / step * step;
    if (wanted == charged_ || budget_ == nullptr) return true;
    return change(wanted);
  }
  /// Releases the share; the object may be used again.
  void clear() { (void)set(0); }
  /// Octets charged: a multiple of `step`.
  std::uint64_t charged() const { return charged_; }

 private:
  bool change(std::uint64_t wanted);
  void give_back() {
    if (budget_ != nullptr) clear();
  }

  MemoryBudget* budget_ = nullptr;
  std::uint64_t charged_ = 0;
};

}  // namespace postern
