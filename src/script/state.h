// One Lua virtual machine: a sandbox whose calls have budgets and may wait.
//
// Calls of a state are coroutines on one event loop: while one waits for the host, or gives way
// because it has computed for a while, others run. Nothing here is thread-safe.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "script/bind.h"
#include "script/call.h"

namespace postern::script {

/// How a call ended that did not return.
struct Raised {
  Stopped stopped = Stopped::no;
  std::string message;                   ///< "policy.lua:3: attempt to ..."; without secrets
  std::string traceback;                 ///< several lines; without secrets
  std::shared_ptr<const Thrown> thrown;  ///< of the host's own; null: an ordinary error
};

/// Where files may be read, and what `require` finds.
struct Files {
  std::string directory;           ///< of the script: `require 'x'` reads x.lua there
  std::vector<std::string> roots;  ///< further folders whose files may be read
  /// The real path of a file that may be read; relative ones are below `directory`. Fault::denied
  /// outside the folders, Fault::not_found.
  Result<std::string> find(std::string_view path) const;
};

class State {
 public:
  /// `tables` outlive the state. `modules`: Lua text by the name that `require` finds it under.
  State(std::vector<HostTable> tables, Files files);
  ~State();
  State(const State&) = delete;
  State& operator=(const State&) = delete;

  /// Runs a text from top to bottom. `name`: what errors call it. `call` outlives the task.
  Task<std::optional<Raised>> run(std::string_view text, std::string name, Call& call);

  /// Calls a function kept by keep(). `arguments` pushes them and returns how many; `results` reads
  /// the given number of values from the top of the stack. Neither may wait; what `results` throws
  /// is a Raised with its text.
  using Push = std::function<int(lua_State*)>;
  using Read = std::function<void(lua_State*, int count)>;
  Task<std::optional<Raised>> call(int function, Push arguments, Read results, Call& call);

  /// Keeps a function beyond the call that brought it; for call(). Lives as long as the state.
  int keep(Function function);
  /// "policy.lua:3" of the script's line that runs now; empty where there is none.
  std::string place() const;
  const Files& files() const { return files_; }

  /// What a dialect keeps beside a state.
  void set_user(std::shared_ptr<void> user) { user_ = std::move(user); }
  template <class T>
  T& user() const {
    return *static_cast<T*>(user_.get());
  }

  /// The state of a running host function.
  static State& of(lua_State* L);
  /// Null between calls.
  Call* running() const { return running_; }
  /// Octets held by scripts now.
  std::size_t memory() const { return used_; }

  // For the room's own functions.
  /// Counts work that is no instruction, for instance steps of a pattern match; raises an error of
  /// the script when the budget is used up. Call it where no C++ value waits to be destroyed.
  static void spend(lua_State* L, std::uint64_t steps);
  /// While it lives the script cannot give way: the caller stands in C code that cannot be left.
  class NoSlices;

 private:
  friend void stack::suspend(lua_State*, std::unique_ptr<stack::Pending>);
  friend int stack::guarded(lua_State*, int (*)(lua_State*));
  friend struct Guts;

  static void* allocate(void* state, void* block, std::size_t old_size, std::size_t size);
  static void count(lua_State* L, lua_Debug*);
  /// Drives a coroutine whose function and arguments are on its stack.
  Task<std::optional<Raised>> drive(lua_State* thread, int arguments, const Read& results,
                                    Call& call);
  Raised raised(lua_State* thread, int status, Call& call);
  lua_State* take_thread(int& reference);
  void give_back(lua_State* thread, int reference, bool failed);

  std::vector<HostTable> tables_;
  Files files_;
  lua_State* main_ = nullptr;
  lua_State* active_ = nullptr;  ///< the coroutine whose host function runs
  Call* running_ = nullptr;
  std::unique_ptr<stack::Pending> pending_;
  std::size_t used_ = 0;
  std::size_t memory_limit_ = SIZE_MAX;
  int in_host_ = 0;
  int no_slices_ = 0;
  bool gave_way_ = false;
  Clock::time_point slice_began_;
  std::vector<std::pair<lua_State*, int>> idle_;  ///< coroutines with their references
  std::shared_ptr<void> user_;
};

class State::NoSlices {
 public:
  explicit NoSlices(lua_State* L) : state_(State::of(L)) { ++state_.no_slices_; }
  ~NoSlices() { --state_.no_slices_; }

 private:
  State& state_;
};

}  // namespace postern::script
