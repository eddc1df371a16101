// The loop, the resolver and the threads behind a policy's host functions. One for each loaded
// policy's configuration; whoever holds it keeps it.
#pragma once

#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>

#include "app/script_world.h"
#include "dns/caching_resolver.h"
#include "net/event_loop.h"
#include "net/unbound_resolver.h"

namespace postern::app {

class ScriptRuntime {
 public:
  /// The error is the resolver's.
  static Result<std::shared_ptr<ScriptRuntime>> open(const net::UnboundOptions& dns,
                                                     const std::string& ca_file);
  ~ScriptRuntime();

  /// HTTP runs on the runtime's own loop, whoever asks.
  script::World& world() { return world_; }
  /// Runs a task on the runtime's loop and waits for its end. Not from a task that it runs. Throws
  /// when the loop has stopped.
  void run(Task<void> task);
  /// A script's warnings and errors while it loads are handed here; null: to the log.
  struct Line {
    std::string level;
    std::string place;
    std::string text;
  };
  void listen(std::vector<Line>* lines) { world_.lines = lines; }
  /// From now on its scripts write nothing and run no program. Before any of them runs.
  void simulate() { world_.simulated = true; }
  /// What the memory of its scripts is charged to from now on.
  void charge_to(std::shared_ptr<MemoryBudget> budget) { world_.charge_to(std::move(budget)); }
  /// Waits for what blocks and ends the loop: before the loops that wait for its answers go.
  void stop();
  /// Destroys what waits on the loop, and with it who waits for that.
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
    void log(std::string_view level, std::string_view place, std::string_view text) override;

    std::vector<Line>* lines = nullptr;
    bool simulated = false;

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
