#include "script/memoize.h"

#include <algorithm>

#include "script/duration.h"
#include "script/memo_cache.h"
#include "script/runtime.h"
#include "script/state.h"

namespace postern::script {

namespace {

using stack::Keys;

/// The upvalue of a memoized function.
struct Memoized {
  std::shared_ptr<Memos::Cache> cache;
};

/// The running computation, on the stack of the coroutine that computes.
struct Lead {
  std::shared_ptr<Memos::Cache> cache;
  /// Null: a recursive or deadlock-avoiding one, for this call only.
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
template <>
struct ClassName<Flight> {
  static constexpr std::string_view value = "MemoizedFlight";
};

namespace {

/// The class of a value that may be kept; null: none.
const SharedClass* class_at(lua_State* L, int index) {
  for (const SharedClass& one : State::of(L).shared_classes()) {
    if (luaL_testudata(L, index, one.name.data()) != nullptr) return &one;
  }
  return nullptr;
}

/// Several results become one array.
MemoValue value_of(lua_State* L, int first) {
  const int count = lua_gettop(L) - first + 1;
  if (count <= 0) return {};
  if (count == 1) {
    if (const SharedClass* of = class_at(L, first)) {
      void* holder = stack::object_at(L, first, of->name);
      return {.data = nullptr,
              .of = of,
              .object = of->copy(*static_cast<std::shared_ptr<void>*>(holder))};
    }
    return {.data = stack::data_at(L, first, Keys::typed), .object = nullptr};
  }
  json::array list;
  for (int i = first; i < first + count; ++i) list.push_back(stack::data_at(L, i, Keys::typed));
  return {.data = std::move(list), .object = nullptr};
}

void push_memo_value(lua_State* L, const MemoValue& value) {
  if (value.of != nullptr) {
    stack::push_object(L, value.of->copy(value.object), value.of->name);
  } else {
    stack::push(L, value.data, Keys::typed);
  }
}

void tell(Call& call, const MemoValue& value) {
  for (const std::string& secret : value.secrets) call.keep_secret(secret);
  if (!call.records()) return;
  // A host map could not be restored with placeholders in it.
  if (value.of != nullptr && call.judges_login()) return call.tell_nothing_more();
  json::array answer{value.of != nullptr ? value.of->data(value.object) : value.data};
  if (value.of != nullptr) answer.emplace_back(value.of->name);
  call.tell("memoized", answer, Source::store, Keys::typed);
}

void tell_failure(Call& call, const Flight::End& end) {
  if (!call.records()) return;
  call.tell_failure("memoized", end.thrown ? end.thrown->text() : end.trouble, end.thrown.get());
}

/// Pushes a recorded result.
void push_answer(lua_State* L, const json::array& answer) {
  if (answer.size() < 2) {
    return stack::push(L, answer.empty() ? json::value() : answer.front(), Keys::typed);
  }
  const std::string_view name = answer[1].as_string();
  for (const SharedClass& one : State::of(L).shared_classes()) {
    if (one.name == name) return stack::push_object(L, one.again(answer.front()), one.name);
  }
  throw std::runtime_error("the record has a value of an unknown class");
}

/// The error of a computation. Empty if its call was stopped: waiting calls have their own budgets.
Flight::End failure_of(lua_State* L, Call& call, int error) {
  Flight::End end;
  if (call.spent().stopped != Stopped::no) return end;
  end.thrown = stack::thrown_at(L, error);
  if (!end.thrown) {
    end.trouble = lua_type(L, error) == LUA_TSTRING ? std::string(stack::text_at(L, error))
                                                    : "error object is not a string";
  }
  return end;
}

/// Stack: Lead, status, results or an error.
int finish(lua_State* L) {
  const auto lead = stack::take<std::shared_ptr<Lead>>(L, 1);
  Call& call = stack::current(L);
  call.resume_record();
  const auto end = [&](Flight::End how) {
    if (lead->flight) lead->cache->end(lead->key, lead->flight, std::move(how));
  };
  if (const lua_Integer status = lua_tointeger(L, 2); status != LUA_OK) {
    Flight::End how = status == LUA_ERRMEM ? Flight::End{} : failure_of(L, call, 3);
    tell_failure(call, how);
    end(std::move(how));
    return 0;
  }
  MemoValue value;
  try {
    value = value_of(L, 3);
    value.secrets = call.secrets_in(value.data);
  } catch (const std::exception& error) {
    end({.value = std::nullopt, .thrown = nullptr, .trouble = error.what()});
    throw;
  }
  end({.value = value, .thrown = nullptr, .trouble = {}});
  tell(call, value);
  push_memo_value(L, value);
  return 1;
}

/// Stack: Lead, results or an error.
int finished(lua_State* L, int status, lua_KContext) {
  lua_pushinteger(L, status == LUA_YIELD ? LUA_OK : status);
  lua_insert(L, 2);  // call, status, results
  const int count = stack::guarded(L, finish);
  if (count == 0) {
    lua_settop(L, 3);
    return lua_error(L);
  }
  return count;
}

/// Found states on top of the stack, as counts of results for guarded().
constexpr int one_result = 1;
constexpr int computation_to_do = 2;
constexpr int computation_to_wait_for = 3;

int lead(lua_State* L, Lead one) {
  Call& call = stack::current(L);
  if (one.flight) {
    // If the call ends early, waiting calls are resumed.
    call.at_end([one] { one.cache->end(one.key, one.flight, {}); });
  }
  call.pause_record();
  stack::give(L, std::make_shared<Lead>(std::move(one)));
  return computation_to_do;
}

/// Stack: arguments.
int look_up(lua_State* L) {
  Call& call = stack::current(L);
  if (call.offline()) {
    push_answer(L, call.next_answer("memoized"));
    return one_result;
  }
  const auto memoized = std::static_pointer_cast<Memoized>(
      *static_cast<std::shared_ptr<void>*>(lua_touserdata(L, lua_upvalueindex(2))));
  json::array arguments;
  for (int i = 1; i <= lua_gettop(L); ++i) arguments.push_back(stack::data_at(L, i, Keys::typed));
  std::string key = memo_key(arguments);
  Memos::Cache::Found found = memoized->cache->find(key, call);
  if (found.value) {
    tell(call, *found.value);
    push_memo_value(L, *found.value);
    return one_result;
  }
  if (found.leads) return lead(L, {memoized->cache, found.flight, std::move(key)});
  if (!Flight::begin_to_wait(call, found.flight)) return lead(L, {nullptr, nullptr, {}});
  // If the call ends early, it no longer counts as waiting.
  call.at_end([&call] { Flight::stop_waiting(call); });
  stack::give(L, std::move(found.flight));
  return computation_to_wait_for;
}

/// Waits for the computation to end, or until the time is over.
Task<std::shared_ptr<Flight>> wait(Call& call, std::shared_ptr<Flight> flight,
                                   std::int64_t milliseconds) {
  const auto longest = Clock::now() + std::chrono::milliseconds(milliseconds);
  co_await Flight::wait(flight, std::min(call.deadline(), longest));
  Flight::stop_waiting(call);
  co_return flight;
}

/// Stack: arguments, the computation that ended.
int look_again(lua_State* L) {
  const auto flight = stack::take<std::shared_ptr<Flight>>(L, lua_gettop(L));
  lua_pop(L, 1);
  Call& call = stack::current(L);
  const Flight::End* end = flight->end();
  const auto memoized = std::static_pointer_cast<Memoized>(
      *static_cast<std::shared_ptr<void>*>(lua_touserdata(L, lua_upvalueindex(2))));
  if (end == nullptr) {
    const bool in_time = Clock::now() < call.deadline();
    if (in_time && memoized->cache->options().retry) return lead(L, {nullptr, nullptr, {}});
    throw std::runtime_error("a memoized function did not return in time");
  }
  if (end->failed()) {
    tell_failure(call, *end);
    if (end->thrown) throw Throw{end->thrown};
    throw PlacedError(end->trouble);
  }
  if (!end->value) return look_up(L);
  tell(call, *end->value);
  push_memo_value(L, *end->value);
  return one_result;
}

int go_on(lua_State* L, int found, int arguments);

int waited(lua_State* L, int, lua_KContext arguments) {
  return go_on(L, stack::guarded(L, look_again), static_cast<int>(arguments));
}

/// Stack: arguments, the found state's value.
int go_on(lua_State* L, int found, int arguments) {
  if (found == one_result) return 1;
  luaL_checkstack(L, 4, "memoized function");
  if (found == computation_to_do) {
    lua_insert(L, 1);
    lua_pushvalue(L, lua_upvalueindex(1));
    lua_insert(L, 2);  // call, function, arguments
    return finished(L, lua_pcallk(L, arguments, LUA_MULTRET, 0, 0, finished), 0);
  }
  const auto* memoized = static_cast<const Memoized*>(
      static_cast<std::shared_ptr<void>*>(lua_touserdata(L, lua_upvalueindex(2)))->get());
  lua_pushcfunction(L, bind<&wait>);
  lua_insert(L, -2);
  lua_pushinteger(L, memoized->cache->options().populate_timeout.count());
  lua_callk(L, 2, 1, arguments, waited);
  return waited(L, LUA_OK, arguments);
}

int call_memoized(lua_State* L) {
  Runtime::limit_depth(L);
  const int arguments = lua_gettop(L);
  return go_on(L, stack::guarded(L, look_up), arguments);
}

/// An option that is `true`, `false` or missing.
bool flag(const json::object& given, std::string_view key) {
  const json::value* value = given.if_contains(key);
  demand(value == nullptr || value->is_bool(),
         "memoize: '" + std::string(key) + "' must be true or false");
  return value != nullptr && value->get_bool();
}

void check_names(const json::object& given) {
  constexpr std::string_view known[] = {"name",
                                        "ttl",
                                        "capacity",
                                        "negative_ttl",
                                        "invalidate_with_epoch",
                                        "populate_timeout",
                                        "retry_on_populate_timeout",
                                        "allow_stale_reads"};
  for (const auto& [key, value] : given) {
    demand(std::ranges::find(known, std::string_view(key)) != std::end(known),
           "memoize: unknown option '" + std::string(key) + "'");
  }
}

Memos::Options options_of(const json::object& given, std::string& name) {
  check_names(given);
  Memos::Options options;
  const auto wanted = [&](std::string_view key) -> const json::value& {
    const json::value* value = given.if_contains(key);
    demand(value != nullptr, "memoize: option '" + std::string(key) + "' is missing");
    return *value;
  };
  const auto duration = [&](std::string_view key, std::chrono::milliseconds otherwise) {
    const json::value* value = given.if_contains(key);
    return value != nullptr ? duration_of(*value) : otherwise;
  };
  demand(wanted("name").is_string(), "memoize: 'name' must be a string");
  name = wanted("name").get_string();
  options.ttl = duration_of(wanted("ttl"));
  const json::value& capacity = wanted("capacity");
  demand(capacity.is_int64() && capacity.get_int64() > 0,
         "memoize: 'capacity' must be a whole number above 0");
  options.capacity = static_cast<std::size_t>(capacity.get_int64());
  options.negative_ttl = duration("negative_ttl", options.ttl);
  options.populate_timeout = duration("populate_timeout", options.populate_timeout);
  options.retry = flag(given, "retry_on_populate_timeout");
  // Ignored: all caches are dropped when a policy is loaded, and stale results are never returned.
  flag(given, "invalidate_with_epoch");
  flag(given, "allow_stale_reads");
  return options;
}

}  // namespace

int memoize(lua_State* L) {
  return stack::guarded(L, [](lua_State* inner) {
    if (!lua_isfunction(inner, 1)) stack::wrong_argument(1, "function", inner);
    if (!lua_istable(inner, 2)) stack::wrong_argument(2, "table", inner);
    std::string name;
    const json::value given = stack::data_at(inner, 2);
    demand(given.is_object(), "memoize: a table of options is expected");
    const Memos::Options options = options_of(given.get_object(), name);
    const auto memos = State::of(inner).memos();
    demand(memos != nullptr, "not available here");
    lua_pushvalue(inner, 1);
    stack::give(inner, std::make_shared<Memoized>(Memoized{memos->named(name, options)}));
    lua_pushcclosure(inner, call_memoized, 2);
    return 1;
  });
}

}  // namespace postern::script
