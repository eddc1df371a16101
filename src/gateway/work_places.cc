#include "gateway/work_places.h"

#include <string>

#include "base/subscriber.h"

namespace postern::gateway {

WorkPlaces::Place::~Place() {
  if (owner_ == nullptr) return;
  const std::lock_guard lock(owner_->mutex_);
  owner_->shares_.remove(*client_, 1);
  owner_->shares_.forget_idle(*client_);
}

std::optional<WorkPlaces::Place> WorkPlaces::take(const IpAddress& address) {
  if (places_ == unlimited) return Place(nullptr, nullptr);
  const std::string key = subscriber_key(address);
  const std::lock_guard lock(mutex_);
  if (!may_take(key, places_ / 10)) return std::nullopt;
  Shares::Client& client = shares_.client(key);
  shares_.add(client, 1);
  return Place(this, &client);
}

bool WorkPlaces::has_room(const IpAddress& address) {
  if (places_ == unlimited) return true;
  const std::string key = subscriber_key(address);
  const std::lock_guard lock(mutex_);
  return may_take(key, places_ / 5);
}

bool WorkPlaces::may_take(const std::string& key, std::uint64_t kept) const {
  if (!shares_.leaves_enough(key)) return false;
  return shares_.free() > kept || shares_.used_by_network(key) < shares_.free() / 4;
}

bool WorkPlaces::low() {
  if (places_ == unlimited) return false;
  const std::lock_guard lock(mutex_);
  if (shares_.free() <= places_ / 5) {
    low_ = true;
  } else if (shares_.free() >= places_ * 2 / 5) {
    low_ = false;
  }
  return low_;
}

}  // namespace postern::gateway
