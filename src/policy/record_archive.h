// The two directions of a trace's record. A struct is described once, by `describe(archive,
// struct)` in record.cc, which names its members in order: a Writer makes JSON of them, a Reader
// fills them from JSON. The form of a type of value is a pair of put() and get().
#pragma once

#include <algorithm>
#include <array>
#include <charconv>
#include <chrono>
#include <concepts>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include <boost/json.hpp>

#include "base/json_text.h"
#include "base/text.h"
#include "policy/evidence.h"
#include "policy/record.h"
#include "policy/trace.h"

namespace postern::policy::records {

/// Thrown by readers; read_record() makes an Error of it. Boost.JSON throws its own.
struct BadRecord {
  Error error;  ///< Fault::malformed, or that of the DefinitionSource
};

[[noreturn]] inline void bad(std::string what) {
  throw BadRecord{{Fault::malformed, "bad trace record: " + std::move(what)}};
}

/// The value; throws BadRecord if there is none.
template <class T>
T take(Result<T> result) {
  if (!result) throw BadRecord{result.error()};
  return std::move(*result);
}

/// What a description gets a `T` as: writers only read it.
template <class Archive, class T>
using Of = std::conditional_t<Archive::reading, T, const T>;

/// Number of enumerators, from 0 on, that are recorded by the word of to_string() or to_text(); 0:
/// the enumeration is recorded as its number.
template <class Enum>
inline constexpr std::size_t words = 0;

template <class Enum>
std::string_view word_of(Enum one) {
  if constexpr (requires { to_string(one); }) {
    return to_string(one);
  } else {
    return to_text(one);
  }
}

/// Whether optional() leaves the value out: it is empty, zero, false or not set.
template <class T>
bool is_usual(const T& value) {
  if constexpr (requires { value.empty(); }) {
    return value.empty();
  } else {
    return value == T{};
  }
}
template <class T>
bool is_usual(const std::optional<T>& value) {
  return !value;
}

/// Writes one trace. For one thread.
class Writer {
 public:
  static constexpr bool reading = false;  ///< members are const

  /// `whole` outlives the writer.
  explicit Writer(const Trace& whole) : trace(whole) { out.text().reserve(usual_record); }

  /// A member that is always there.
  template <class T>
  void required(std::string_view name, const T& value) {
    out.key(name);
    put(*this, value);
  }
  /// A member that is left out if it is_usual(): most rules pass, most messages have one plain
  /// signature.
  template <class T>
  void optional(std::string_view name, const T& value) {
    if (!is_usual(value)) required(name, value);
  }
  /// A member that is left out unless the condition holds; read if it is there.
  template <class T>
  void written_if(bool condition, std::string_view name, const T& value) {
    if (condition) required(name, value);
  }
  /// `true` if the member has this value; else left out.
  template <class T>
  void flag(std::string_view name, const T& value, std::type_identity_t<T> marked) {
    if (value == marked) out.field(name, true);
  }
  /// A list of which at most `limit` items are recorded.
  template <class T>
  void first(std::size_t limit, std::string_view name, const std::vector<T>& list) {
    out.key(name);
    items(std::span(list).first(std::min(list.size(), limit)));
  }
  /// Members that are recorded as an object of their own.
  template <class Members>
  void object(std::string_view name, const Members& members) {
    out.key(name);
    inside(members);
  }

  template <class Members>
  void inside(const Members& members) {
    out.begin_object();
    members();
    out.end_object();
  }
  template <class List>
  void items(const List& list) {
    out.begin_array();
    for (const auto& one : list) put(*this, one);
    out.end_array();
  }

  JsonText out;                      ///< the text
  const Trace& trace;                ///< the whole
  Stage stage = Stage::connect;      ///< of the decision that is being written
  std::vector<const Route*> routes;  ///< recipients share routes: each is written once, at the end

 private:
  static constexpr std::size_t usual_record = 4096;
};

/// Reads one trace; has the members of Writer. For one thread. All members throw BadRecord or what
/// Boost.JSON throws.
class Reader {
 public:
  static constexpr bool reading = true;

  /// The arguments outlive the reader.
  Reader(const boost::json::object& record, const DefinitionSource& definitions)
      : source(definitions), here_(&record) {}

  template <class T>
  void required(std::string_view name, T& value) {
    get(*this, here_->at(name), value);
  }
  template <class T>
  void optional(std::string_view name, T& value) {
    if (const boost::json::value* found = here_->if_contains(name)) get(*this, *found, value);
  }
  template <class T>
  void written_if(bool /*condition*/, std::string_view name, T& value) {
    optional(name, value);
  }
  template <class T>
  void flag(std::string_view name, T& value, std::type_identity_t<T> marked) {
    bool is_marked = false;
    optional(name, is_marked);
    if (is_marked) value = marked;
  }
  template <class T>
  void first(std::size_t /*limit*/, std::string_view name, std::vector<T>& list) {
    required(name, list);
  }
  template <class Members>
  void object(std::string_view name, const Members& members) {
    inside(here_->at(name), members);
  }

  template <class Members>
  void inside(const boost::json::value& value, const Members& members) {
    const boost::json::object* outer = std::exchange(here_, &value.as_object());
    members();
    here_ = outer;
  }
  /// Null if the member is not there.
  const boost::json::value* find(std::string_view name) const { return here_->if_contains(name); }

  const DefinitionSource& source;  ///< of policies and engines
  Trace trace;                     ///< what has been read
  Stage stage = Stage::connect;    ///< of the decision that is being read
  std::vector<Route> routes;       ///< by their numbers
  std::map<std::uint64_t, std::shared_ptr<const std::string>> engines;  ///< by version

 private:
  const boost::json::object* here_;
};

// Octets from a client: text if they are UTF-8, else base64.
inline void put(Writer& writer, const std::string& text) {
  if (is_utf8(text)) return writer.out.value(text);
  writer.out.begin_object();
  writer.out.field("base64", base64_encode(text));
  writer.out.end_object();
}
inline void get(Reader& /*reader*/, const boost::json::value& from, std::string& text) {
  if (from.is_string()) {
    text = from.get_string();
    return;
  }
  auto decoded = base64_decode(from.at("base64").as_string());
  if (!decoded) bad("base64");
  text = std::move(*decoded);
}

// The name of a layer, a check or an effect.
inline void put(Writer& writer, const std::string_view& name) { writer.out.value(name); }
inline void get(Reader& /*reader*/, const boost::json::value& from, std::string_view& name) {
  name = interned(from.as_string());
}

template <std::integral T>
void put(Writer& writer, const T& number) {
  writer.out.value(number);
}
template <std::integral T>
void get(Reader& /*reader*/, const boost::json::value& from, T& number) {
  if constexpr (std::same_as<T, bool>) {
    number = from.as_bool();
  } else {
    number = from.to_number<T>();
  }
}

// The shortest text that parses to the same number; JSON libraries do not guarantee that.
inline void put(Writer& writer, const double& number) {
  std::array<char, 32> digits{};
  const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), number);
  writer.out.value(std::string_view(digits.data(), end.ptr));
}
inline void get(Reader& /*reader*/, const boost::json::value& from, double& number) {
  const std::string_view text = from.as_string();
  const auto end = std::from_chars(text.data(), text.data() + text.size(), number);
  if (end.ec != std::errc() || end.ptr != text.data() + text.size()) bad("not a number");
}

template <class Enum>
requires std::is_enum_v<Enum>
void put(Writer& writer, const Enum& one) {
  if constexpr (words<Enum> != 0) {
    writer.out.value(word_of(one));
  } else {
    writer.out.value(static_cast<std::underlying_type_t<Enum>>(one));
  }
}
template <class Enum>
requires std::is_enum_v<Enum>
void get(Reader& /*reader*/, const boost::json::value& from, Enum& one) {
  if constexpr (words<Enum> != 0) {
    const std::string_view text = from.as_string();
    for (std::size_t i = 0; i < words<Enum>; ++i) {
      one = static_cast<Enum>(i);
      if (word_of(one) == text) return;
    }
    bad("unknown word " + printable(text));
  } else {
    one = static_cast<Enum>(from.to_number<std::underlying_type_t<Enum>>());
  }
}

template <class Period>
void put(Writer& writer, const std::chrono::duration<std::int64_t, Period>& time) {
  writer.out.value(time.count());
}
template <class Period>
void get(Reader& /*reader*/, const boost::json::value& from,
         std::chrono::duration<std::int64_t, Period>& time) {
  time = std::chrono::duration<std::int64_t, Period>(from.to_number<std::int64_t>());
}

// A struct with a description.
template <class T>
concept Described = requires(Writer& writer, const T& given) {
  describe(writer, given);
};

template <Described T>
void put(Writer& writer, const T& given) {
  writer.inside([&] { describe(writer, given); });
}
template <Described T>
void get(Reader& reader, const boost::json::value& from, T& given) {
  reader.inside(from, [&] { describe(reader, given); });
}

template <class T>
void put(Writer& writer, const std::optional<T>& value) {
  put(writer, *value);
}
template <class T>
void get(Reader& reader, const boost::json::value& from, std::optional<T>& value) {
  get(reader, from, value.emplace());
}

template <class T>
void put(Writer& writer, const std::vector<T>& list) {
  writer.items(list);
}
template <class T>
void get(Reader& reader, const boost::json::value& from, std::vector<T>& list) {
  for (const boost::json::value& one : from.as_array()) get(reader, one, list.emplace_back());
}

}  // namespace postern::policy::records
