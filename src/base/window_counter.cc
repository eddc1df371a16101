#include "base/window_counter.h"

#include <algorithm>

#include "base/sha256.h"

namespace postern {
namespace {

/// The key as stored. Clients choose the length of some keys (a user name); long ones are replaced
/// by a digest.
std::string kept(std::string_view key) {
  constexpr std::size_t longest = 64;
  return key.size() <= longest ? std::string(key) : "sha256 " + sha256(key);
}

}  // namespace

WindowCounter::WindowCounter(std::uint64_t limit, Clock::duration window, Clock::duration lockout,
                             std::size_t max_keys)
    : limit_(limit), window_(window), lockout_(lockout), max_keys_(max_keys) {}

void WindowCounter::set_limits(std::uint64_t limit, Clock::duration window,
                               Clock::duration lockout) {
  const std::lock_guard lock(mutex_);
  limit_ = limit;
  window_ = window;
  lockout_ = lockout;
}

bool WindowCounter::is_over(const Entry& entry, Clock::time_point now) const {
  const bool locked = entry.count >= limit_ && lockout_ != Clock::duration::zero();
  return now - entry.started >= (locked ? lockout_ : window_);
}

void WindowCounter::sweep(Clock::time_point now) {
  std::erase_if(entries_, [&](const auto& entry) { return is_over(entry.second, now); });
  // Keys with few events, such as those of a flood, are removed first. At least a quarter of the
  // table becomes free, so the next sweep comes after as many new keys.
  for (std::uint64_t floor = 1; entries_.size() > max_keys_ / 4 * 3; floor *= 2) {
    std::erase_if(entries_, [&](const auto& entry) { return entry.second.count <= floor; });
  }
  sweep_at_ = std::clamp<std::size_t>(entries_.size() * 2, std::min<std::size_t>(1024, max_keys_),
                                      max_keys_);
}

bool WindowCounter::exceeded(std::string_view key, Clock::time_point now) {
  const std::lock_guard lock(mutex_);
  if (limit_ == 0) return false;
  const auto found = entries_.find(kept(key));
  return found != entries_.end() && found->second.count >= limit_ && !is_over(found->second, now);
}

WindowCounter::Entry& WindowCounter::entry_of(std::string_view key, Clock::time_point now) {
  if (entries_.size() >= sweep_at_) sweep(now);
  Entry& entry = entries_[kept(key)];
  if (entry.count == 0 || is_over(entry, now)) entry = {.started = now, .count = 0};
  return entry;
}

bool WindowCounter::add(std::string_view key, Clock::time_point now) {
  const std::lock_guard lock(mutex_);
  if (limit_ == 0) return true;
  Entry& entry = entry_of(key, now);
  ++entry.count;
  if (entry.count == limit_ && lockout_ != Clock::duration::zero()) entry.started = now;
  return entry.count <= limit_;
}

std::optional<std::uint64_t> WindowCounter::take(std::string_view key, Clock::time_point now) {
  const std::lock_guard lock(mutex_);
  if (limit_ == 0) return std::nullopt;
  Entry& entry = entry_of(key, now);
  if (entry.count < limit_) {
    ++entry.count;
    return std::nullopt;
  }
  const auto left = std::chrono::duration_cast<std::chrono::seconds>(entry.started + window_ - now);
  return static_cast<std::uint64_t>(left.count()) + 1;
}

void WindowCounter::give_back(std::string_view key) {
  const std::lock_guard lock(mutex_);
  const auto found = entries_.find(kept(key));
  if (found != entries_.end() && found->second.count > 0) --found->second.count;
}

void WindowCounter::forget(std::string_view key) {
  const std::lock_guard lock(mutex_);
  entries_.erase(kept(key));
}

}  // namespace postern
