// What the files of the virtual machine share and nobody else sees.
#pragma once

#include "script/spend.h"
#include "script/state.h"

namespace postern::script {

/// New memory is filled or copied, octets_per_step in the time of an instruction. Small blocks are
/// part of the instruction that takes them.
inline constexpr std::size_t large_block = 4096;

/// Memory of the host's functions is not the script's: their C++ values would be lost if Lua ran
/// out of memory under them.
class State::InHost {
 public:
  explicit InHost(State& state) : state_(state) { ++state_.in_host_; }
  ~InHost() { --state_.in_host_; }
  InHost(const InHost&) = delete;
  InHost& operator=(const InHost&) = delete;

 private:
  State& state_;
};

/// The level, as lua_getstack() counts, of the innermost function above `level` that is no module
/// of the host's own: what goes wrong there is reported at the script's line that called it.
int beyond_modules(lua_State* L, int level);

/// A host function took more for the script than that may have: the call is stopped.
struct MemoryUsedUp : std::runtime_error {
  MemoryUsedUp() : std::runtime_error("stopped: it has used up its memory") {}
};

struct Runtime {
  static void open_libraries(State& state);
  static void register_tables(State& state);
  static void set_active(State& state, lua_State* L) { state.active_ = L; }
  static std::unique_ptr<stack::Pending> take_finished(State& state) {
    return std::move(state.finished_);
  }
  static void wait_for(State& state, std::unique_ptr<stack::Pending> pending) {
    state.pending_ = std::move(pending);
  }
  static bool may_wait(const State& state, lua_State* L) {
    return lua_isyieldable(L) && state.no_slices_ == 0;
  }
  /// A coroutine that only the host may resume: a call's own, and those that wait for the host. The
  /// mark stands in the low bit of what each coroutine has of its own (State::of()).
  static bool is_held(lua_State* L) { return (mark_of(L) & State::held_mark) != 0; }
  static void hold(lua_State* L, bool held) {
    mark_of(L) = (mark_of(L) & ~State::held_mark) | (held ? State::held_mark : 0);
  }
  static std::uintptr_t& mark_of(lua_State* L) {
    return *static_cast<std::uintptr_t*>(lua_getextraspace(L));
  }
  /// For what catches errors: when one is caught Lua walks through all calls of the coroutine, so
  /// that the way back out of many such calls, in which no instruction is counted, grows with the
  /// square of their number.
  static void limit_depth(lua_State* L);
  static const char* sentence_of(Stopped why);
  /// So many instructions the budget is looked at, when a call begins.
  static int look_every(const State& state);
  static void fail(State& state, int status) { state.failed_ = status; }
  static void keep_trace(State& state, std::string_view trace) { state.trace_ = trace; }
  /// Work on a text inside a host function counts; whoever has used up his budget is stopped when
  /// the function returns.
  static void charge(State& state, std::size_t octets) {
    if (octets >= large_block) state.charge(octets / octets_per_step);
  }
  static void count(State& state, std::uint64_t steps) { state.charge(steps); }
  static int enter(State& state) { return ++state.in_host_; }
  static int leave(State& state) { return --state.in_host_; }
  static std::size_t& borrowed(State& state) { return state.borrowed_; }
  /// A call that comes back from waiting after its deadline is stopped at its next instruction.
  static void look_at_clock(lua_State* L);
  /// Stops the call as one that has used up its memory: no handler of the script's catches it.
  [[noreturn]] static void stop_for_memory(lua_State* L) {
    State::stop_call(L, Stopped::memory, sentence_of(Stopped::memory));
  }
};

/// `coroutine`: the host's own suspensions pass through a script's coroutines unseen.
struct Coroutines {
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
