// How many deliveries a webhook may have under way, so that a slow endpoint holds up its own mail
// only.
#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <deque>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <unordered_map>

#include "base/task.h"

namespace postern::deliver {

/// Safe from any thread; a waiter is resumed on its own executor, in order of arrival.
class DeliveryGate {
 public:
  explicit DeliveryGate(std::size_t per_webhook) : limit_(per_webhook) {}

  /// A place; given back when it goes. Outlived by the gate.
  class Place {
   public:
    Place() = default;
    Place(Place&& other) noexcept
        : gate_(std::exchange(other.gate_, nullptr)), webhook_(std::move(other.webhook_)) {}
    Place& operator=(Place&& other) noexcept;
    ~Place() { give_back(); }
    explicit operator bool() const { return gate_ != nullptr; }

   private:
    friend class DeliveryGate;
    Place(DeliveryGate* gate, std::string webhook) : gate_(gate), webhook_(std::move(webhook)) {}
    void give_back();
    DeliveryGate* gate_ = nullptr;
    std::string webhook_;
  };

  /// An empty Place when none came free within the limit.
  Task<Place> enter(std::string webhook, std::chrono::milliseconds limit);

 private:
  struct Waiter;
  struct Line {
    std::size_t inside = 0;
    std::deque<std::weak_ptr<Waiter>> waiting;
  };
  struct Shard {
    std::mutex mutex;
    std::unordered_map<std::string, Line> lines;
  };

  Shard& shard_of(const std::string& webhook) {
    return shards_[std::hash<std::string>{}(webhook) % shards_.size()];
  }
  void leave(const std::string& webhook);

  std::size_t limit_;
  std::array<Shard, 64> shards_;
};

}  // namespace postern::deliver
