#include "script/memoize.h"

#include <algorithm>
#include <array>
#include <atomic>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/rand.h>

#include "script/duration.h"
#include "script/runtime.h"
#include "script/state.h"

namespace postern::script {

namespace asio = boost::asio;

namespace {

/// One computation, and who waits for it on other coroutines and threads.
struct Flight {
  std::mutex mutex;
  bool over = false;
  std::optional<json::value> value;  ///< over without: it failed
  std::string trouble;
  std::vector<std::shared_ptr<asio::steady_timer>> waiting;
};

void land(Flight& flight, std::optional<json::value> value, std::string trouble) {
  const std::lock_guard lock(flight.mutex);
  if (flight.over) return;
  flight.over = true;
  flight.value = std::move(value);
  flight.trouble = std::move(trouble);
  for (auto& timer : flight.waiting) {
    asio::post(timer->get_executor(), [timer] { timer->cancel(); });
  }
  flight.waiting.clear();
}

Task<json::value> wait_for(std::shared_ptr<Flight> flight, Clock::time_point deadline) {
  const auto timer =
      std::make_shared<asio::steady_timer>(co_await asio::this_coro::executor, deadline);
  bool over = false;
  {
    const std::lock_guard lock(flight->mutex);
    over = flight->over;
    if (!over) flight->waiting.push_back(timer);
  }
  if (!over) co_await timer->async_wait(asio::as_tuple(asio::use_awaitable));
  const std::lock_guard lock(flight->mutex);
  demand(flight->over, "a memoized function did not return in time");
  demand(flight->value.has_value(), flight->trouble);
  co_return *flight->value;
}

/// So that neither memory nor a dump of it tells what was asked.
std::string key_of(std::string_view arguments) {
  static const std::array<unsigned char, 32> secret = [] {
    std::array<unsigned char, 32> made{};
    RAND_bytes(made.data(), made.size());
    return made;
  }();
  std::string key(EVP_MAX_MD_SIZE, '\0');
  unsigned int size = 0;
  HMAC(EVP_sha256(), secret.data(), secret.size(),
       reinterpret_cast<const unsigned char*>(arguments.data()), arguments.size(),
       reinterpret_cast<unsigned char*>(key.data()), &size);
  key.resize(size);
  return key;
}

}  // namespace

class Memos::Cache {
 public:
  explicit Cache(const Options& options) : options_(options) {}
  const Options& options() const { return options_; }

  /// What is known of a key: a value, a computation to wait for, or one to do now.
  struct Found {
    std::optional<json::value> value;
    std::shared_ptr<Flight> flight;
    bool leads = false;
  };
  Found find(const std::string& key) {
    const std::lock_guard lock(mutex_);
    const auto known = entries_.find(key);
    if (known != entries_.end() && known->second.until > Clock::now()) {
      recent_.splice(recent_.begin(), recent_, known->second.place);
      return {.value = known->second.value, .flight = nullptr};
    }
    std::shared_ptr<Flight>& flight = flights_[key];
    const bool leads = flight == nullptr;
    if (leads) flight = std::make_shared<Flight>();
    return {.value = std::nullopt, .flight = flight, .leads = leads};
  }

  /// The end of the computation that find() handed out; a second end changes nothing.
  void end(const std::string& key, const std::shared_ptr<Flight>& flight,
           std::optional<json::value> value, std::string trouble) {
    {
      const std::lock_guard lock(mutex_);
      const auto mine = flights_.find(key);
      if (mine == flights_.end() || mine->second != flight) return;
      flights_.erase(mine);
      if (value) keep(key, *value);
    }
    land(*flight, std::move(value), std::move(trouble));
  }

 private:
  struct Entry {
    json::value value;
    Clock::time_point until;
    std::list<std::string>::iterator place;
  };

  void keep(const std::string& key, const json::value& value) {
    const bool nothing = value.is_null() || (value.is_bool() && !value.get_bool());
    const auto until = Clock::now() + (nothing ? options_.negative_ttl : options_.ttl);
    if (const auto old = entries_.find(key); old != entries_.end()) {
      old->second.value = value;
      old->second.until = until;
      recent_.splice(recent_.begin(), recent_, old->second.place);
      return;
    }
    while (entries_.size() >= options_.capacity && !recent_.empty()) {
      entries_.erase(recent_.back());
      recent_.pop_back();
    }
    recent_.push_front(key);
    entries_.emplace(key, Entry{value, until, recent_.begin()});
  }

  const Options options_;
  std::mutex mutex_;
  std::list<std::string> recent_;  ///< the one used last in front
  std::unordered_map<std::string, Entry> entries_;
  std::unordered_map<std::string, std::shared_ptr<Flight>> flights_;
};

std::shared_ptr<Memos::Cache> Memos::named(const std::string& name, const Options& options) {
  const std::lock_guard lock(mutex_);
  std::shared_ptr<Cache>& cache = caches_[name];
  if (!cache || cache->options() != options) cache = std::make_shared<Cache>(options);
  return cache;
}

namespace {

/// Beside a memoized function, as its upvalue.
struct Memoized {
  std::shared_ptr<Memos::Cache> cache;
};

/// The computation in hand, on the stack of the coroutine that does it.
struct Lead {
  std::shared_ptr<Memos::Cache> cache;
  std::shared_ptr<Flight> flight;
  std::string key;
};

}  // namespace

template <>
struct ClassName<Memoized> {
  static constexpr std::string_view value = "Memoized";
};
template <>
struct ClassName<Lead> {
  static constexpr std::string_view value = "MemoizedCall";
};

namespace {

/// Several results come back as one list.
json::value value_of(lua_State* L, int first) {
  const int count = lua_gettop(L) - first + 1;
  if (count <= 0) return nullptr;
  if (count == 1) return stack::data_at(L, first);
  json::array list;
  for (int i = first; i < first + count; ++i) list.push_back(stack::data_at(L, i));
  return list;
}

/// Stack: MemoizedCall, results or an error.
int finished(lua_State* L, int status, lua_KContext) {
  lua_pushboolean(L, status == LUA_OK || status == LUA_YIELD);
  lua_insert(L, 2);  // call, well, results
  const int count = stack::guarded(L, [](lua_State* inner) {
    const auto lead = stack::take<std::shared_ptr<Lead>>(inner, 1);
    Call& call = stack::current(inner);
    call.resume_record();
    if (lua_toboolean(inner, 2) == 0) {
      const auto thrown = stack::thrown_at(inner, 3);
      const std::string text = thrown ? thrown->text()
                               : lua_type(inner, 3) == LUA_TSTRING
                                   ? std::string(stack::text_at(inner, 3))
                                   : "error object is not a string";
      lead->cache->end(lead->key, lead->flight, std::nullopt, text);
      if (call.records()) call.tell({"memoized", text, true});
      return 0;
    }
    json::value value;
    try {
      value = value_of(inner, 3);
    } catch (const std::exception& error) {
      lead->cache->end(lead->key, lead->flight, std::nullopt, error.what());
      throw;
    }
    lead->cache->end(lead->key, lead->flight, value, {});
    if (call.records()) call.tell({"memoized", json::serialize(json::array{value})});
    stack::push(inner, value);
    return 1;
  });
  if (count == 0) {
    lua_settop(L, 3);
    return lua_error(L);
  }
  return count;
}

/// Pushes what is known and returns 1, or waits for it, or pushes a MemoizedCall and returns 2.
int look_up(lua_State* L) {
  Call& call = stack::current(L);
  if (call.offline()) {
    const json::array answer = call.next_answer("memoized");
    stack::push(L, answer.empty() ? json::value() : answer.front());
    return 1;
  }
  const auto memoized = std::static_pointer_cast<Memoized>(
      *static_cast<std::shared_ptr<void>*>(lua_touserdata(L, lua_upvalueindex(2))));
  json::array arguments;
  for (int i = 1; i <= lua_gettop(L); ++i) arguments.push_back(stack::data_at(L, i));
  const std::string key = key_of(json::serialize(arguments));
  Memos::Cache::Found found = memoized->cache->find(key);
  if (found.value) {
    if (call.records()) call.tell({"memoized", json::serialize(json::array{*found.value})});
    stack::push(L, *found.value);
    return 1;
  }
  if (!found.leads) {
    return stack::suspend(L, std::make_unique<stack::PendingTask<json::value>>(
                                 wait_for(found.flight, call.deadline())));
  }
  // However the call ends, nobody waits for it in vain.
  call.at_end([cache = memoized->cache, flight = found.flight, key] {
    cache->end(key, flight, std::nullopt, "a memoized function was stopped");
  });
  call.pause_record();
  stack::give(L, std::make_shared<Lead>(Lead{memoized->cache, found.flight, key}));
  return 2;
}

int call_memoized(lua_State* L) {
  Runtime::limit_depth(L);
  const int arguments = lua_gettop(L);
  const int found = stack::guarded(L, look_up);
  if (found != 2) return found;
  lua_insert(L, 1);
  lua_pushvalue(L, lua_upvalueindex(1));
  lua_insert(L, 2);  // call, function, arguments
  return finished(L, lua_pcallk(L, arguments, LUA_MULTRET, 0, 0, finished), 0);
}

Memos::Options options_of(const json::object& given, std::string& name) {
  Memos::Options options;
  constexpr std::string_view known[] = {"name",
                                        "ttl",
                                        "capacity",
                                        "negative_ttl",
                                        "invalidate_with_epoch",
                                        "populate_timeout",
                                        "retry_on_populate_timeout",
                                        "allow_stale_reads"};
  for (const auto& [key, value] : given) {
    demand(std::find(std::begin(known), std::end(known), std::string_view(key)) != std::end(known),
           "memoize: unknown option '" + std::string(key) + "'");
  }
  const auto wanted = [&](std::string_view key) -> const json::value& {
    const json::value* value = given.if_contains(key);
    demand(value != nullptr, "memoize: option '" + std::string(key) + "' is missing");
    return *value;
  };
  demand(wanted("name").is_string(), "memoize: 'name' must be a string");
  name = wanted("name").get_string();
  options.ttl = duration_of(wanted("ttl"));
  const json::value& capacity = wanted("capacity");
  demand(capacity.is_int64() && capacity.get_int64() > 0, "memoize: 'capacity' must be positive");
  options.capacity = static_cast<std::size_t>(capacity.get_int64());
  const json::value* negative = given.if_contains("negative_ttl");
  options.negative_ttl = negative != nullptr ? duration_of(*negative) : options.ttl;
  return options;
}

}  // namespace

int memoize(lua_State* L) {
  return stack::guarded(L, [](lua_State* inner) {
    if (!lua_isfunction(inner, 1)) stack::wrong_argument(1, "function", inner);
    if (!lua_istable(inner, 2)) stack::wrong_argument(2, "table", inner);
    std::string name;
    const Memos::Options options = options_of(stack::data_at(inner, 2).as_object(), name);
    const auto memos = State::of(inner).memos();
    demand(memos != nullptr, "not available here");
    lua_pushvalue(inner, 1);
    stack::give(inner, std::make_shared<Memoized>(Memoized{memos->named(name, options)}));
    lua_pushcclosure(inner, call_memoized, 2);
    return 1;
  });
}

}  // namespace postern::script
