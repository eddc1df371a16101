// One budget for what peers make the process keep (limits.memory): whatever grows with what a peer
// sends is charged to it, and given back when it goes.
#pragma once

#include <atomic>
#include <cstdint>
#include <utility>

namespace postern {

/// Thread-safe. Outlives its charges.
class MemoryBudget {
 public:
  explicit MemoryBudget(std::uint64_t limit) : limit_(limit) {}
  MemoryBudget(const MemoryBudget&) = delete;
  MemoryBudget& operator=(const MemoryBudget&) = delete;

  std::uint64_t limit() const { return limit_; }
  std::uint64_t used() const { return used_.load(std::memory_order_relaxed); }
  /// 80 % are used: nothing new is begun, so that what has begun can end.
  bool low() const { return used() > limit_ / 10 * 8; }
  bool used_up() const { return used() > limit_; }
  /// The most that was used since the last call.
  std::uint64_t take_peak() { return peak_.exchange(used(), std::memory_order_relaxed); }
  /// Charges that could not be met, so far.
  std::uint64_t refusals() const { return refusals_.load(std::memory_order_relaxed); }

 private:
  friend class MemoryCharge;

  const std::uint64_t limit_;
  std::atomic<std::uint64_t> used_{0};
  std::atomic<std::uint64_t> peak_{0};
  std::atomic<std::uint64_t> refusals_{0};
};

/// A share of a budget, given back with it. For one thread at a time.
class MemoryCharge {
 public:
  /// Shares grow by such steps: most changes of a small one touch no counter that threads share.
  static constexpr std::uint64_t step = 4096;

  MemoryCharge() = default;
  /// For `octets`, charged whether there is room or not.
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

  /// Charges for `octets` in all, in place of what it was. False: it has grown, and the budget is
  /// used up. It is charged all the same until the caller has let go of it: what is there counts.
  [[nodiscard]] bool set(std::uint64_t octets) {
    const std::uint64_t wanted = (octets + step - 1) / step * step;
    if (wanted == charged_ || budget_ == nullptr) return true;
    return change(wanted);
  }
  /// Gives everything back; the charge may be used again.
  void clear() { (void)set(0); }
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
