// Internals that the files of the virtual machine share.
#pragma once

#include "script/spend.h"
#include "script/state.h"

namespace postern::script {

/// Octets from which on an allocation is charged, as new memory is filled or copied
/// (octets_per_step). Smaller blocks are part of their instruction.
inline constexpr std::size_t large_block = 4096;

/// While it exists, allocations do not count as the script's: C++ values would be lost if Lua ran
/// out of memory inside a host function.
class State::InHost {
 public:
  /// Nests; `state` outlives it.
  explicit InHost(State& state) : state_(state) { ++state_.in_host_; }
  ~InHost() { --state_.in_host_; }
  InHost(const InHost&) = delete;
  InHost& operator=(const InHost&) = delete;

 private:
  State& state_;
};

/// The level, as in lua_getstack(), of the innermost function from `level` on that is not in a
/// module of the host: errors are reported at that line.
int beyond_modules(lua_State* L, int level);

/// Thrown when a host function takes more memory for the script than its limit: the call is
/// stopped.
struct MemoryUsedUp : std::runtime_error {
  /// The text is that of Stopped::memory.
  MemoryUsedUp() : std::runtime_error("stopped: it has used up its memory") {}
};

/// Access to State for the files of the virtual machine.
struct Runtime {
  /// Opens Lua's libraries, as the sandbox has them.
  static void open_libraries(State& state);
  /// Adds the host functions of Setup.
  static void register_tables(State& state);
  /// The coroutine whose host function runs.
  static void set_active(State& state, lua_State* L) { state.active_ = L; }
  /// What the coroutine that resumes waited for.
  static std::unique_ptr<stack::Pending> take_finished(State& state) {
    return std::move(state.finished_);
  }
  /// What the coroutine that yields next waits for.
  static void wait_for(State& state, std::unique_ptr<stack::Pending> pending) {
    state.pending_ = std::move(pending);
  }
  /// Whether the coroutine can yield here.
  static bool may_wait(const State& state, lua_State* L) {
    return lua_isyieldable(L) && state.no_slices_ == 0;
  }
  /// Whether only the host may resume the coroutine: a call's own coroutine, or one that waits for
  /// the host. The mark is the low bit of the coroutine's extra space (State::of()).
  static bool is_held(lua_State* L) { return (mark_of(L) & State::held_mark) != 0; }
  /// Sets or clears the mark of is_held().
  static void hold(lua_State* L, bool held) {
    mark_of(L) = (mark_of(L) & ~State::held_mark) | (held ? State::held_mark : 0);
  }
  /// The extra space of the coroutine.
  static std::uintptr_t& mark_of(lua_State* L) {
    return *static_cast<std::uintptr_t*>(lua_getextraspace(L));
  }
  /// Raises an error if calls are nested too deeply, in functions that catch errors. When an error
  /// is caught, Lua walks through all calls of the coroutine without counting instructions:
  /// unwinding many nested ones would take quadratic time.
  static void limit_depth(lua_State* L);
  /// The error text of a stopped call.
  static const char* sentence_of(Stopped why);
  /// Instructions between two checks of the budget, at the start of a call.
  static int look_every(const State& state);
  /// Notes how the coroutine ended: a Lua status.
  static void fail(State& state, int status) { state.failed_ = status; }
  /// Notes the traceback of its error.
  static void keep_trace(State& state, std::string_view trace) { state.trace_ = trace; }
  /// Charges work on `octets` of text inside a host function. A call whose budget is used up is
  /// stopped when the function returns.
  static void charge(State& state, std::size_t octets) {
    if (octets >= large_block) state.charge(octets / octets_per_step);
  }
  /// The same in steps.
  static void count(State& state, std::uint64_t steps) { state.charge(steps); }
  /// Begins a host function, see InHost.
  static int enter(State& state) { return ++state.in_host_; }
  /// Ends a host function.
  static int leave(State& state) { return --state.in_host_; }
  /// Octets taken by State::borrow().
  static std::size_t& borrowed(State& state) { return state.borrowed_; }
  /// Stops a call that resumes after its deadline, at its next instruction.
  static void look_at_clock(lua_State* L);
  /// Stops the call with Stopped::memory; no handler of the script can catch it.
  [[noreturn]] static void stop_for_memory(lua_State* L) {
    State::stop_call(L, Stopped::memory, sentence_of(Stopped::memory));
  }
};

/// The library `coroutine`, in which suspensions by the host are invisible to scripts.
struct Coroutines {
  /// Opens the library.
  static void open(lua_State* L);

 private:
  static int create(lua_State* L);
  static int start(lua_State* L);
  static int started(lua_State* L, int status, lua_KContext context);
  static int resume(lua_State* L);
  static int wrap(lua_State* L);
  static int wrapped(lua_State* L);
  static int status(lua_State* L);
  static int close(lua_State* L);
  static int yield(lua_State* L);
  static int go_on(lua_State* L, lua_State* inner, int arguments, bool wraps);
  template <bool wraps>
  static int resumed(lua_State* L, int status, lua_KContext context);
  static int finished(lua_State* L, lua_State* inner, int status, int count, bool wraps);
};

}  // namespace postern::script
