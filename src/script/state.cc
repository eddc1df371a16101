#include "script/state.h"

#include <algorithm>
#include <cstdlib>

#include <boost/asio/post.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>

#include "script/runtime.h"

namespace postern::script {

namespace asio = boost::asio;

namespace {

/// Instructions between two looks at the budget. One may take long: 1000 times one that copies
/// 10 MB would keep an event loop for seconds.
constexpr int look_every = 100;
/// Steps of other work, after which the budget is looked at when the next instruction comes.
constexpr std::uint64_t look_after = 10'000;
constexpr std::size_t idle_coroutines = 64;

const char* sentence_of(Stopped why) {
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

}  // namespace

std::string Call::redacted(std::string text) const {
  for (const std::string& secret : secrets_) {
    for (std::size_t at = text.find(secret); at != std::string::npos; at = text.find(secret, at)) {
      text.replace(at, secret.size(), "<redacted>");
      at += 10;
    }
  }
  return text;
}

void Call::keep_secret(std::string text) {
  if (text.size() < 4) return;
  // In records and logs values are JSON, where it may look otherwise.
  std::string quoted = json::serialize(json::string(text));
  quoted = quoted.substr(1, quoted.size() - 2);
  if (quoted != text) secrets_.push_back(std::move(quoted));
  secrets_.push_back(std::move(text));
}

void Call::tell(Told told) {
  constexpr std::size_t most = 64 * 1024;
  told.answer = redacted(std::move(told.answer));
  kept_ += told.answer.size();
  if (kept_ <= most) told_.push_back(std::move(told));
}

json::array Call::next_answer(std::string_view function) {
  if (answered_ >= answers_->size()) {
    throw std::runtime_error("the record has no answer of " + std::string(function));
  }
  const Told& told = (*answers_)[answered_++];
  if (function != "memoized" && told.function != function) {
    throw std::runtime_error("the record has an answer of " + told.function + ", not of " +
                             std::string(function));
  }
  if (told.failed) throw std::runtime_error(told.answer);
  return json::parse(told.answer).as_array();
}

/// The first frame of every coroutine. An error that the budget's hook raises leaves the hook
/// disabled until a protected call has caught it: without this one, `__close` would run unwatched
/// and the coroutine could not be used again.
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
  /// Where the error came from, while it is known. Of the host's own, such as a refusal, nobody
  /// asks.
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

/// Marks the call that runs, for the time of one lua_resume().
class State::Running {
 public:
  Running(State& state, lua_State* thread, Call& call) : state_(state) {
    state_.running_ = &call;
    call.state_ = &state;
    state_.driven_ = state_.inner_ = thread;
    state_.gave_way_ = false;
    state_.failed_ = LUA_OK;
    state_.slice_began_ = Clock::now();
    // Others may have collected what this call left, or taken memory of their own since it began:
    // it has used up its memory when both counts say so.
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
    state_.driven_ = state_.inner_ = nullptr;
    state_.memory_limit_ = SIZE_MAX;
  }

 private:
  State& state_;
  std::size_t used_before_ = 0;
};

class State::Loan {
 public:
  Loan(State& state, Call& call) : state_(state), call_(call) {
    call_.memory_before_ = state_.used_;
    call_.memory_taken_ = 0;
    for (const std::string& secret : state_.secrets_) call_.keep_secret(secret);
    if (!state_.idle_.empty()) {
      std::tie(thread_, reference_) = state_.idle_.back();
      state_.idle_.pop_back();
    } else {
      const InHost guard(state_);
      thread_ = lua_newthread(state_.main_);
      reference_ = luaL_ref(state_.main_, LUA_REGISTRYINDEX);
    }
    lua_sethook(thread_, &State::count, LUA_MASKCOUNT, look_every);
  }
  ~Loan() {
    if (!ended_) {
      // To-be-closed variables of a script that nobody waits for any more are closed at once.
      if (call_.spent().stopped == Stopped::no) call_.spent().stopped = Stopped::time;
      const Running running(state_, thread_, call_);
      lua_resetthread(thread_);
    }
    lua_settop(thread_, 0);
    if (state_.idle_.size() < idle_coroutines) {
      state_.idle_.emplace_back(thread_, reference_);
    } else {
      luaL_unref(state_.main_, LUA_REGISTRYINDEX, reference_);
    }
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
  const InHost guard(*this);
  lua_close(main_);
}

State& State::of(lua_State* L) { return **static_cast<State**>(lua_getextraspace(L)); }

void* State::allocate(void* state, void* block, std::size_t old_size, std::size_t size) {
  State& self = *static_cast<State*>(state);
  if (block == nullptr) old_size = 0;  // then it tells the kind of object
  if (size == 0) {
    std::free(block);
    self.used_ -= old_size;
    return nullptr;
  }
  const bool too_much =
      size > old_size && self.in_host_ == 0 && self.used_ + (size - old_size) > self.memory_limit_;
  void* moved = too_much ? nullptr : std::realloc(block, size);
  if (moved == nullptr) return nullptr;
  self.used_ += size - old_size;
  if (size > old_size && size >= large_block && self.in_host_ == 0)
    self.charge(size / octets_per_step);
  return moved;
}

void State::charge(std::uint64_t steps) {
  if (running_ == nullptr) return;
  running_->spent().instructions += steps;
  unseen_ += steps;
  // Setting a hook is allowed anywhere, even in the allocator.
  if (unseen_ >= look_after) lua_sethook(inner_, &State::count, LUA_MASKCOUNT, 1);
}

void State::count(lua_State* L, lua_Debug*) {
  State& self = of(L);
  if (self.running_ == nullptr) return;
  Call& call = *self.running_;
  Spent& spent = call.spent();
  if (spent.stopped == Stopped::no) {
    spent.instructions += look_every;
    self.unseen_ = 0;
    if (lua_gethookcount(L) != look_every) lua_sethook(L, &State::count, LUA_MASKCOUNT, look_every);
    const Clock::time_point now = Clock::now();
    if (spent.instructions > call.limits().instructions) {
      spent.stopped = Stopped::instructions;
    } else if (now > call.deadline() ||
               spent.computing + (now - self.slice_began_) > call.limits().computing) {
      spent.stopped = Stopped::time;
    } else if (now - self.slice_began_ > slice) {
      if (Runtime::may_wait(self, L)) {
        self.gave_way_ = true;
        lua_yield(L, 0);
        return;
      }
      if (now - self.slice_began_ > longest_slice) spent.stopped = Stopped::time;
    }
    if (spent.stopped == Stopped::no) return;
  }
  // Whoever catches this meets it again at his next instruction.
  lua_sethook(L, &State::count, LUA_MASKCOUNT, 1);
  fail_stopped(L, 0, sentence_of(spent.stopped));
}

/// Raises the error of a call that is stopped. What it says is what was said first: handlers of the
/// script's may have caught that, and met the next one somewhere else.
void State::fail_stopped(lua_State* L, int level, const char* sentence) {
  luaL_where(L, beyond_modules(L, level));
  lua_pushstring(L, sentence);
  lua_concat(L, 2);
  Call* call = of(L).running_;
  if (call != nullptr && call->stop_.empty()) call->stop_ = lua_tostring(L, -1);
  lua_error(L);
  std::abort();  // lua_error does not return
}

void State::spend(lua_State* L, std::uint64_t steps) {
  State& self = of(L);
  if (self.running_ == nullptr) return;
  Spent& spent = self.running_->spent();
  self.charge(steps);
  if (spent.instructions <= self.running_->limits().instructions) return;
  if (spent.stopped == Stopped::no) spent.stopped = Stopped::instructions;
  lua_sethook(L, &State::count, LUA_MASKCOUNT, 1);
  fail_stopped(L, 1, sentence_of(spent.stopped));
}

void State::exhaust(lua_State* L, const char* sentence) {
  State& self = of(L);
  if (self.running_ != nullptr) {
    Spent& spent = self.running_->spent();
    if (spent.stopped == Stopped::no) spent.stopped = Stopped::instructions;
    lua_sethook(L, &State::count, LUA_MASKCOUNT, 1);
  }
  fail_stopped(L, 1, sentence);
}

Raised State::raised(lua_State* thread, Call& call) {
  const InHost guard(*this);
  Raised raised{.stopped = call.spent().stopped, .message = {}, .traceback = {}, .thrown = nullptr};
  if (failed_ == LUA_ERRMEM && raised.stopped == Stopped::no) raised.stopped = Stopped::memory;
  call.spent().stopped = raised.stopped;
  raised.thrown = stack::thrown_at(thread, -1);
  if (raised.stopped != Stopped::no && !call.stop_.empty()) {
    raised.message = call.stop_;
  } else if (failed_ == LUA_ERRMEM) {
    raised.message = sentence_of(Stopped::memory);
  } else if (raised.thrown) {
    raised.message = raised.thrown->text();
  } else if (lua_type(thread, -1) == LUA_TSTRING) {
    raised.message = stack::text_at(thread, lua_gettop(thread));
  } else {
    raised.message = std::string("error object is a ") + luaL_typename(thread, -1) + " value";
  }
  raised.message = call.redacted(std::move(raised.message));
  raised.traceback = call.redacted(std::move(trace_));
  return raised;
}

/// Of a call that ended: its results are read, or its error.
std::optional<Raised> State::outcome(lua_State* thread, int count, const Read& results,
                                     Call& call) {
  if (failed_ != LUA_OK) return raised(thread, call);
  const InHost guard(*this);
  try {
    results(thread, count);
    return std::nullopt;
  } catch (const std::exception& error) {
    return Raised{.stopped = Stopped::no,
                  .message = call.redacted(error.what()),
                  .traceback = {},
                  .thrown = nullptr};
  }
}

Task<std::optional<Raised>> State::drive(Loan& loan, int arguments, const Read& results,
                                         Call& call) {
  const auto executor = co_await asio::this_coro::executor;
  lua_State* thread = loan.thread();
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
      co_return outcome(thread, count, results, call);
    }
    if (!pending_) {  // it has computed for a while
      co_await asio::post(executor, asio::use_awaitable);
      continue;
    }
    std::unique_ptr<stack::Pending> pending = std::move(pending_);
    const Clock::time_point began = Clock::now();
    co_await pending->run();
    call.spent().waiting += Clock::now() - began;
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

int beyond_modules(lua_State* L, int level) {
  lua_Debug frame{};
  for (int i = level; lua_getstack(L, i, &frame) != 0; ++i) {
    lua_getinfo(L, "S", &frame);
    // "=(load)" is a text of the script's own, "=[C]" a function of C.
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
