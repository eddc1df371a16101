// One Lua virtual machine: a sandbox whose calls have budgets and may wait.
//
// Calls of a state are coroutines on one event loop: while one waits for the host, or yields after
// computing for a while, others run. Nothing here is thread-safe.
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

/// How a call failed.
struct Raised {
  Stopped stopped = Stopped::no;         ///< the limit that stopped it, if any
  std::string message;                   ///< "policy.lua:3: attempt to ..."; without secrets
  std::string traceback;                 ///< several lines; without secrets
  std::shared_ptr<const Thrown> thrown;  ///< a host error value; null: an ordinary error
};

/// Which files a script may read.
struct Files {
  std::string directory;                 ///< the script's own: `require 'x'` reads x.lua there
  std::vector<std::string> roots;        ///< further directories with readable files
  std::vector<std::string> closed = {};  ///< the gateway's own directories, which are not readable
  /// File contents by path.
  using Texts = std::map<std::string, std::string>;
  /// Collects small files that read() returned, by requested path, until end(). Thread-safe.
  class Seen {
   public:
    /// Keeps a text, of a large one its SHA-256 in hexadecimal digits, unless end() was called.
    void keep(std::string_view path, const std::string& text);
    /// What was kept.
    struct Kept {
      Texts texts;    ///< of at most 64 KiB each
      Texts digests;  ///< of the others
    };
    /// Returns it; nothing more is kept.
    Kept end();

   private:
    std::mutex mutex_;
    std::optional<Kept> kept_{std::in_place};
  };
  std::shared_ptr<Seen> seen;  ///< collects files for a record; null: none does
  /// The files of a record, used instead of the disk when a script runs again; null: the disk.
  std::shared_ptr<const Texts> given;
  /// For such a run: values of the secrets that the script loads, in order.
  std::vector<std::string> given_secrets;
  /// The real path of a readable regular file; a relative path is below `directory`. Fault::denied
  /// outside the directories, Fault::not_found. Blocks.
  Result<std::string> find(std::string_view path) const;
  /// Opens any regular file of at most `largest` octets that is not in a closed directory, or is in
  /// a readable directory inside one. A relative path is below `directory`. Blocks.
  Result<HostFile> open(std::string_view path, std::uint64_t largest) const;
  /// The octets of a file that find() finds, at most 16 MiB. Blocks.
  Result<std::string> read(std::string_view path) const;
  /// The same for a file that no record may hold.
  Result<std::string> read_secret(std::string_view path) const;
};

class Memos;
struct SharedClass;

/// The contents of a state.
struct Setup {
  std::vector<HostTable> tables;  ///< outlive the states
  /// Lua modules: the name for `require`, and the text. Both outlive the states.
  std::vector<std::pair<std::string_view, std::string_view>> modules;
  std::vector<std::string> globals;  ///< names of tables that need no `require`
  /// Which files it may read.
  Files files;
  std::shared_ptr<Memos> memos;              ///< null: no memoize()
  std::span<const SharedClass> shared = {};  ///< host classes that memoized functions may return
};

/// One virtual machine. All functions are called on one event loop's thread.
class State {
 public:
  /// `setup` outlives the state.
  explicit State(const Setup& setup);
  /// No call may be running.
  ~State();
  State(const State&) = delete;
  State& operator=(const State&) = delete;

  /// Runs a chunk of Lua text. `name`: its name in errors. `call` outlives the task. nullopt: it
  /// succeeded.
  Task<std::optional<Raised>> run(std::string_view text, std::string name, Call& call);

  /// Calls a function kept by keep(). `arguments` pushes its arguments and returns their number;
  /// `results` reads `count` values from the top of the stack. Neither may wait. An exception of
  /// `results` becomes a Raised with its text.
  using Push = std::function<int(lua_State*)>;
  using Read = std::function<void(lua_State*, int count)>;
  /// As above; `call` outlives the task. nullopt: it succeeded.
  Task<std::optional<Raised>> call(int function, Push arguments, Read results, Call& call);

  /// Keeps a function for call(), as long as the state lives.
  int keep(Function function);
  /// "policy.lua:3", the current script line; empty outside of a call.
  std::string place() const;
  /// Of the setup.
  const Files& files() const { return setup_.files; }
  /// Of the setup; null: none.
  const std::shared_ptr<Memos>& memos() const { return setup_.memos; }
  /// Of the setup.
  std::span<const SharedClass> shared_classes() const { return setup_.shared; }

  /// Removes `text` from logs and errors of this call and of all later ones; see Call::keep_secret.
  void keep_secret(std::string text);
  /// A secret that the script read while it loaded. Records name it by its position: "<loaded 2>".
  void keep_loaded_secret(std::string text) { loaded_secrets_.push_back(std::move(text)); }
  /// The placeholders of these secrets, each with the line end of its secret.
  std::vector<std::string> loaded_strangers() const;
  /// The next of Files::given_secrets.
  std::string next_given_secret();

  /// Sets the dialect's data of this state.
  void set_user(std::shared_ptr<void> user) { user_ = std::move(user); }
  /// What set_user() set; T is its type.
  template <class T>
  T& user() const {
    return *static_cast<T*>(user_.get());
  }

  /// The state of a running host function.
  static State& of(lua_State* L);
  /// The running call; null between calls.
  Call* running() const { return running_; }
  /// Octets held by scripts now.
  std::size_t memory() const { return used_; }
  /// Charges what scripts take from now on; where `budget` is used up, a call ends with
  /// Stopped::memory. Called once, after the script is loaded.
  void charge_to(std::shared_ptr<MemoryBudget> budget);
  /// Whether charge_to() was called.
  bool is_charged() const { return budget_ != nullptr; }
  /// Counts memory that the running host function takes for the script, until it returns; what it
  /// pushes is counted then. Throws what stops the call if its limit is exceeded.
  void borrow(std::size_t octets);
  /// Runs a full garbage collection; the time is not bounded.
  void collect();
  /// A call ran out of memory because of values in globals, so that later calls will, too.
  bool worn_out() const { return worn_out_; }
  /// Clears worn_out(): the state cannot be replaced.
  void bear_on() { worn_out_ = false; }
  /// Calls that run or wait.
  std::size_t calls() const { return calls_; }

  // For the room's own functions.
  /// Counts work that is no instruction, such as steps of a pattern match; raises an error of the
  /// script if the budget is used up. May jump: no C++ value may need its destructor. True: it has
  /// computed for a while, and may give_way().
  static bool spend(lua_State* L, std::uint64_t steps);
  /// Yields; `k` continues. Return its result, as of lua_yieldk().
  static int give_way(lua_State* L, lua_KContext context, lua_KFunction k);
  /// Stops the call with Stopped::instructions and another text; no handler of the script can catch
  /// it. May jump, as spend().
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

  /// A borrowed coroutine: the destructor returns it, and unwinds it if it has not ended.
  class Loan;
  /// Runs a coroutine whose function and arguments are on its stack.
  Task<std::optional<Raised>> drive(Loan& loan, int arguments, const Read& results, Call& call);
  std::optional<Raised> outcome(lua_State* thread, int count, const Read& results, Call& call);
  Raised raised(lua_State* thread, Call& call);
  Task<void> tidy_up();
  bool holds_much() const;

  const Setup& setup_;
  lua_State* main_ = nullptr;
  lua_State* inner_ = nullptr;   ///< the running coroutine
  lua_State* active_ = nullptr;  ///< the coroutine whose host function runs
  Call* running_ = nullptr;
  std::unique_ptr<stack::Pending> pending_;   ///< what the coroutine that just yielded waits for
  std::unique_ptr<stack::Pending> finished_;  ///< what the coroutine about to resume waited for
  Turns turns_;                               ///< of calls that have waited
  std::size_t used_ = 0;
  std::size_t loaded_ = 0;                ///< value of used_ when charge_to() was called
  std::shared_ptr<MemoryBudget> budget_;  ///< outlives the charge
  MemoryCharge charge_;
  std::size_t memory_limit_ = SIZE_MAX;
  std::size_t borrowed_ = 0;  ///< octets, see borrow()
  std::size_t calls_ = 0;
  std::uint64_t left_ = 0;  ///< octets charged after the last full collection
  bool worn_out_ = false;
  int in_host_ = 0;
  int no_slices_ = 0;
  int closing_ = 0;  ///< coroutines that are being closed, nested
  bool gave_way_ = false;
  int failed_ = 0;     ///< Lua status of the coroutine that just ended
  std::string trace_;  ///< traceback of its error
  Clock::time_point slice_began_;
  std::chrono::nanoseconds overrun_at_{
      0};                     ///< thread CPU time at which it should have yielded; 0: not yet
  Clock::time_point looked_;  ///< last check of the budget
  std::chrono::nanoseconds suspected_at_{0};  ///< see grows_too_long(); 0: not since the last check
  bool large_texts_ = false;  ///< a single instruction may take long, such as a comparison
  std::uint64_t unseen_ = 0;  ///< steps since the last check of the budget
  std::vector<std::pair<lua_State*, int>> idle_;  ///< idle coroutines with their references
  std::vector<std::string> secrets_;
  std::vector<std::string> loaded_secrets_;
  std::size_t given_secrets_taken_ = 0;
  std::shared_ptr<void> user_;
};

}  // namespace postern::script
