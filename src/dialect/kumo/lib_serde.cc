// kumo.serde: converts JSON and TOML to tables and back.
#include <sstream>

#include <fmt/format.h>
#include <boost/json/value.hpp>

#include "base/text.h"
#include "base/toml.h"
#include "dialect/kumo/data_file.h"
#include "dialect/kumo/json_encode.h"
#include "dialect/kumo/library.h"
#include "script/state.h"

namespace postern::dialect::kumo {

using script::bind;
using script::Call;
using script::demand;
using script::HostFunction;

namespace {

struct Json {
  static auto parse(std::string_view text) { return parse_json_with_comments(text); }
  static std::size_t memory(std::string_view text) { return memory_of_json(text); }
};
struct Toml {
  static auto parse(std::string_view text) { return parse_toml_data(text); }
  static std::size_t memory(std::string_view text) { return memory_of_toml(text); }
};

template <class Format>
json::value parsed(Call& call, std::string_view text) {
  call.state().borrow(Format::memory(text));
  auto value = Format::parse(text);
  if (!value) {
    throw std::runtime_error(fmt::format("line {}: {}", value.error().line, value.error().message));
  }
  return std::move(*value);
}

template <class Format>
json::value loaded_now(Call& call, std::string_view path) {
  const std::string text = value_of(call.state().files().read(path));
  call.state().borrow(text.size() + Format::memory(text));
  auto value = Format::parse(text);
  if (!value) {
    throw std::runtime_error(
        fmt::format("{}:{}: {}", path, value.error().line, value.error().message));
  }
  return std::move(*value);
}

/// The content of a file that a hook reads is recorded as an answer.
template <class Format>
json::value loaded(Call& call, std::string_view path) {
  if (call.context<void>() == nullptr) return loaded_now<Format>(call, path);
  return call.told_by("file", [&] { return loaded_now<Format>(call, path); });
}

std::string checked(std::string text) {
  demand(text.size() <= largest_text, "the result is longer than 16 MiB");
  demand(is_utf8(text), "a string is not UTF-8: encode it first, for instance as base64");
  return text;
}

template <Layout layout>
std::string json_encode(json::value value) {
  return checked(json_text(value, layout));
}

void append(toml::array& list, const json::value& value);
void insert(toml::table& table, std::string_view key, const json::value& value);

/// Passes `value` as TOML to `put`; nil is left out.
template <class Put>
void as_toml(const json::value& value, const Put& put) {
  switch (value.kind()) {
    case json::kind::null:
      return;
    case json::kind::bool_:
      return put(value.get_bool());
    case json::kind::int64:
      return put(std::int64_t{value.get_int64()});
    case json::kind::uint64:
      return put(static_cast<double>(value.get_uint64()));
    case json::kind::double_:
      return put(value.get_double());
    case json::kind::string:
      return put(std::string(value.get_string()));
    case json::kind::array: {
      toml::array list;
      for (const json::value& element : value.get_array()) append(list, element);
      return put(std::move(list));
    }
    case json::kind::object: {
      toml::table table;
      for (const auto& [key, element] : value.get_object()) insert(table, key, element);
      return put(std::move(table));
    }
  }
}

void append(toml::array& list, const json::value& value) {
  demand(!value.is_null(), "TOML has no nil in a list");
  as_toml(value, [&](auto&& one) { list.push_back(std::forward<decltype(one)>(one)); });
}

void insert(toml::table& table, std::string_view key, const json::value& value) {
  as_toml(value,
          [&](auto&& one) { table.insert_or_assign(key, std::forward<decltype(one)>(one)); });
}

std::string toml_encode(json::value value) {
  demand(value.is_object(), "TOML is a table with names");
  toml::table table;
  for (const auto& [key, element] : value.get_object()) insert(table, key, element);
  std::ostringstream text;
  text << toml::toml_formatter(table);
  if (!table.empty()) text << '\n';
  return checked(text.str());
}

constexpr lua_CFunction json_parse = script::derive<&parsed<Json>>;
constexpr lua_CFunction json_load = bind<&loaded<Json>>;
constexpr lua_CFunction toml_parse = script::derive<&parsed<Toml>>;
constexpr lua_CFunction toml_load = bind<&loaded<Toml>>;

constexpr HostFunction serde_rows[] = {
    {"kumo.serde.json_parse", "text: string", "any",
     "The value of JSON text; `//`, `/* */` and `#` comments are ignored. Null is nil.",
     json_parse},
    {"kumo.serde.json_load", "path: string", "any",
     "The same for a file in the policy's folder or in a folder of `lua.read`. Errors name the "
     "file and the line.",
     json_load},
    {"kumo.serde.json_encode", "value: any", "string",
     "JSON in one line, keys sorted. An empty table is `{}`.", bind<&json_encode<Layout::compact>>},
    {"kumo.serde.json_encode_pretty", "value: any", "string", "JSON with one value on each line.",
     bind<&json_encode<Layout::pretty>>},
    {"kumo.serde.toml_parse", "text: string", "table",
     "The table of TOML text. Dates and times are strings.", toml_parse},
    {"kumo.serde.toml_load", "path: string", "table",
     "The same for a file in the policy's folder or in a folder of `lua.read`.", toml_load},
    {"kumo.serde.toml_encode", "value: table", "string", "TOML, keys sorted.", bind<&toml_encode>},
    {"kumo.serde.toml_encode_pretty", "value: table", "string", "The same as toml_encode.",
     bind<&toml_encode>},
    {"kumo.json_parse", "text: string", "any", "See kumo.serde.json_parse.", json_parse},
    {"kumo.json_load", "path: string", "any", "See kumo.serde.json_load.", json_load},
    {"kumo.json_encode", "value: any", "string", "See kumo.serde.json_encode.",
     bind<&json_encode<Layout::compact>>},
    {"kumo.json_encode_pretty", "value: any", "string", "See kumo.serde.json_encode_pretty.",
     bind<&json_encode<Layout::pretty>>},
    {"kumo.toml_parse", "text: string", "table", "See kumo.serde.toml_parse.", toml_parse},
    {"kumo.toml_load", "path: string", "table", "See kumo.serde.toml_load.", toml_load},
    {"kumo.toml_encode", "value: table", "string", "See kumo.serde.toml_encode.",
     bind<&toml_encode>},
    {"kumo.toml_encode_pretty", "value: table", "string", "See kumo.serde.toml_encode_pretty.",
     bind<&toml_encode>},
};

}  // namespace

script::HostTable serde_functions() { return serde_rows; }

}  // namespace postern::dialect::kumo
