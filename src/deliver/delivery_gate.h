// How many deliveries a webhook may have under way, so that a slow endpoint holds up its own mail
// only.
#pragma once

#include <chrono>
#include <cstddef>
#include <memory>
#include <string>

#include "base/task.h"

namespace postern::deliver {

/// Safe from any thread; a waiter is resumed on its own executor, in order of arrival.
class DeliveryGate {
 public:
  explicit DeliveryGate(std::size_t per_webhook);

  class Lines;
  /// A place; given back when it goes. It may outlive the gate, as coroutines do that are destroyed
  /// with their event loop in the middle of a delivery.
  class Place {
   public:
    Place() = default;
    Place(Place&& other) noexcept = default;
    Place& operator=(Place&& other) noexcept;
    ~Place() { give_back(); }
    explicit operator bool() const { return lines_ != nullptr; }

   private:
    friend class DeliveryGate;
    Place(std::shared_ptr<Lines> lines, std::string webhook)
        : lines_(std::move(lines)), webhook_(std::move(webhook)) {}
    void give_back();
    std::shared_ptr<Lines> lines_;
    std::string webhook_;
  };

  /// An empty Place when none came free within the limit.
  Task<Place> enter(std::string webhook, std::chrono::milliseconds limit);

 private:
  std::shared_ptr<Lines> lines_;
};

}  // namespace postern::deliver
