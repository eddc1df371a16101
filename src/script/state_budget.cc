// The budgets of calls: memory in the allocator, instructions and time in the VM's hook and where
// work is paid for.
#include <algorithm>
#include <cstdlib>
#include <ctime>
#include <utility>

#include "script/runtime.h"

namespace postern::script {

namespace {

/// Instructions between two checks of the budget. A single instruction may take long: 1000 that
/// copy 10 MB each would block an event loop for seconds.
constexpr int look_every = 100;
/// The same in a state with such large texts, where one instruction may take long.
constexpr int look_often = 10;
constexpr std::size_t large_text = 256u << 10;
/// The same after that many instructions took longer than `long_look`.
constexpr int look_closely = 2;
constexpr std::chrono::microseconds long_look{500};
/// Steps of other work after which the budget is checked at the next instruction.
constexpr std::uint64_t look_after = 10'000;
/// Time of one instruction, or of those between two checks, after which its allocations are
/// checked.
constexpr std::chrono::milliseconds suspicious{10};
/// Charged in advance, so that few allocations touch the shared budget.
constexpr std::size_t charge_ahead = 64u << 10;
/// The CPU time of the calling thread.
std::chrono::nanoseconds time_of_thread() {
  timespec time{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
  return std::chrono::seconds(time.tv_sec) + std::chrono::nanoseconds(time.tv_nsec);
}

}  // namespace

void Runtime::look_at_clock(lua_State* L) {
  Call& call = *State::of(L).running_;
  if (Clock::now() < call.deadline()) return;
  if (call.spent().stopped == Stopped::no) call.spent().stopped = Stopped::time;
  lua_sethook(L, &State::count, LUA_MASKCOUNT, 1);
}

const char* Runtime::sentence_of(Stopped why) {
  switch (why) {
    case Stopped::instructions:
      return "stopped: it has used up its instructions";
    case Stopped::memory:
      return "stopped: it has used up its memory";
    case Stopped::time:
      return "stopped: it took too long";
    case Stopped::no:
      break;
  }
  return "stopped";
}

int Runtime::look_every(const State& state) {
  return state.large_texts_ ? look_often : postern::script::look_every;
}

void* State::allocate(void* state, void* block, std::size_t old_size, std::size_t size) {
  State& self = *static_cast<State*>(state);
  if (block == nullptr) {  // `old_size` is then the kind of object
    if (old_size == LUA_TSTRING && size >= large_text) self.note_large_text();
    old_size = 0;
  }
  if (size == 0) {
    std::free(block);
    self.used_ -= old_size;
    if (self.budget_) self.give_back();
    return nullptr;
  }
  const bool refused = size > old_size && self.in_host_ == 0 &&
                       (self.used_ + (size - old_size) > self.memory_limit_ ||
                        self.grows_too_long(size) || !self.has_room(size - old_size));
  void* moved = refused ? nullptr : std::realloc(block, size);
  if (moved == nullptr) return nullptr;
  self.used_ += size - old_size;
  if (size > old_size && size >= large_block && self.in_host_ == 0)
    self.charge(size / octets_per_step);
  return moved;
}

void State::charge_to(std::shared_ptr<MemoryBudget> budget) {
  budget_ = std::move(budget);
  charge_ = budget_ ? MemoryCharge(*budget_) : MemoryCharge();
  loaded_ = used_;
}

bool State::has_room(std::size_t octets) {
  if (!budget_) return true;
  const std::size_t beyond = used_ + octets - std::min(used_ + octets, loaded_);
  if (beyond <= charge_.charged()) return true;
  const std::uint64_t before = charge_.charged();
  if (charge_.set(beyond + charge_ahead)) return true;
  (void)charge_.set(before);  // the memory is not taken
  return false;
}

void State::give_back() {
  const std::size_t beyond = used_ - std::min(used_, loaded_);
  if (charge_.charged() > beyond + 4 * charge_ahead) (void)charge_.set(beyond + charge_ahead);
}

void State::charge(std::uint64_t steps) {
  if (running_ == nullptr) return;
  running_->spent().instructions += steps;
  unseen_ += steps;
  // A hook may be set anywhere, even in the allocator.
  if (unseen_ >= look_after) lua_sethook(inner_, &State::count, LUA_MASKCOUNT, 1);
}

/// Whether one instruction has taken far too long and needs more memory to continue: with a
/// `__call` that leads to itself, for instance, Lua moves the whole stack up repeatedly without
/// calling a hook. Running out of memory ends it.
bool State::grows_too_long(std::size_t size) {
  constexpr std::size_t worth_a_look = 64u << 10;
  if (size < worth_a_look || running_ == nullptr || Clock::now() - looked_ < suspicious) {
    return false;
  }
  // The process may have been descheduled: from now on its own CPU time counts.
  const std::chrono::nanoseconds now = time_of_thread();
  if (suspected_at_ == std::chrono::nanoseconds(0)) suspected_at_ = now;
  if (now - suspected_at_ < running_->limits().longest_slice) return false;
  if (running_->spent().stopped == Stopped::no) running_->spent().stopped = Stopped::time;
  lua_sethook(inner_, &State::count, LUA_MASKCOUNT, 1);
  return true;
}

void State::borrow(std::size_t octets) {
  if (running_ == nullptr) return;
  borrowed_ += octets;
  if (octets >= large_block) charge(octets / octets_per_step);
  if (used_ + borrowed_ > memory_limit_) throw MemoryUsedUp();
}

void State::note_large_text() {
  large_texts_ = true;
  if (running_ == nullptr || running_->look_every_ <= look_often) return;
  running_->look_every_ = look_often;
  lua_sethook(inner_, &State::count, LUA_MASKCOUNT, 1);
}

/// Checks the budget and stops a call that has used it up. True: the call should yield.
bool State::look(lua_State* L) {
  Call& call = *running_;
  Spent& spent = call.spent();
  unseen_ = 0;
  suspected_at_ = std::chrono::nanoseconds(0);
  const Clock::time_point now = Clock::now();
  if (now - std::exchange(looked_, now) > long_look) call.look_every_ = look_closely;
  const Clock::duration computed = now - slice_began_;
  if (spent.instructions > call.limits().instructions) {
    spent.stopped = Stopped::instructions;
  } else if (now > call.deadline() || spent.computing + computed > call.limits().computing) {
    spent.stopped = Stopped::time;
  } else if (computed > slice) {
    if (Runtime::may_wait(*this, L)) return true;
    // The process may have been descheduled: from now on its own CPU time counts.
    if (overrun_at_ == std::chrono::nanoseconds(0)) overrun_at_ = time_of_thread();
    if (computed > call.limits().longest_slice &&
        time_of_thread() - overrun_at_ > call.limits().longest_slice) {
      spent.stopped = Stopped::time;
    }
  }
  return false;
}

void State::count(lua_State* L, lua_Debug*) {
  State& self = of(L);
  if (self.running_ == nullptr) return;
  Call& call = *self.running_;
  Spent& spent = call.spent();
  if (spent.stopped == Stopped::no) {
    spent.instructions += static_cast<std::uint64_t>(call.look_every_);
    if (self.look(L)) {
      self.gave_way_ = true;
      lua_yield(L, 0);
      return;
    }
    if (lua_gethookcount(L) != call.look_every_) {
      lua_sethook(L, &State::count, LUA_MASKCOUNT, call.look_every_);
    }
    if (spent.stopped == Stopped::no) return;
  }
  // A handler that catches this error meets it again at its next instruction.
  lua_sethook(L, &State::count, LUA_MASKCOUNT, 1);
  fail_stopped(L, 0, Runtime::sentence_of(spent.stopped));
}

/// Raises the error of a stopped call with the first sentence: the script may have caught that
/// error and been stopped again elsewhere.
void State::fail_stopped(lua_State* L, int level, const char* sentence) {
  luaL_where(L, beyond_modules(L, level));
  lua_pushstring(L, sentence);
  lua_concat(L, 2);
  Call* call = of(L).running_;
  if (call != nullptr && call->stop_.empty()) call->stop_ = lua_tostring(L, -1);
  lua_error(L);
  std::abort();  // lua_error does not return
}

bool State::spend(lua_State* L, std::uint64_t steps) {
  State& self = of(L);
  if (self.running_ == nullptr) return false;
  Spent& spent = self.running_->spent();
  self.charge(steps);
  const bool used_up = spent.instructions > self.running_->limits().instructions;
  if (!used_up && self.unseen_ < look_after) return false;
  if (spent.stopped == Stopped::no && self.look(L)) return true;
  if (spent.stopped == Stopped::no) return false;
  lua_sethook(L, &State::count, LUA_MASKCOUNT, 1);
  fail_stopped(L, 1, Runtime::sentence_of(spent.stopped));
}

int State::give_way(lua_State* L, lua_KContext context, lua_KFunction k) {
  of(L).gave_way_ = true;
  return lua_yieldk(L, 0, context, k);
}

void State::exhaust(lua_State* L, const char* sentence) {
  stop_call(L, Stopped::instructions, sentence);
}

void State::stop_call(lua_State* L, Stopped why, const char* sentence) {
  State& self = of(L);
  if (self.running_ != nullptr) {
    Spent& spent = self.running_->spent();
    if (spent.stopped == Stopped::no) spent.stopped = why;
    lua_sethook(L, &State::count, LUA_MASKCOUNT, 1);
  }
  fail_stopped(L, 1, sentence);
}

}  // namespace postern::script
