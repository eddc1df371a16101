// Limits the concurrent requests of each account, and how many of them may be long waits.
#pragma once

#include <cstddef>
#include <memory>
#include <mutex>
#include <string>
#include <unordered_map>

namespace postern::admin {

/// Whether a request may wait for something to happen.
enum class Stay { brief, waiting };

/// Thread-safe. Its places may outlive it.
class AccountShares {
 public:
  /// `requests`: concurrent requests per account; `waits`: those of them with Stay::waiting.
  AccountShares(std::size_t requests, std::size_t waits)
      : books_(std::make_shared<Books>()), requests_(requests), waits_(waits) {}

  /// A place, released with its last copy; null if the account has too many.
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
