#include "deliver/rate_limiter.h"

#include <algorithm>
#include <limits>

namespace postern::deliver {

double RateLimiter::Bucket::filled(Time now) const {
  const std::chrono::duration<double> passed = now > at ? now - at : Time::duration::zero();
  return std::min<double>(per_minute, tokens + passed.count() * per_minute / 60);
}

void RateLimiter::Bucket::fill(std::uint32_t limit, Time now) {
  // A changed limit applies at once, and used tokens stay used.
  tokens = std::max(0.0, filled(now) + limit - per_minute);
  per_minute = limit;
  at = std::max(at, now);
}

void RateLimiter::Shard::sweep(Time at) {
  std::erase_if(buckets, [at](const auto& entry) {
    return entry.second.filled(at) >= entry.second.per_minute;
  });
  sweep_at = std::max<std::size_t>(1024, 2 * buckets.size());
}

double RateLimiter::tokens(std::string_view webhook_id, std::uint32_t per_minute, Time at) {
  if (per_minute == 0) return std::numeric_limits<double>::infinity();
  Shard& shard = shard_of(webhook_id);
  const std::lock_guard lock(shard.mutex);
  const auto found = shard.buckets.find(std::string(webhook_id));
  if (found == shard.buckets.end()) return per_minute;
  found->second.fill(per_minute, at);
  return found->second.tokens;
}

bool RateLimiter::take(std::string_view webhook_id, std::uint32_t per_minute, Time at) {
  if (per_minute == 0) return true;
  Shard& shard = shard_of(webhook_id);
  const std::lock_guard lock(shard.mutex);
  if (shard.buckets.size() >= shard.sweep_at) shard.sweep(at);
  const auto [place, is_new] = shard.buckets.try_emplace(std::string(webhook_id));
  Bucket& bucket = place->second;
  if (is_new)
    bucket = {.tokens = static_cast<double>(per_minute), .per_minute = per_minute, .at = at};
  bucket.fill(per_minute, at);
  if (bucket.tokens < 1) return false;
  bucket.tokens -= 1;
  return true;
}

std::size_t RateLimiter::size() const {
  std::size_t sum = 0;
  for (const Shard& shard : shards_) {
    const std::lock_guard lock(shard.mutex);
    sum += shard.buckets.size();
  }
  return sum;
}

}  // namespace postern::deliver
