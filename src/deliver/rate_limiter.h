// A token bucket for each webhook that has a rate limit.
#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <mutex>
#include <string>
#include <string_view>
#include <unordered_map>

namespace postern::deliver {

/// A bucket holds a minute's allowance and fills evenly. A refused message takes nothing, since a
/// token is taken just before a delivery. Safe from any thread; a full bucket costs no memory for
/// long.
class RateLimiter {
 public:
  using Time = std::chrono::steady_clock::time_point;

  /// Tokens left; infinite when `per_minute` is 0, which means no limit.
  double tokens(std::string_view webhook_id, std::uint32_t per_minute,
                Time at = std::chrono::steady_clock::now());
  /// Takes one; false when there is not a whole one.
  bool take(std::string_view webhook_id, std::uint32_t per_minute,
            Time at = std::chrono::steady_clock::now());
  /// Buckets held.
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
    std::size_t sweep_at = 1024;  ///< buckets after which full ones are dropped
    void sweep(Time at);
  };

  Shard& shard_of(std::string_view webhook_id) {
    return shards_[std::hash<std::string_view>{}(webhook_id) % shards_.size()];
  }

  std::array<Shard, 64> shards_;
};

}  // namespace postern::deliver
