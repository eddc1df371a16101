// The world as scripts reach it: what takes time or touches something comes through here, so that a
// hook never holds up an event loop, and tests hand in a world of their own.
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

using Clock = std::chrono::steady_clock;

struct HttpQuestion {
  std::string method = "GET";
  std::string url;
  std::vector<std::pair<std::string, std::string>> headers;
  std::string body;
  std::size_t answer_limit = 1u << 20;  ///< octets of the answer's body; more is an error
};
struct HttpAnswer {
  int status = 0;
  std::string body;
  std::vector<std::pair<std::string, std::string>> headers = {};  ///< as received
};

/// Safe from any thread; outlives the programs.
class World {
 public:
  virtual ~World() = default;
  /// Never follows a redirect. Fault::temporary with a sentence that holds neither header nor URL
  /// query when nothing was answered by `deadline`.
  virtual Task<Result<HttpAnswer>> http(HttpQuestion question, Clock::time_point deadline) = 0;
  /// Runs `job`, which owns what it uses, on a thread that may block, and resumes the caller on its
  /// own executor. Fault::temporary when too much waits. What `job` throws is thrown here.
  virtual Task<Result<void>> blocking(std::function<void()> job) = 0;
  /// What is charged for the memory that scripts take beyond what they loaded; null: nobody is.
  virtual std::shared_ptr<MemoryBudget> memory() { return nullptr; }
  /// A simulation: functions that write to files and databases or run programs do not.
  virtual bool simulates() { return false; }
  /// A line of a script's log. `level`: "debug", "info", "warning", "error".
  virtual void log(std::string_view level, std::string_view place, std::string_view text) = 0;
};

}  // namespace postern::script
