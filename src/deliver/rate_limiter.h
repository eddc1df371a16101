// A token bucket for each webhook with a rate limit.
#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <mutex>
#include <string>
#include <string_view>
#include <unordered_map>

namespace postern::deliver {

/// A bucket holds the tokens of one minute and fills evenly. A token is taken just before a
/// delivery, so refused mail takes none. Safe from any thread. Full buckets are dropped, so they
/// use memory only for a time.
class RateLimiter {
 public:
  /// Monotonic.
  using Time = std::chrono::steady_clock::time_point;

  /// Tokens left. `per_minute` 0 means no limit: infinity.
  double tokens(std::string_view webhook_id, std::uint32_t per_minute,
                Time at = std::chrono::steady_clock::now());
  /// Takes one token; false if less than one is left.
  bool take(std::string_view webhook_id, std::uint32_t per_minute,
            Time at = std::chrono::steady_clock::now());
  /// Buckets in memory.
  std::size_t size() const;

 private:
  struct Bucket {
    double tokens = 0;
    std::uint32_t per_minute = 0;
    Time at;
    double filled(Time now) const;
    void fill(std::uint32_t limit, Time now);
  };
  struct Shard {
    mutable std::mutex mutex;
    std::unordered_map<std::string, Bucket> buckets;
    std::size_t sweep_at = 1024;  ///< number of buckets at which full ones are dropped
    void sweep(Time at);
  };

  Shard& shard_of(std::string_view webhook_id) {
    return shards_[std::hash<std::string_view>{}(webhook_id) % shards_.size()];
  }

  std::array<Shard, 64> shards_;
};

}  // namespace postern::deliver
