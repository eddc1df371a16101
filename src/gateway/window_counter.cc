#include "gateway/window_counter.h"

#include <algorithm>

namespace postern::gateway {

WindowCounter::WindowCounter(std::uint64_t limit, Clock::duration window, std::size_t max_keys)
    : limit_(limit), window_(window), max_keys_(max_keys) {}

void WindowCounter::sweep(Clock::time_point now) {
  std::erase_if(entries_, [&](const auto& entry) { return now - entry.second.started >= window_; });
  // Keys that a flood made, each seen once or twice, go before the memory does.
  for (std::uint64_t floor = 1; entries_.size() >= max_keys_; floor *= 2) {
    std::erase_if(entries_, [&](const auto& entry) { return entry.second.count <= floor; });
  }
  sweep_at_ = std::clamp<std::size_t>(entries_.size() * 2, 1024, max_keys_);
}

bool WindowCounter::exceeded(std::string_view key, Clock::time_point now) {
  if (limit_ == 0) return false;
  const std::lock_guard lock(mutex_);
  const auto found = entries_.find(std::string(key));
  return found != entries_.end() && now - found->second.started < window_ &&
         found->second.count >= limit_;
}

bool WindowCounter::add(std::string_view key, Clock::time_point now) {
  if (limit_ == 0) return true;
  const std::lock_guard lock(mutex_);
  if (entries_.size() >= sweep_at_) sweep(now);
  Entry& entry = entries_[std::string(key)];
  if (entry.count == 0 || now - entry.started >= window_) entry = {.started = now, .count = 0};
  return ++entry.count <= limit_;
}

void WindowCounter::forget(std::string_view key) {
  const std::lock_guard lock(mutex_);
  entries_.erase(std::string(key));
}

}  // namespace postern::gateway
