#include "gateway/admission.h"

#include <utility>

#include "base/subscriber.h"

namespace postern::gateway {

Admission::Admission(AdmissionLimits limits)
    : limits_(std::move(limits)),
      recent_(limits_.new_sessions_per_minute, std::chrono::minutes(1)) {}

Admission::Ticket& Admission::Ticket::operator=(Ticket&& other) noexcept {
  if (this != &other) {
    release();
    owner_ = std::exchange(other.owner_, nullptr);
    key_ = std::move(other.key_);
  }
  return *this;
}

void Admission::Ticket::release() {
  if (Admission* owner = std::exchange(owner_, nullptr)) owner->leave(key_);
}

Admission::Answer Admission::admit(const IpAddress& address) {
  if (open_.fetch_add(1, std::memory_order_relaxed) >= limits_.sessions) {
    open_.fetch_sub(1, std::memory_order_relaxed);
    return {.ticket = {}, .refusal = Refusal::too_many_sessions};
  }
  if (exempt(address)) return {.ticket = Ticket(this, {}), .refusal = {}};

  std::string key = subscriber_key(address);
  std::optional<Refusal> refusal;
  if (!recent_.add(key, WindowCounter::Clock::now())) refusal = Refusal::too_many_new;
  if (!refusal && limits_.sessions_per_address != 0) {
    const std::lock_guard lock(mutex_);
    std::uint64_t& open_here = by_address_[key];
    if (open_here >= limits_.sessions_per_address) {
      refusal = Refusal::too_many_from_address;
    } else {
      ++open_here;
    }
  }
  if (refusal) {
    open_.fetch_sub(1, std::memory_order_relaxed);
    return {.ticket = {}, .refusal = refusal};
  }
  return {.ticket = Ticket(this, std::move(key)), .refusal = {}};
}

void Admission::leave(const std::string& key) {
  open_.fetch_sub(1, std::memory_order_relaxed);
  if (key.empty() || limits_.sessions_per_address == 0) return;
  const std::lock_guard lock(mutex_);
  const auto found = by_address_.find(key);
  if (found != by_address_.end() && --found->second == 0) by_address_.erase(found);
}

}  // namespace postern::gateway
