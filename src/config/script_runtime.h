// The event loop, resolver and threads behind a policy's host functions. One for each loaded policy
// configuration; shared ownership keeps it alive.
#pragma once

#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>

#include "config/script_world.h"
#include "dns/caching_resolver.h"
#include "net/event_loop.h"
#include "net/unbound_resolver.h"

namespace postern::app {

/// Threads that decide besides those of sessions: of the API, of queued mail, of commands.
inline constexpr std::size_t other_threads = 3;

/// Thread-safe unless noted.
class ScriptRuntime {
 public:
  /// Starts loop and threads. `ca_file`: PEM roots for HTTPS; empty: the system's. The error is the
  /// resolver's. `asks_nobody`: see script::World.
  static Result<std::shared_ptr<ScriptRuntime>> open(const net::UnboundOptions& dns,
                                                     const std::string& ca_file,
                                                     bool asks_nobody = false);
  /// Calls stop().
  ~ScriptRuntime();

  /// HTTP runs on the runtime's own loop for every caller.
  script::World& world() { return world_; }
  /// Answers a DNS question, on any loop; waits at most 10 seconds.
  Task<dns::Answer> ask(dns::Question question);
  /// The runtime's loop; lives as long as this object.
  boost::asio::io_context& loop() { return loop_; }
  /// Runs a task on the runtime's loop and waits for its end. Not from a task of that loop. Throws
  /// if the loop has stopped.
  void run(Task<void> task);
  /// A log line of a script that loads.
  struct Line {
    std::string level;  ///< "warning" or "error"
    std::string place;  ///< "policy.lua:3"
    std::string text;   ///< without secrets
  };
  /// From now on, warnings and errors of scripts are added to `lines`; null: they are logged. Only
  /// while loading.
  void listen(std::vector<Line>* lines) { world_.lines = lines; }
  /// From now on its scripts write nothing and run no program. To be called before they run.
  void simulate() { world_.simulated = true; }
  /// Charges the memory of its scripts from now on.
  void charge_to(std::shared_ptr<MemoryBudget> budget) { world_.charge_to(std::move(budget)); }
  /// Waits for blocking jobs and stops the loop. Call it before other loops that wait for its
  /// answers are destroyed.
  void stop();
  /// Destroys the coroutines on the loop, and with them those that wait for them.
  void clear() { loop_.clear(); }

 private:
  class World final : public script::World {
   public:
    explicit World(ScriptRuntime& runtime) : runtime_(runtime) {}
    Task<Result<script::HttpAnswer>> http(script::HttpQuestion question,
                                          script::Clock::time_point deadline) override;
    Task<Result<void>> blocking(std::function<void()> job) override;
    std::shared_ptr<MemoryBudget> memory() override {
      const std::lock_guard lock(mutex_);
      return memory_;
    }
    void charge_to(std::shared_ptr<MemoryBudget> budget) {
      const std::lock_guard lock(mutex_);
      memory_ = std::move(budget);
    }
    bool simulates() override { return simulated; }
    bool asks_nobody() override { return alone; }
    void log(std::string_view level, std::string_view place, std::string_view text) override;

    std::vector<Line>* lines = nullptr;
    bool simulated = false;
    bool alone = false;

   private:
    ScriptRuntime& runtime_;
    std::mutex mutex_;
    std::shared_ptr<MemoryBudget> memory_;
  };

  ScriptRuntime() : work_(loop_.get_executor()), world_(*this) {}

  net::EventLoop loop_;
  boost::asio::executor_work_guard<boost::asio::io_context::executor_type> work_;
  World world_;
  std::unique_ptr<net::UnboundResolver> name_servers_;
  std::unique_ptr<dns::CachingResolver> resolver_;
  std::unique_ptr<net::WorkPool> pool_;
  std::unique_ptr<ScriptWorld> inner_;
  std::thread thread_;
};

}  // namespace postern::app
