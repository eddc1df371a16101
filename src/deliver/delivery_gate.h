// Limits the concurrent deliveries of each webhook, so that a slow endpoint delays only its own
// mail.
#pragma once

#include <chrono>
#include <cstddef>
#include <memory>
#include <string>

#include "base/task.h"

namespace postern::deliver {

/// Safe from any thread. A waiting coroutine resumes on its own executor, in order of arrival.
class DeliveryGate {
 public:
  /// `per_webhook`: deliveries of one webhook at a time.
  explicit DeliveryGate(std::size_t per_webhook);

  /// The waiting lines; defined in the .cc file.
  class Lines;
  /// Permission for one delivery; the destructor returns it. May outlive the gate: a coroutine may
  /// be destroyed with its event loop in the middle of a delivery.
  class Place {
   public:
    /// No permission.
    Place() = default;
    /// Moves the permission.
    Place(Place&& other) noexcept = default;
    Place& operator=(Place&& other) noexcept;
    ~Place() { give_back(); }
    /// Whether it is a permission.
    explicit operator bool() const { return lines_ != nullptr; }

   private:
    friend class DeliveryGate;
    Place(std::shared_ptr<Lines> lines, std::string webhook)
        : lines_(std::move(lines)), webhook_(std::move(webhook)) {}
    void give_back();
    std::shared_ptr<Lines> lines_;
    std::string webhook_;
  };

  /// Waits at most `limit` for a permission; false Place: the time ran out.
  Task<Place> enter(std::string webhook, std::chrono::milliseconds limit);

 private:
  std::shared_ptr<Lines> lines_;
};

}  // namespace postern::deliver
