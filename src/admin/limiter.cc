#include "admin/limiter.h"

#include <algorithm>

namespace postern::admin {

std::optional<std::uint64_t> Limiter::take(const std::string& key, Clock::time_point now) {
  const std::lock_guard lock(mutex_);
  auto found = windows_.find(key);
  if (found == windows_.end()) {
    if (windows_.size() >= max_keys_) make_room(now);
    found = windows_.try_emplace(key).first;
  }
  Window& window = found->second;
  if (window.ends <= now) window = {0, now + window_};
  if (window.used < events_) {
    ++window.used;
    return std::nullopt;
  }
  const auto left = std::chrono::duration_cast<std::chrono::seconds>(window.ends - now).count();
  return static_cast<std::uint64_t>(left) + 1;
}

void Limiter::give_back(const std::string& key) {
  const std::lock_guard lock(mutex_);
  const auto found = windows_.find(key);
  if (found != windows_.end() && found->second.used > 0) --found->second.used;
}

void Limiter::make_room(Clock::time_point now) {
  std::erase_if(windows_, [&](const auto& entry) { return entry.second.ends <= now; });
  if (windows_.size() < max_keys_) return;
  const auto oldest =
      std::min_element(windows_.begin(), windows_.end(),
                       [](const auto& a, const auto& b) { return a.second.ends < b.second.ends; });
  windows_.erase(oldest);
}

}  // namespace postern::admin
