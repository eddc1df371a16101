#include "base/memory_budget.h"

namespace postern {

bool MemoryCharge::change(std::uint64_t wanted) {
  const bool grows = wanted > charged_;
  const std::uint64_t by = grows ? wanted - charged_ : charged_ - wanted;
  charged_ = wanted;
  if (!grows) {
    budget_->used_.fetch_sub(by, std::memory_order_relaxed);
    return true;
  }
  const std::uint64_t used = budget_->used_.fetch_add(by, std::memory_order_relaxed) + by;
  // Threads may race here; the peak is only a hint for returning memory to the system.
  if (used > budget_->peak_.load(std::memory_order_relaxed)) {
    budget_->peak_.store(used, std::memory_order_relaxed);
  }
  if (used <= budget_->limit_) return true;
  budget_->refusals_.fetch_add(1, std::memory_order_relaxed);
  return false;
}

}  // namespace postern
