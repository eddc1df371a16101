// One Lua virtual machine: a sandbox whose calls have budgets and may wait.
//
// Calls of a state are coroutines on one event loop: while one waits for the host, or gives way
// because it has computed for a while, others run. Nothing here is thread-safe.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/host_file.h"
#include "base/memory_budget.h"
#include "script/bind.h"
#include "script/call.h"
#include "script/turns.h"

namespace postern::script {

/// How a call ended that did not return.
struct Raised {
  Stopped stopped = Stopped::no;
  std::string message;                   ///< "policy.lua:3: attempt to ..."; without secrets
  std::string traceback;                 ///< several lines; without secrets
  std::shared_ptr<const Thrown> thrown;  ///< of the host's own; null: an ordinary error
};

/// Where files may be read.
struct Files {
  std::string directory;                 ///< of the script: `require 'x'` reads x.lua there
  std::vector<std::string> roots;        ///< further folders whose files may be read
  std::vector<std::string> closed = {};  ///< the gateway's own folders, whose files are no script's
  using Texts = std::map<std::string, std::string>;
  /// Small files that read() read, by the path it was asked for, until end(). Thread-safe.
  class Seen {
   public:
    void keep(std::string_view path, const std::string& text);
    Texts end();

   private:
    std::mutex mutex_;
    std::optional<Texts> texts_{std::in_place};
  };
  std::shared_ptr<Seen> seen;  ///< for a record of the script; null: nothing is kept
  /// Where files come from instead of the disk, in a script that is run again from its record.
  std::shared_ptr<const Texts> given;
  /// Then: what stands for the secrets that the script loads at first, in order.
  std::vector<std::string> given_secrets;
  /// The real path of a regular file that may be read; relative ones are below `directory`.
  /// Fault::denied outside the folders, Fault::not_found.
  Result<std::string> find(std::string_view path) const;
  /// Any regular file of at most `largest` octets, relative ones below `directory`, that is in no
  /// closed folder, or in one of the others that lies within that.
  Result<HostFile> open(std::string_view path, std::uint64_t largest) const;
  /// The octets of a file that find() finds, at most 16 MiB.
  Result<std::string> read(std::string_view path) const;
  /// The same of a file that no record may hold.
  Result<std::string> read_secret(std::string_view path) const;
};

class Memos;
struct SharedClass;

/// What scripts find in a state.
struct Setup {
  std::vector<HostTable> tables;  ///< outlive the states
  /// Lua text by the name that `require` finds it under; both outlive the states.
  std::vector<std::pair<std::string_view, std::string_view>> modules;
  std::vector<std::string> globals;  ///< of the tables' names those that need no `require`
  Files files;
  std::shared_ptr<Memos> memos;              ///< null: no memoize()
  std::span<const SharedClass> shared = {};  ///< what memoized functions may return beside data
};

class State {
 public:
  /// `setup` outlives the state.
  explicit State(const Setup& setup);
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
  const Files& files() const { return setup_.files; }
  const std::shared_ptr<Memos>& memos() const { return setup_.memos; }
  std::span<const SharedClass> shared_classes() const { return setup_.shared; }

  /// Left out of the logs and errors of this call and of all later ones; see Call::keep_secret.
  void keep_secret(std::string text);
  /// A secret that the script read while it loaded. Records of calls know it by its place among
  /// them: "<loaded 2>".
  void keep_loaded_secret(std::string text) { loaded_secrets_.push_back(std::move(text)); }
  /// What stands for them, each with its line end.
  std::vector<std::string> loaded_strangers() const;
  /// The next of Files::given_secrets.
  std::string next_given_secret();

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
  /// What scripts take from now on is charged there, and where it is used up a call ends as one
  /// that has used up its memory. Once, when the script is loaded.
  void charge_to(std::shared_ptr<MemoryBudget> budget);
  bool is_charged() const { return budget_ != nullptr; }
  /// Counts memory that the host function which runs takes for the script, until it returns; what
  /// stays is counted where it is pushed. Throws what ends the call where its budget is used up.
  void borrow(std::size_t octets);
  /// Frees what nothing holds any more; takes as long as it takes.
  void collect();
  /// A call ran out of memory because of what is kept in globals: those to come will, too.
  bool worn_out() const { return worn_out_; }
  /// There is no other to take its place: until a call runs out of memory again.
  void bear_on() { worn_out_ = false; }
  /// Calls that run or wait.
  std::size_t calls() const { return calls_; }

  // For the room's own functions.
  /// Counts work that is no instruction, for instance steps of a pattern match; raises an error of
  /// the script when the budget is used up. Call it where no C++ value waits to be destroyed. True:
  /// it has computed for a while, and give_way() is possible.
  static bool spend(lua_State* L, std::uint64_t steps);
  /// Lets others run; then `k` goes on. What a C function returns, as with lua_yieldk().
  static int give_way(lua_State* L, lua_KContext context, lua_KFunction k);
  /// Stops the call as one that has used up its instructions, with another sentence: no handler of
  /// the script's catches it. Where no C++ value waits to be destroyed.
  [[noreturn]] static void exhaust(lua_State* L, const char* sentence);

 private:
  [[noreturn]] static void stop_call(lua_State* L, Stopped why, const char* sentence);
  static constexpr std::uintptr_t held_mark = 1;  ///< Runtime::is_held()

  friend struct Coroutines;
  friend struct Runtime;
  class InHost;
  class Running;

  static void* allocate(void* state, void* block, std::size_t old_size, std::size_t size);
  static void count(lua_State* L, lua_Debug*);
  void charge(std::uint64_t steps);
  bool look(lua_State* L);
  void note_large_text();
  bool grows_too_long(std::size_t size);
  bool has_room(std::size_t octets);
  void give_back();
  [[noreturn]] static void fail_stopped(lua_State* L, int level, const char* sentence);

  /// A coroutine on loan: given back, and unwound where it did not end, when this goes.
  class Loan;
  /// Drives a coroutine whose function and arguments are on its stack.
  Task<std::optional<Raised>> drive(Loan& loan, int arguments, const Read& results, Call& call);
  std::optional<Raised> outcome(lua_State* thread, int count, const Read& results, Call& call);
  Raised raised(lua_State* thread, Call& call);
  Task<void> tidy_up();
  bool holds_much() const;

  const Setup& setup_;
  lua_State* main_ = nullptr;
  lua_State* inner_ = nullptr;   ///< the coroutine that runs
  lua_State* active_ = nullptr;  ///< the coroutine whose host function runs
  Call* running_ = nullptr;
  std::unique_ptr<stack::Pending> pending_;   ///< what the coroutine that just yielded waits for
  std::unique_ptr<stack::Pending> finished_;  ///< what the coroutine about to resume waited for
  Turns turns_;                               ///< of those that have waited
  std::size_t used_ = 0;
  std::size_t loaded_ = 0;                ///< of it when charge_to() was called
  std::shared_ptr<MemoryBudget> budget_;  ///< outlives the charge
  MemoryCharge charge_;
  std::size_t memory_limit_ = SIZE_MAX;
  std::size_t borrowed_ = 0;  ///< see borrow()
  std::size_t calls_ = 0;
  std::uint64_t left_ = 0;  ///< octets charged when the last collection was through
  bool worn_out_ = false;
  int in_host_ = 0;
  int no_slices_ = 0;
  int closing_ = 0;  ///< coroutines that are being closed, one by the other
  bool gave_way_ = false;
  int failed_ = 0;     ///< how the coroutine that just ended failed: LUA_ERRRUN, ...
  std::string trace_;  ///< of its error
  Clock::time_point slice_began_;
  std::chrono::nanoseconds overrun_at_{
      0};                     ///< of the thread: where it should have given way; 0: not yet
  Clock::time_point looked_;  ///< at the budget, last
  std::chrono::nanoseconds suspected_at_{0};  ///< see grows_too_long(); 0: not since the last look
  bool large_texts_ = false;  ///< one instruction may take long: compare them, for instance
  std::uint64_t unseen_ = 0;  ///< steps since the budget was looked at
  std::vector<std::pair<lua_State*, int>> idle_;  ///< coroutines with their references
  std::vector<std::string> secrets_;
  std::vector<std::string> loaded_secrets_;
  std::size_t given_secrets_taken_ = 0;
  std::shared_ptr<void> user_;
};

}  // namespace postern::script
