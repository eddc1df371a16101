// What scripts can reach outside their state. Everything slow is asynchronous, so that a hook never
// blocks an event loop; tests provide their own World.
#pragma once

#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/error.h"
#include "base/memory_budget.h"
#include "base/task.h"

namespace postern::script {

/// The clock of deadlines.
using Clock = std::chrono::steady_clock;

/// An HTTP request.
struct HttpQuestion {
  std::string method = "GET";
  std::string url;                                           ///< http:// or https://
  std::vector<std::pair<std::string, std::string>> headers;  ///< in order, names in any case
  std::string body;                                          ///< octets
  std::size_t answer_limit = 1u << 20;  ///< octets of the response body; a larger one is an error
};
/// An HTTP response.
struct HttpAnswer {
  int status = 0;                                                 ///< status code (RFC 9110 §15)
  std::string body;                                               ///< octets
  std::vector<std::pair<std::string, std::string>> headers = {};  ///< as received
};

/// Thread-safe; outlives the programs.
class World {
 public:
  virtual ~World() = default;
  /// Sends a request; redirects are not followed (RFC 9110 §15.4). Fault::temporary without an
  /// answer by `deadline`; the error text contains neither headers nor the URL's query.
  virtual Task<Result<HttpAnswer>> http(HttpQuestion question, Clock::time_point deadline) = 0;
  /// Runs `job`, which must own what it uses, on a thread that may block, and resumes the caller on
  /// its own executor. Fault::temporary if too many jobs wait. An exception of `job` is thrown
  /// here.
  virtual Task<Result<void>> blocking(std::function<void()> job) = 0;
  /// The budget for the memory that scripts take after loading; null: none.
  virtual std::shared_ptr<MemoryBudget> memory() { return nullptr; }
  /// Whether this is a simulation, in which nothing is written and no program is run.
  virtual bool simulates() { return false; }
  /// Whether no other host is asked: http() fails, and databases of others are left alone.
  virtual bool asks_nobody() { return false; }
  /// Writes a log line of a script. `level`: "debug", "info", "warning", "error". `place`:
  /// "policy.lua:3".
  virtual void log(std::string_view level, std::string_view place, std::string_view text) = 0;
};

}  // namespace postern::script
