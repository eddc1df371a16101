#include "script/state.h"

#include <algorithm>

#include <boost/asio/post.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>

#include "base/allocator.h"
#include "script/runtime.h"

namespace postern::script {

namespace asio = boost::asio;

namespace {

constexpr std::size_t idle_coroutines = 64;
/// Octets of a state from which on what it frees is returned to the system at once.
constexpr std::size_t worth_returning = 8u << 20;

std::string loaded_name(std::size_t index) { return "loaded " + std::to_string(index + 1); }

}  // namespace

/// The first frame of every coroutine. An error that the budget's hook raises disables the hook
/// until a protected call catches it. Without this frame, `__close` functions would run without a
/// budget, and the coroutine could not be reused.
struct Frame {
  static int start(lua_State* L) {
    lua_pushcfunction(L, trace);
    lua_insert(L, 1);
    return ended(L, lua_pcallk(L, lua_gettop(L) - 2, LUA_MULTRET, 1, 0, ended), 0);
  }
  static int ended(lua_State* L, int status, lua_KContext) {
    const bool well = status == LUA_OK || status == LUA_YIELD;
    if (!well) Runtime::fail(State::of(L), status);
    return well ? lua_gettop(L) - 1 : 1;
  }
  /// Keeps the traceback while the stack exists. Host error values, such as refusals, need none.
  static int trace(lua_State* L) {
    return stack::guarded(L, [](lua_State* inner) {
      if (stack::thrown_at(inner, 1)) return 1;
      luaL_traceback(inner, inner, nullptr, 1);
      Runtime::keep_trace(State::of(inner), stack::text_at(inner, lua_gettop(inner)));
      lua_pop(inner, 1);
      return 1;
    });
  }
};

/// Marks the running call during one lua_resume().
class State::Running {
 public:
  Running(State& state, lua_State* thread, Call& call) : state_(state) {
    state_.running_ = &call;
    call.state_ = &state;
    state_.inner_ = thread;
    state_.gave_way_ = false;
    state_.failed_ = LUA_OK;
    state_.slice_began_ = state_.looked_ = Clock::now();
    state_.overrun_at_ = std::chrono::nanoseconds(0);
    // Other calls may have collected this call's garbage, or taken memory since it began: its
    // memory is used up only if both counts say so.
    const std::size_t taken = std::max<std::ptrdiff_t>(call.memory_taken_, 0);
    const std::size_t allowed = call.limits().memory;
    const std::size_t by_taken = state_.used_ + (allowed - std::min(taken, allowed));
    const std::size_t by_growth = call.memory_before_ + allowed;
    state_.memory_limit_ = std::min(std::max(by_taken, by_growth), state_memory);
    used_before_ = state_.used_;
  }
  ~Running() {
    state_.running_->memory_taken_ += static_cast<std::ptrdiff_t>(state_.used_ - used_before_);
    state_.running_->spent().computing += Clock::now() - state_.slice_began_;
    state_.running_ = nullptr;
    state_.inner_ = nullptr;
    state_.memory_limit_ = SIZE_MAX;
  }

 private:
  State& state_;
  std::size_t used_before_ = 0;
};

class State::Loan {
 public:
  Loan(State& state, Call& call) : state_(state), call_(call) {
    ++state_.calls_;
    call_.memory_before_ = state_.used_;
    call_.memory_taken_ = 0;
    for (std::size_t i = 0; i < state_.loaded_secrets_.size(); ++i) {
      call_.keep_secret_as(state_.loaded_secrets_[i], loaded_name(i));
    }
    for (const std::string& secret : state_.secrets_) call_.keep_secret(secret);
    if (!state_.idle_.empty()) {
      std::tie(thread_, reference_) = state_.idle_.back();
      state_.idle_.pop_back();
    } else {
      const InHost guard(state_);
      thread_ = lua_newthread(state_.main_);
      Runtime::hold(thread_, true);
      reference_ = luaL_ref(state_.main_, LUA_REGISTRYINDEX);
    }
    call_.look_every_ = Runtime::look_every(state_);
    lua_sethook(thread_, &State::count, LUA_MASKCOUNT, call_.look_every_);
  }
  ~Loan() {
    --state_.calls_;
    if (!ended_) {
      // The call is abandoned: its to-be-closed variables are closed at once.
      if (call_.spent().stopped == Stopped::no) call_.spent().stopped = Stopped::time;
      const Running running(state_, thread_, call_);
      ++state_.no_slices_;
      lua_resetthread(thread_);
      --state_.no_slices_;
    }
    lua_settop(thread_, 0);
    // A coroutine that ended outside its protected call is dead. Resuming it is an error that
    // nothing would catch, and there may be no memory for its text.
    if (lua_status(thread_) == LUA_OK && state_.idle_.size() < idle_coroutines) {
      state_.idle_.emplace_back(thread_, reference_);
    } else {
      luaL_unref(state_.main_, LUA_REGISTRYINDEX, reference_);
    }
    if (!ended_ && state_.calls_ == 0 && state_.holds_much()) state_.collect();
  }
  Loan(const Loan&) = delete;
  Loan& operator=(const Loan&) = delete;

  lua_State* thread() const { return thread_; }
  void ended() { ended_ = true; }

 private:
  State& state_;
  Call& call_;
  lua_State* thread_ = nullptr;
  int reference_ = 0;
  bool ended_ = false;
};

State::State(const Setup& setup) : setup_(setup) {
  const InHost guard(*this);
  main_ = lua_newstate(&State::allocate, this);
  if (main_ == nullptr) throw std::bad_alloc();
  *static_cast<State**>(lua_getextraspace(main_)) = this;
  Runtime::open_libraries(*this);
  Runtime::register_tables(*this);
}

State::~State() {
  const bool large = used_ >= worth_returning;
  {
    const InHost guard(*this);
    lua_close(main_);
  }
  // Nobody may ask for so much again until the next reload, and that happens in other arenas.
  if (large) give_back_free_memory();
}

State& State::of(lua_State* L) {
  return *reinterpret_cast<State*>(Runtime::mark_of(L) & ~held_mark);
}

Raised State::raised(lua_State* thread, Call& call) {
  const InHost guard(*this);
  Raised raised{.stopped = call.spent().stopped, .message = {}, .traceback = {}, .thrown = nullptr};
  if (failed_ == LUA_ERRMEM && raised.stopped == Stopped::no) raised.stopped = Stopped::memory;
  call.spent().stopped = raised.stopped;
  raised.thrown = stack::thrown_at(thread, -1);
  if (raised.stopped != Stopped::no && !call.stop_.empty()) {
    raised.message = call.stop_;
  } else if (failed_ == LUA_ERRMEM || failed_ == LUA_OK) {
    raised.message = Runtime::sentence_of(raised.stopped);
  } else if (raised.thrown) {
    raised.message = raised.thrown->text();
  } else if (lua_type(thread, -1) == LUA_TSTRING) {
    raised.message = stack::text_at(thread, lua_gettop(thread));
  } else {
    raised.message = std::string("error object is a ") + luaL_typename(thread, -1) + " value";
  }
  raised.message = call.redacted_error(std::move(raised.message));
  raised.traceback = call.redacted_error(std::move(trace_));
  return raised;
}

/// The end of a call: reads its results or its error.
std::optional<Raised> State::outcome(lua_State* thread, int count, const Read& results,
                                     Call& call) {
  if (failed_ != LUA_OK) return raised(thread, call);
  // A result after the deadline does not count.
  if (call.spent().stopped == Stopped::no && Clock::now() >= call.deadline()) {
    call.spent().stopped = Stopped::time;
  }
  if (call.spent().stopped != Stopped::no) {  // also in a coroutine whose error the script caught
    lua_pushnil(thread);
    return raised(thread, call);
  }
  const InHost guard(*this);
  try {
    results(thread, count);
    return std::nullopt;
  } catch (const std::exception& error) {
    return Raised{.stopped = Stopped::no,
                  .message = call.redacted_error(error.what()),
                  .traceback = {},
                  .thrown = nullptr};
  }
}

void State::collect() {
  const InHost guard(*this);
  lua_gc(main_, LUA_GCCOLLECT);
  left_ = charge_.charged();
}

/// The garbage of a call that ran out of memory would count as held when the next call begins.
/// Finishes the collection cycle that is running, then runs a full one, in pieces between which
/// others run.
Task<void> State::tidy_up() {
  constexpr int kilobytes = 512;
  constexpr int most_pieces = 10'000;
  const auto executor = co_await asio::this_coro::executor;
  int cycles = 0;
  for (int i = 0; i < most_pieces && cycles < 2; ++i) {
    cycles += lua_gc(main_, LUA_GCSTEP, kilobytes);
    co_await asio::post(executor, asio::use_awaitable);
  }
  worn_out_ = used_ > worn_state;
  left_ = charge_.charged();
}

/// Garbage of ended calls counts in limits.memory until it is collected, and Lua collects only when
/// it allocates: a budget full of garbage would reject every new client.
bool State::holds_much() const {
  if (!budget_) return false;
  const std::uint64_t held = charge_.charged();
  // What the last collection left is in use: the next one waits until the amount has doubled.
  if (held <= std::max(budget_->limit() / 64, 2 * left_)) return false;
  return calls_ <= 1 || (budget_->low() && held > budget_->limit() / 8);
}

Task<std::optional<Raised>> State::drive(Loan& loan, int arguments, const Read& results,
                                         Call& call) {
  lua_State* thread = loan.thread();
  Clock::time_point here = Clock::now();  // since when it has the loop
  for (;;) {
    int status = LUA_OK;
    int count = 0;
    {
      const Running running(*this, thread, call);
      status = lua_resume(thread, nullptr, arguments, &count);
    }
    arguments = 0;
    if (status != LUA_YIELD) {
      loan.ended();
      // There was no memory for the first frame's protected call: lua_resume() returned the error.
      if (status != LUA_OK && failed_ == LUA_OK) failed_ = status;
      std::optional<Raised> raised = outcome(thread, count, results, call);
      const bool all_used = raised && raised->stopped == Stopped::memory;
      if (all_used || holds_much()) {
        lua_settop(thread, 0);
        co_await tidy_up();
      }
      co_return raised;
    }
    if (!pending_) {  // it has computed for a while
      const auto executor = co_await asio::this_coro::executor;
      co_await asio::post(executor, asio::use_awaitable);
      here = Clock::now();
      continue;
    }
    std::unique_ptr<stack::Pending> pending = std::move(pending_);
    const Clock::time_point last_slice = slice_began_;
    const Clock::time_point began = Clock::now();
    // The record has the result alone, which a rerun is given: what the work asks is not in it.
    const bool only_result = pending->is_data();
    if (only_result) call.pause_record();
    co_await pending->run();
    if (only_result) call.resume_record();
    Clock::time_point now = Clock::now();
    // What the host knows at once needs no turn: no other call has run since, and this one has not
    // had the loop for long.
    if (slice_began_ != last_slice || now - here > slice) {
      co_await turns_.next();
      here = now = Clock::now();
    }
    call.spent().waiting += now - began;
    ++call.spent().host_calls;
    finished_ = std::move(pending);
  }
}

Task<std::optional<Raised>> State::run(std::string_view text, std::string name, Call& call) {
  Loan loan(*this, call);
  lua_State* thread = loan.thread();
  {
    const Running running(*this, thread, call);
    lua_pushcfunction(thread, Frame::start);
    failed_ = luaL_loadbufferx(thread, text.data(), text.size(), ("@" + name).c_str(), "t");
  }
  if (failed_ != LUA_OK) {
    loan.ended();
    co_return raised(thread, call);
  }
  const Read nothing = [](lua_State*, int) {};
  std::optional<Raised> trouble = co_await drive(loan, 1, nothing, call);
  co_return trouble;
}

Task<std::optional<Raised>> State::call(int function, Push arguments, Read results, Call& call) {
  Loan loan(*this, call);
  // Many clients may authenticate at once: other work of the loop runs between their calls.
  if (call.judges_login()) co_await turns_.next();
  int count = 1;
  {
    const InHost guard(*this);
    lua_pushcfunction(loan.thread(), Frame::start);
    lua_rawgeti(loan.thread(), LUA_REGISTRYINDEX, function);
    count += arguments(loan.thread());
  }
  std::optional<Raised> trouble = co_await drive(loan, count, results, call);
  co_return trouble;
}

int State::keep(Function function) {
  lua_pushvalue(active_, function.index);
  return luaL_ref(active_, LUA_REGISTRYINDEX);
}

void State::keep_secret(std::string text) {
  if (running_ != nullptr) running_->keep_secret(text);
  if (std::ranges::find(secrets_, text) == secrets_.end()) secrets_.push_back(std::move(text));
}

std::vector<std::string> State::loaded_strangers() const {
  Withheld withheld;
  std::vector<std::string> strangers;
  for (std::size_t i = 0; i < loaded_secrets_.size(); ++i) {
    withheld.keep_secret_as(loaded_secrets_[i], loaded_name(i));
    strangers.push_back(withheld.stranger(loaded_secrets_[i]));
  }
  return strangers;
}

std::string State::next_given_secret() {
  const std::vector<std::string>& given = setup_.files.given_secrets;
  const std::size_t index = given_secrets_taken_++;
  return index < given.size() ? given[index] : "<not in the record>";
}

int beyond_modules(lua_State* L, int level) {
  lua_Debug frame{};
  for (int i = level; lua_getstack(L, i, &frame) != 0; ++i) {
    lua_getinfo(L, "S", &frame);
    // "=(load)" is a text that the script loaded, "=[C]" a C function.
    const std::string_view source = frame.source;
    if (!source.starts_with('=') || source.starts_with("=(") || source == "=[C]") return i;
  }
  return level;
}

std::string State::place() const {
  lua_Debug frame{};
  for (int level = 1; active_ != nullptr && lua_getstack(active_, level, &frame); ++level) {
    level = beyond_modules(active_, level);
    if (lua_getstack(active_, level, &frame) == 0) break;
    lua_getinfo(active_, "Sl", &frame);
    if (frame.currentline > 0) {
      return std::string(frame.short_src) + ":" + std::to_string(frame.currentline);
    }
  }
  return {};
}

}  // namespace postern::script
