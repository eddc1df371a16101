// A script as a whole: one file, run once in each state, a state for each thread that calls it.
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

/// Runs a task to its end on an event loop of its own.
using RunToEnd = std::function<void(Task<void>)>;

class Program {
 public:
  struct Options {
    std::string text;
    std::string name;  ///< what errors call it: "policy.lua"
    Setup setup;
    Limits loading{.instructions = 100'000'000,
                   .memory = 128u << 20,
                   .time = std::chrono::seconds(10),
                   .longest_slice = std::chrono::seconds(2)};
    /// What the dialect keeps beside each state.
    std::function<std::shared_ptr<void>()> user;
    /// Runs in each state when the file has; null: nothing.
    std::function<Task<std::optional<Raised>>(State&, Call&)> ready;
    RunToEnd run;
    std::size_t states = 1;  ///< made at once; further threads make their own
    /// What the clock and chance tell the file while it runs; nullopt: what they say now.
    std::optional<std::vector<Told>> facts;
  };

  /// `world` outlives the program. The error is what the file raised.
  static tl::expected<std::shared_ptr<Program>, Raised> load(Options options, World& world);

  /// The state of the calling thread, always the same until it is worn out. Throws
  /// std::runtime_error when one has to be made and the file, which once ran, raises an error now.
  State& here();
  World& world() { return world_; }
  /// A state that has loaded; only between load() and the first here().
  const State& loaded() const { return *spare_.front(); }
  const Options& options() const { return options_; }
  /// What the clock and chance told the file when it ran first: each further state is told the
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
  /// Worn out; each goes when its last call has ended and its thread asks for a state again.
  std::map<std::thread::id, std::vector<std::unique_ptr<State>>> worn_;
};

}  // namespace postern::script
