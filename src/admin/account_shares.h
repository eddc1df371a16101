// How many requests of one account may be in hand at a time, and how many of them may wait for
// something to happen.
#pragma once

#include <cstddef>
#include <memory>
#include <mutex>
#include <string>
#include <unordered_map>

namespace postern::admin {

enum class Stay { brief, waiting };

/// Thread-safe. What it gives may outlive it.
class AccountShares {
 public:
  AccountShares(std::size_t requests, std::size_t waits)
      : books_(std::make_shared<Books>()), requests_(requests), waits_(waits) {}

  /// A place until it is released; null when the account has too many.
  std::shared_ptr<void> take(const std::string& account, Stay stay);

 private:
  struct Held {
    std::size_t requests = 0;
    std::size_t waits = 0;
  };
  struct Books {
    std::mutex mutex;
    std::unordered_map<std::string, Held> held;
  };

  const std::shared_ptr<Books> books_;
  const std::size_t requests_;
  const std::size_t waits_;
};

}  // namespace postern::admin
