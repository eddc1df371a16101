// A place for each of a few at a time.
#pragma once

#include <cstddef>
#include <limits>
#include <mutex>
#include <set>
#include <string>
#include <utility>

namespace postern::admin {

/// Holds a name in a set that others share; the destructor removes it. `mutex` guards the set; both
/// outlive this object.
class Place {
 public:
  /// Takes no place if the name has one, or if `most` names have.
  Place(std::mutex& mutex, std::set<std::string>& names, std::string name,
        std::size_t most = std::numeric_limits<std::size_t>::max())
      : mutex_(mutex), names_(names), name_(std::move(name)) {
    const std::lock_guard lock(mutex_);
    taken_ = names_.size() < most && names_.insert(name_).second;
  }
  ~Place() {
    const std::lock_guard lock(mutex_);
    if (taken_) names_.erase(name_);
  }
  Place(const Place&) = delete;
  Place& operator=(const Place&) = delete;
  /// Whether this object holds the name.
  bool taken() const { return taken_; }

 private:
  std::mutex& mutex_;
  std::set<std::string>& names_;
  const std::string name_;
  bool taken_ = false;
};

}  // namespace postern::admin
