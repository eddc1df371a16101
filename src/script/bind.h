// How C++ functions become host functions of scripts. A host function is an ordinary function:
//
//     std::string hex(std::string_view octets);
//     std::vector<std::string> split(Call& call, std::string_view text, std::string_view
//     separator); Task<json::value> load(Call& call, json::value source);          // waits: the
//     script is suspended
//
//     const HostFunction functions[] = {
//         {"kumo.encode.hex_encode", "octets: string", "string", "Hexadecimal.", bind<&hex>},
//         {"Regex:is_match", "text: string", "boolean", "Whether it matches.", bind<&is_match>},
//     };
//
// The row is all there is: it registers the function, it is its line in the manual and in the
// editor's stubs. What a function throws becomes an error of the script, with file and line.
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

struct HostFunction {
  std::string_view name;        ///< "kumo.secrets.load"; of a class "Message:get_meta"
  std::string_view parameters;  ///< as editors read them (LuaLS): "name: string, count?: integer"
  std::string_view returns;     ///< "string|nil"; "" without a result
  std::string_view help;        ///< one or two sentences
  lua_CFunction call;
  bool constant = false;  ///< the name stands for what `call` gives, without arguments
};
using HostTable = std::span<const HostFunction>;

/// The name that scripts' errors and the manual call a class of the host's by. Specialize it.
template <class T>
struct ClassName;  // { static constexpr std::string_view value = "Regex"; };

/// A function of the script, kept for later calls. It belongs to the state it came from.
struct Function {
  int index = 0;  ///< on the stack while the host function runs
};
/// All arguments from here on.
struct Rest {
  std::vector<json::value> values;
};
/// Several results.
struct Many {
  std::vector<json::value> values;
};

/// An error whose text says itself where it stands, for instance in a file of data. Of others that
/// a host function throws the script's line is said.
struct PlacedError : std::runtime_error {
  using std::runtime_error::runtime_error;
};

/// A result that no data can say, for instance a table with a key 0: `push` leaves it on the stack.
struct Built {
  std::function<void(lua_State*)> push;
};

/// How a record keeps what a function that waited gave, and gives it again, where reading the
/// result off the stack would not do. Specialize it.
template <class T>
struct Kept;  // { static json::value data(const T&); static T again(const json::value&); }
template <>
struct Kept<json::value> {
  static const json::value& data(const json::value& value) { return value; }
  static json::value again(const json::value& value) { return value; }
};

/// How a value of a dialect's own type is read off the stack and put there. Specialize them.
template <class T>
struct FromScript;  // { static T take(lua_State* L, int index); }  throws what is wrong
template <class T>
struct ToScript;  // { static void push(lua_State* L, const T& value); }

/// A value of the host's own as an error. Throw it in a host function.
struct Throw {
  std::shared_ptr<const Thrown> value;
};

// What bind<> is made of. Indices are absolute.
namespace stack {

/// The running call. An error of the script where there is none.
Call& current(lua_State* L);

[[noreturn]] void wrong_argument(int index, std::string_view wanted, lua_State* L);

std::string_view text_at(lua_State* L, int index);
/// The same of a text that is copied: while the host function runs it counts as the script's
/// memory.
std::string_view borrowed_text_at(lua_State* L, int index);
std::int64_t integer_at(lua_State* L, int index);
double number_at(lua_State* L, int index);
bool boolean_at(lua_State* L, int index);
/// Whole numbers as keys of objects: `5` becomes "5", as JSON has it; or typed "#5", which becomes
/// 5 again, while "#5" becomes "##5".
using script::Keys;
/// Tables with 1..n become arrays, others objects; nil null. Functions and values of the host's own
/// are errors, and so is nesting beyond 32 and more than 100,000 elements.
json::value data_at(lua_State* L, int index, Keys keys = Keys::plain);
/// `class_name` ends in NUL, as literals do.
void* object_at(lua_State* L, int index, std::string_view class_name);
/// The host's own error value there; null when it is something else.
std::shared_ptr<const Thrown> thrown_at(lua_State* L, int index);

/// Pushes an error's text behind the place of the script's line that called: for lua_error().
void push_error(lua_State* L, std::string_view text);
/// Counts work of a host function, in steps of about an instruction; whoever has used up his budget
/// is stopped when it returns.
void charge(lua_State* L, std::uint64_t steps);

/// So many values can be pushed from now on; throws where the script's stack is full. Host
/// functions begin with room for some: Lua's own luaL_checkstack() would jump over C++ values.
void make_room(lua_State* L, int values);
void push(lua_State* L, std::string_view text);
void push(lua_State* L, bool value);
void push(lua_State* L, std::int64_t value);
void push(lua_State* L, double value);
void push(lua_State* L, const json::value& value, Keys keys = Keys::plain);
/// A value of a class: `holder` is moved into the state and destroyed with the value.
void push_object(lua_State* L, std::shared_ptr<void> holder, std::string_view class_name);

template <class T>
struct Is : std::false_type {};
template <class T>
struct IsOptional : std::false_type {};
template <class T>
struct IsOptional<std::optional<T>> : std::true_type {};
template <class T>
struct IsShared : std::false_type {};
template <class T>
struct IsShared<std::shared_ptr<T>> : std::true_type {};
template <class T>
struct IsVector : std::false_type {};
template <class T>
struct IsVector<std::vector<T>> : std::true_type {};
template <class T>
struct IsVariant : std::false_type {};
template <class... T>
struct IsVariant<std::variant<T...>> : std::true_type {};
template <class T>
struct IsTask : std::false_type {};
template <class T>
struct IsTask<Task<T>> : std::true_type {
  using Result = T;
};

template <class T>
T take(lua_State* L, int index);

/// The first alternative whose class the value has; the last one, or its error, otherwise.
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

/// Pushes a result; returns how many values it is.
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

/// Work that a suspended script waits for.
class Pending {
 public:
  virtual ~Pending() = default;
  /// Never throws: trouble is kept for finish().
  virtual Task<void> run() = 0;
  /// Pushes the results, or throws what run() kept.
  virtual int finish(lua_State* L) = 0;
  /// Before finish(): the result for a record; nullopt: what finish() pushes tells it.
  virtual std::optional<json::value> kept() const { return std::nullopt; }
  /// Pushes the results that a record has, instead of run() and finish().
  virtual int again(lua_State* L, const json::array& results);
  /// False: the result is of a class of the host's, which no record can hold. When a call runs
  /// again from its record such a function runs again too.
  virtual bool is_data() const = 0;
};

template <class T>
class PendingTask final : public Pending {
 public:
  explicit PendingTask(Task<T> task) : task_(std::move(task)) {}
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
  int finish(lua_State* L) override {
    if (error_) std::rethrow_exception(error_);
    if constexpr (std::is_void_v<T>) {
      return 0;
    } else {
      return give(L, std::move(*value_));
    }
  }
  std::optional<json::value> kept() const override {
    if constexpr (keeps) {
      if (value_) return Kept<T>::data(*value_);
    }
    return std::nullopt;
  }
  int again(lua_State* L, const json::array& results) override {
    if constexpr (keeps) {
      return give(L, Kept<T>::again(results.empty() ? json::value() : results.front()));
    } else {
      return Pending::again(L, results);
    }
  }

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

inline constexpr int suspended = -1;
/// Keeps what the script waits for; the host function then suspends it. Of a call that runs again
/// the recorded results are pushed at once. What the host function returns.
int suspend(lua_State* L, std::unique_ptr<Pending> pending);
/// Runs `body`, whose C++ values are gone before a Lua error is raised. `body` returns the number
/// of results or `suspended`.
int guarded(lua_State* L, int (*body)(lua_State*));
/// See script::derive().
int derive(lua_State* L, int (*body)(lua_State*));

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

template <class R, class... P>
int invoke(lua_State* L, R (*function)(P...)) {
  return invoke(L, function, std::index_sequence_for<P...>{});
}

}  // namespace stack

/// The function as scripts call it. A Call& may only be the first parameter. Parameters of a
/// function that returns a Task must be values: the stack is gone when it resumes.
template <auto function>
int bind(lua_State* L) {
  return stack::guarded(L, [](lua_State* inner) { return stack::invoke(inner, function); });
}

/// The same of a function that makes texts out of texts: in a call that judges a login its result
/// is recorded like an answer where it follows from what is withheld.
template <auto function>
int derive(lua_State* L) {
  return stack::guarded(L, [](lua_State* inner) {
    return stack::derive(inner, [](lua_State* it) { return stack::invoke(it, function); });
  });
}

/// Raises an error of the script unless `condition` holds.
inline void demand(bool condition, const std::string& sentence) {
  if (!condition) throw std::runtime_error(sentence);
}

}  // namespace postern::script
