#include "gateway/signature_sightings.h"

#include <algorithm>

#include "base/sha256.h"
#include "base/ulid.h"

namespace postern::gateway {

SignatureSightings::SignatureSightings(MemoryBudget& memory, std::size_t max_signatures,
                                       Clock::duration window)
    : memory_(memory),
      max_signatures_(std::clamp<std::size_t>(memory.limit() / 16 / entry_octets, 1,
                                              std::max<std::size_t>(max_signatures, 1))),
      window_(window),
      secret_(new_ulid()),
      charge_(memory) {}

SignatureSightings::Key SignatureSightings::key_of(std::string_view value) const {
  Sha256 digest;
  digest.add(secret_);
  digest.add(value);
  const std::string octets = digest.finish();
  Key key{};
  std::copy_n(octets.begin(), key.size(), key.begin());
  return key;
}

std::uint64_t SignatureSightings::add(const Key& key, Clock::time_point now) {
  const std::lock_guard lock(mutex_);
  forget_past(now);
  const auto found = by_key_.find(key);
  if (found != by_key_.end()) {
    Entry& entry = *found->second;
    if (now - entry.started >= window_) entry = {.key = key, .started = now, .last = now};
    entry.last = now;
    entries_.splice(entries_.end(), entries_, found->second);
    return ++entry.count;
  }
  if (by_key_.size() >= max_signatures_) forget_oldest();
  entries_.push_back({.key = key, .started = now, .last = now, .count = 1});
  by_key_.emplace(key, std::prev(entries_.end()));
  if (!charge()) {
    forget_oldest();
    (void)charge();
  }
  return 1;
}

void SignatureSightings::withdraw(const Key& key) {
  const std::lock_guard lock(mutex_);
  const auto found = by_key_.find(key);
  if (found == by_key_.end()) return;
  if (--found->second->count > 0) return;
  entries_.erase(found->second);
  by_key_.erase(found);
  (void)charge();
}

void SignatureSightings::tidy(Clock::time_point now) {
  const std::lock_guard lock(mutex_);
  forget_past(now);
  if (!memory_.low()) return;
  entries_.clear();
  decltype(by_key_)().swap(by_key_);  // frees the table, too
  (void)charge();
}

std::size_t SignatureSightings::size() const {
  const std::lock_guard lock(mutex_);
  return by_key_.size();
}

void SignatureSightings::forget_past(Clock::time_point now) {
  while (!entries_.empty() && now - entries_.front().last >= window_) forget_oldest();
}

void SignatureSightings::forget_oldest() {
  by_key_.erase(entries_.front().key);
  entries_.pop_front();
  (void)charge();
}

}  // namespace postern::gateway
