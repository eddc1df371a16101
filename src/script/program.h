// A whole script: one file that is run once in each state. Each thread that calls it has its own
// state.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "script/state.h"

namespace postern::script {

/// Runs a task to its end on its own event loop, blocking.
using RunToEnd = std::function<void(Task<void>)>;

/// A loaded script with its states. Thread-safe after load().
class Program {
 public:
  /// What load() needs.
  struct Options {
    std::string text;  ///< the script
    std::string name;  ///< in error messages: "policy.lua"
    Setup setup;       ///< what the script finds
    /// Limits of running the file.
    Limits loading{.instructions = 100'000'000,
                   .memory = 128u << 20,
                   .time = std::chrono::seconds(10),
                   .longest_slice = std::chrono::seconds(2)};
    /// Makes the dialect's data of a state; null: none.
    std::function<std::shared_ptr<void>()> user;
    /// Runs in each state after the file; null: nothing.
    std::function<Task<std::optional<Raised>>(State&, Call&)> ready;
    RunToEnd run;            ///< for load() and further states
    std::size_t states = 1;  ///< created by load(); further threads create their own
    /// Recorded answers of the clock and random numbers while the file runs; nullopt: current ones.
    std::optional<std::vector<Told>> facts;
  };

  /// Runs the file in the first states. Blocks. `world` outlives the program. The error is what the
  /// file raised.
  static tl::expected<std::shared_ptr<Program>, Raised> load(Options options, World& world);

  /// The state of the calling thread; a worn-out one is replaced. Blocks if a state must be
  /// created; throws std::runtime_error if the file raises an error in it.
  State& here();
  /// As given to load().
  World& world() { return world_; }
  /// A loaded state; only between load() and the first here().
  const State& loaded() const { return *spare_.front(); }
  /// As given to load().
  const Options& options() const { return options_; }
  /// What the clock and random numbers returned when the file ran first; further states get the
  /// same.
  const std::vector<Told>& facts() const { return *facts_; }

 private:
  Program(Options options, World& world);
  tl::expected<std::unique_ptr<State>, Raised> make(bool quietly);
  void renew(State*& mine);
  Task<void> prepare(State& state, Call& call, std::optional<Raised>& trouble);

  const Options options_;
  World& world_;
  std::optional<std::vector<Told>> facts_;  ///< set before there is a second state
  const std::uint64_t id_;
  std::mutex mutex_;
  std::vector<std::unique_ptr<State>> spare_;
  std::map<std::thread::id, std::unique_ptr<State>> taken_;
  /// Worn-out states. Each is destroyed after its last call has ended, when its thread asks for a
  /// state again.
  std::map<std::thread::id, std::vector<std::unique_ptr<State>>> worn_;
};

}  // namespace postern::script
