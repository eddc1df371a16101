// Makes C++ functions callable from scripts. A host function is an ordinary function:
//
//     std::string hex(std::string_view octets);
//     std::vector<std::string> split(Call& call, std::string_view text, std::string_view mark);
//     Task<json::value> load(Call& call, json::value source);  // the script is suspended
//
//     const HostFunction functions[] = {
//         {"kumo.encode.hex_encode", "octets: string", "string", "Hexadecimal.", bind<&hex>},
//         {"Regex:is_match", "text: string", "boolean", "Whether it matches.", bind<&is_match>},
//     };
//
// The row registers the function; it is also its line in the manual and in the editor stubs. An
// exception of a function becomes an error of the script, with file and line.
//
// Parameters: string_view, string, bool, int64_t, double, json::value (any data), Function, Rest
// (all further arguments, as data), std::optional of these (nil or left out),
// std::shared_ptr<T> of a class named by ClassName<T>, std::variant of such classes
// (std::monostate last: or anything else), and types with a FromScript<T>. Results: the same, void,
// std::vector, Many (several results), Built, and Task of these.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <tuple>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

#include <boost/json/value.hpp>
#include <lua.hpp>

#include "base/task.h"
#include "script/call.h"

namespace postern::script {

namespace json = boost::json;

/// One host function. The texts outlive the states; use literals.
struct HostFunction {
  /// "kumo.secrets.load"; a method: "Message:get_meta"; a field: "Address.user".
  std::string_view name;
  std::string_view parameters;  ///< in LuaLS notation: "name: string, count?: integer"
  std::string_view returns;     ///< "string|nil"; "" without a result
  std::string_view help;        ///< one or two sentences
  /// bind<&function> or derive<&function>.
  lua_CFunction call;
  bool constant = false;  ///< the name is a value: the result of `call` without arguments
};
/// The rows of one dialect or library.
using HostTable = std::span<const HostFunction>;

/// The name of a host class in error messages and the manual. Specialize it.
template <class T>
struct ClassName;  // { static constexpr std::string_view value = "Regex"; };

/// A function of the script. It belongs to its state; State::keep() keeps it for later calls.
struct Function {
  int index = 0;  ///< on the stack while the host function runs
};
/// All remaining arguments.
struct Rest {
  std::vector<json::value> values;  ///< as data_at() reads them
};
/// Several results.
struct Many {
  std::vector<json::value> values;  ///< first result first
};

/// An error whose text contains its place, for instance in a data file. Other errors get the
/// script's current line.
struct PlacedError : std::runtime_error {
  using std::runtime_error::runtime_error;
};

/// A result that JSON cannot express, for instance a table with the key 0.
struct Built {
  std::function<void(lua_State*)> push;  ///< leaves exactly one value on the stack
};

/// How a record stores the result of a function that waited, and restores it, if the stack value
/// itself is not enough. Specialize it.
template <class T>
struct Kept;  // { static json::value data(const T&); static T again(const json::value&); }
/// Data is stored as it is.
template <>
struct Kept<json::value> {
  static const json::value& data(const json::value& value) { return value; }  ///< the same value
  static json::value again(const json::value& value) { return value; }        ///< the same value
};

/// How a dialect's own type is read from the stack, and pushed. Specialize them.
template <class T>
struct FromScript;  // { static T take(lua_State* L, int index); }  throws what is wrong
template <class T>  ///< see FromScript
struct ToScript;    // { static void push(lua_State* L, const T& value); }

/// Throw it in a host function to raise a host error value in the script.
struct Throw {
  std::shared_ptr<const Thrown> value;  ///< not null
};

// The parts of bind<>. Indices are absolute stack indices. Functions that read arguments throw a
// std::runtime_error that names the argument.
namespace stack {

/// The running call; an error of the script outside of one.
Call& current(lua_State* L);

/// Throws "bad argument" with the class or type found at `index`.
[[noreturn]] void wrong_argument(int index, std::string_view wanted, lua_State* L);

/// A string. Valid while it is on the stack.
std::string_view text_at(lua_State* L, int index);
/// The same for a text that the caller copies: the copy counts as the script's memory while the
/// host function runs.
std::string_view borrowed_text_at(lua_State* L, int index);
/// A whole number.
std::int64_t integer_at(lua_State* L, int index);
/// Any number.
double number_at(lua_State* L, int index);
/// A boolean.
bool boolean_at(lua_State* L, int index);
/// How whole-number keys become JSON keys. Plain: `5` becomes "5". Typed: `5` becomes "#5" and is
/// restored as 5, and "#5" becomes "##5".
using script::Keys;
/// A value as JSON: a table with keys 1..n is an array, another table an object, nil null. Throws
/// for functions and host values, for nesting deeper than 32, and for more than 100,000 elements.
json::value data_at(lua_State* L, int index, Keys keys = Keys::plain);
/// The userdata of that class; `class_name` ends in NUL, as literals do.
void* object_at(lua_State* L, int index, std::string_view class_name);
/// The host error value at `index`; null: another value.
std::shared_ptr<const Thrown> thrown_at(lua_State* L, int index);

/// Pushes an error text after the place of the calling script line, for lua_error().
void push_error(lua_State* L, std::string_view text);
/// Counts work of a host function; one step takes about as long as an instruction. A call whose
/// budget is used up is stopped when the function returns.
void charge(lua_State* L, std::uint64_t steps);

/// Ensures stack space for `values` more values; throws if the script's stack is full. A host
/// function has some space at its start. (luaL_checkstack() would jump over C++ destructors.)
void make_room(lua_State* L, int values);
/// The push functions push exactly one value.
void push(lua_State* L, std::string_view text);
void push(lua_State* L, bool value);          ///< Lua boolean
void push(lua_State* L, std::int64_t value);  ///< Lua integer
void push(lua_State* L, double value);        ///< Lua float
/// Pushes nil, a boolean, number, string or a new table.
void push(lua_State* L, const json::value& value, Keys keys = Keys::plain);
/// A value of a host class: the state takes `holder` and destroys it with the value.
void push_object(lua_State* L, std::shared_ptr<void> holder, std::string_view class_name);

/// A dependent false, for static_assert.
template <class T>
struct Is : std::false_type {};
/// Whether T is a std::optional.
template <class T>
struct IsOptional : std::false_type {};
template <class T>
struct IsOptional<std::optional<T>> : std::true_type {};
/// Whether T is a std::shared_ptr.
template <class T>
struct IsShared : std::false_type {};
template <class T>
struct IsShared<std::shared_ptr<T>> : std::true_type {};
/// Whether T is a std::vector.
template <class T>
struct IsVector : std::false_type {};
template <class T>
struct IsVector<std::vector<T>> : std::true_type {};
/// Whether T is a std::variant.
template <class T>
struct IsVariant : std::false_type {};
template <class... T>
struct IsVariant<std::variant<T...>> : std::true_type {};
/// Whether T is a Task.
template <class T>
struct IsTask : std::false_type {};
template <class T>
struct IsTask<Task<T>> : std::true_type {
  using Result = T;  ///< what the Task returns
};

template <class T>  ///< see its definition below
T take(lua_State* L, int index);

/// The first alternative whose class matches; otherwise the last one, or its error.
template <class V, std::size_t I = 0>
V take_variant(lua_State* L, int index) {
  using One = std::variant_alternative_t<I, V>;
  if constexpr (std::is_same_v<One, std::monostate>) {
    return V{std::in_place_index<I>};
  } else {
    if constexpr (I + 1 < std::variant_size_v<V>) {
      using Object = std::remove_const_t<typename One::element_type>;
      if (luaL_testudata(L, index, ClassName<Object>::value.data()) == nullptr) {
        return take_variant<V, I + 1>(L, index);
      }
    }
    return V{std::in_place_index<I>, take<One>(L, index)};
  }
}

/// Reads an argument as a T; see the top of this file for the types.
template <class T>
T take(lua_State* L, int index) {
  if constexpr (requires { sizeof(FromScript<T>); }) {
    return FromScript<T>::take(L, index);
  } else if constexpr (std::is_same_v<T, std::string_view>) {
    return text_at(L, index);
  } else if constexpr (std::is_same_v<T, std::string>) {
    return std::string(borrowed_text_at(L, index));
  } else if constexpr (std::is_same_v<T, bool>) {
    return boolean_at(L, index);
  } else if constexpr (std::is_integral_v<T>) {
    return static_cast<T>(integer_at(L, index));
  } else if constexpr (std::is_floating_point_v<T>) {
    return number_at(L, index);
  } else if constexpr (std::is_same_v<T, json::value>) {
    return data_at(L, index);
  } else if constexpr (std::is_same_v<T, Function>) {
    if (!lua_isfunction(L, index)) wrong_argument(index, "function", L);
    return Function{index};
  } else if constexpr (std::is_same_v<T, Rest>) {
    Rest rest;
    for (int i = index; i <= lua_gettop(L); ++i) rest.values.push_back(data_at(L, i));
    return rest;
  } else if constexpr (IsOptional<T>::value) {
    if (lua_isnoneornil(L, index)) return std::nullopt;
    return take<typename T::value_type>(L, index);
  } else if constexpr (IsVariant<T>::value) {
    return take_variant<T>(L, index);
  } else if constexpr (IsShared<T>::value) {
    using Object = typename T::element_type;
    void* holder = object_at(L, index, ClassName<std::remove_const_t<Object>>::value);
    return std::static_pointer_cast<Object>(*static_cast<std::shared_ptr<void>*>(holder));
  } else {
    static_assert(Is<T>::value, "no script value becomes this type");
  }
}

/// Pushes a result; returns the number of values pushed.
template <class T>
int give(lua_State* L, T&& value) {
  using Plain = std::remove_cvref_t<T>;
  if constexpr (requires { sizeof(ToScript<Plain>); }) {
    ToScript<Plain>::push(L, value);
  } else if constexpr (std::is_same_v<Plain, Many>) {
    make_room(L, static_cast<int>(value.values.size()));
    for (const json::value& one : value.values) push(L, one);
    return static_cast<int>(value.values.size());
  } else if constexpr (std::is_base_of_v<Built, Plain>) {
    value.push(L);
  } else if constexpr (IsVariant<Plain>::value) {
    return std::visit([L](auto&& one) { return give(L, std::move(one)); }, std::move(value));
  } else if constexpr (IsOptional<Plain>::value) {
    if (value) return give(L, *std::forward<T>(value));
    lua_pushnil(L);
  } else if constexpr (IsShared<Plain>::value) {
    using Object = std::remove_const_t<typename Plain::element_type>;
    if (!value) {
      lua_pushnil(L);
    } else {
      push_object(L, std::const_pointer_cast<Object>(value), ClassName<Object>::value);
    }
  } else if constexpr (IsVector<Plain>::value) {
    lua_createtable(L, static_cast<int>(value.size()), 0);
    lua_Integer index = 0;
    for (auto& one : value) {
      give(L, one);
      lua_rawseti(L, -2, ++index);
    }
  } else if constexpr (std::is_same_v<Plain, bool>) {
    push(L, value);
  } else if constexpr (std::is_integral_v<Plain>) {
    push(L, static_cast<std::int64_t>(value));
  } else if constexpr (std::is_floating_point_v<Plain>) {
    push(L, static_cast<double>(value));
  } else if constexpr (std::is_convertible_v<Plain, std::string_view>) {
    push(L, std::string_view(value));
  } else {
    push(L, static_cast<const json::value&>(value));
  }
  return 1;
}

/// Work that a suspended script waits for. Used by the state's thread.
class Pending {
 public:
  virtual ~Pending() = default;
  /// Runs the work. Never throws: finish() throws what went wrong.
  virtual Task<void> run() = 0;
  /// Pushes the results and returns their number, or throws the error of run().
  virtual int finish(lua_State* L) = 0;
  /// The result for a record, called before finish(); nullopt: the pushed values are recorded.
  virtual std::optional<json::value> kept() const { return std::nullopt; }
  /// Pushes the recorded results instead of run() and finish().
  virtual int again(lua_State* L, const json::array& results);
  /// False: the result is of a host class, which a record cannot hold; then the function runs again
  /// when the call runs again from its record.
  virtual bool is_data() const = 0;
};

/// The Pending of a Task.
template <class T>
class PendingTask final : public Pending {
 public:
  /// `task` has not started.
  explicit PendingTask(Task<T> task) : task_(std::move(task)) {}
  /// Awaits the task and stores its result or exception.
  Task<void> run() override {
    try {
      if constexpr (std::is_void_v<T>) {
        co_await std::move(task_);
      } else {
        value_.emplace(co_await std::move(task_));
      }
    } catch (...) {
      error_ = std::current_exception();
    }
  }
  /// Pushes the result, or throws the stored exception.
  int finish(lua_State* L) override {
    if (error_) std::rethrow_exception(error_);
    if constexpr (std::is_void_v<T>) {
      return 0;
    } else {
      return give(L, std::move(*value_));
    }
  }
  /// By Kept<T>, if it is specialized.
  std::optional<json::value> kept() const override {
    if constexpr (keeps) {
      if (value_) return Kept<T>::data(*value_);
    }
    return std::nullopt;
  }
  /// By Kept<T>, if it is specialized.
  int again(lua_State* L, const json::array& results) override {
    if constexpr (keeps) {
      return give(L, Kept<T>::again(results.empty() ? json::value() : results.front()));
    } else {
      return Pending::again(L, results);
    }
  }

  /// False for host classes without a Kept<T>.
  bool is_data() const override {
    if constexpr (keeps) {
      return true;
    } else if constexpr (IsVector<T>::value) {
      return !IsShared<typename T::value_type>::value;
    } else {
      return !IsShared<T>::value;
    }
  }

 private:
  static constexpr bool keeps = requires { sizeof(Kept<T>); };
  struct Nothing {};
  Task<T> task_;
  std::optional<std::conditional_t<std::is_void_v<T>, Nothing, T>> value_;
  std::exception_ptr error_;
};

/// A function's count of results when the script must suspend.
inline constexpr int suspended = -1;
/// Stores what the script waits for, after which the host function suspends it. If the call runs
/// again from its record, pushes the recorded results instead. Returns what the host function must
/// return.
int suspend(lua_State* L, std::unique_ptr<Pending> pending);
/// Runs `body` and raises its exception as a Lua error after all C++ values are destroyed. `body`
/// returns the number of results or `suspended`.
int guarded(lua_State* L, int (*body)(lua_State*));
/// See script::derive().
int derive(lua_State* L, int (*body)(lua_State*));

/// Calls `function` with arguments from the stack and pushes its results.
template <class R, class... P, std::size_t... I>
int invoke(lua_State* L, R (*function)(P...), std::index_sequence<I...>) {
  const auto run = [&]() -> R {
    if constexpr (sizeof...(P) > 0 && (std::is_same_v<P, Call&> || ...)) {
      return [&]<class First, class... Others>(R (*f)(First, Others...)) {
        return [&]<std::size_t... J>(std::index_sequence<J...>) {
          std::tuple<std::remove_cvref_t<Others>...> arguments{
              take<std::remove_cvref_t<Others>>(L, static_cast<int>(J) + 1)...};
          return f(current(L), std::move(std::get<J>(arguments))...);
        }(std::index_sequence_for<Others...>{});
      }(function);
    } else {
      std::tuple<std::remove_cvref_t<P>...> arguments{
          take<std::remove_cvref_t<P>>(L, static_cast<int>(I) + 1)...};
      return function(std::move(std::get<I>(arguments))...);
    }
  };
  if constexpr (std::is_void_v<R>) {
    run();
    return 0;
  } else if constexpr (IsTask<R>::value) {
    using Result = typename IsTask<R>::Result;
    return suspend(L, std::make_unique<PendingTask<Result>>(run()));
  } else {
    return give(L, run());
  }
}

/// The same with the indices filled in.
template <class R, class... P>
int invoke(lua_State* L, R (*function)(P...)) {
  return invoke(L, function, std::index_sequence_for<P...>{});
}

}  // namespace stack

/// The lua_CFunction for `function`. A Call& may only be its first parameter. A function that
/// returns a Task takes its parameters by value, as the stack is gone when it resumes.
template <auto function>
int bind(lua_State* L) {
  return stack::guarded(L, [](lua_State* inner) { return stack::invoke(inner, function); });
}

/// As bind<>, for a function that computes texts from texts. In a call that judges a login the
/// result is recorded if it depends on withheld text.
template <auto function>
int derive(lua_State* L) {
  return stack::guarded(L, [](lua_State* inner) {
    return stack::derive(inner, [](lua_State* it) { return stack::invoke(it, function); });
  });
}

/// Throws, which raises an error of the script, unless `condition` holds.
inline void demand(bool condition, const std::string& sentence) {
  if (!condition) throw std::runtime_error(sentence);
}

}  // namespace postern::script
