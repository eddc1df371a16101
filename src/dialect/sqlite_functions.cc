#include "dialect/sqlite_functions.h"

#include <sqlite3.h>

#include <cstring>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <unordered_set>

namespace postern::dialect {

namespace {

constexpr std::size_t nowhere = std::string_view::npos;

/// The value as text; nullopt: NULL.
std::optional<std::string_view> text_of(sqlite3_value* value) {
  const auto* text = reinterpret_cast<const char*>(sqlite3_value_text(value));
  if (text == nullptr) return std::nullopt;
  return std::string_view(text, static_cast<std::size_t>(sqlite3_value_bytes(value)));
}

std::string_view octets_of(sqlite3_value* value) {
  const void* octets = sqlite3_value_blob(value);
  if (octets == nullptr) return {};
  return {static_cast<const char*>(octets), static_cast<std::size_t>(sqlite3_value_bytes(value))};
}

void give(sqlite3_context* context, std::string_view text) {
  sqlite3_result_text64(context, text.data(), text.size(), SQLITE_TRANSIENT, SQLITE_UTF8);
}

/// memmem() takes linear time.
std::size_t position_of(std::string_view text, std::string_view what, std::size_t from) {
  if (text.size() - from < what.size()) return nowhere;  // the pointer of an empty text may be null
  const void* found = memmem(text.data() + from, text.size() - from, what.data(), what.size());
  if (found == nullptr) return nowhere;
  return static_cast<std::size_t>(static_cast<const char*>(found) - text.data());
}

bool continues_character(char octet) { return (static_cast<unsigned char>(octet) & 0xc0) == 0x80; }

/// instr(text, what): the position of `what`, counted from 1, in characters or, for two blobs, in
/// octets; 0: not found.
void instr(sqlite3_context* context, int, sqlite3_value** arguments) {
  const bool of_octets = sqlite3_value_type(arguments[0]) == SQLITE_BLOB &&
                         sqlite3_value_type(arguments[1]) == SQLITE_BLOB;
  const auto text = of_octets ? octets_of(arguments[0]) : text_of(arguments[0]);
  const auto what = of_octets ? octets_of(arguments[1]) : text_of(arguments[1]);
  if (!text || !what) return;
  const std::size_t found = what->empty() ? 0 : position_of(*text, *what, 0);
  if (found == nowhere) return sqlite3_result_int(context, 0);
  std::int64_t before = 0;
  for (const char octet : text->substr(0, found)) {
    if (of_octets || !continues_character(octet)) ++before;
  }
  sqlite3_result_int64(context, before + 1);
}

void replace(sqlite3_context* context, int, sqlite3_value** arguments) {
  const auto text = text_of(arguments[0]);
  const auto what = text_of(arguments[1]);
  if (!text || !what) return;
  if (what->empty()) return sqlite3_result_value(context, arguments[0]);
  const auto with = text_of(arguments[2]);
  if (!with) return;
  const auto most = static_cast<std::size_t>(
      sqlite3_limit(sqlite3_context_db_handle(context), SQLITE_LIMIT_LENGTH, -1));
  std::string out;
  std::size_t from = 0;
  for (std::size_t at; (at = position_of(*text, *what, from)) != nowhere;
       from = at + what->size()) {
    out.append(*text, from, at - from).append(*with);
    if (out.size() > most) return sqlite3_result_error_toobig(context);
  }
  out.append(*text, from);
  if (out.size() > most) return sqlite3_result_error_toobig(context);
  give(context, out);
}

/// The length of the first character in octets.
std::size_t first_character(std::string_view text) {
  std::size_t size = 1;
  while (size < text.size() && continues_character(text[size])) ++size;
  return size;
}
std::size_t last_character(std::string_view text) {
  std::size_t size = 1;
  while (size < text.size() && continues_character(text[text.size() - size])) ++size;
  return size;
}

enum Side { left = 1, right = 2, both = 3 };

template <Side side>
void trim_sides(sqlite3_context* context, int, sqlite3_value** arguments) {
  auto text = text_of(arguments[0]);
  auto what = text_of(arguments[1]);
  if (!text || !what) return;
  what = what->substr(0, what->find('\0'));
  std::unordered_set<std::string_view> characters;
  while (!what->empty()) {
    const std::size_t size = first_character(*what);
    characters.insert(what->substr(0, size));
    what->remove_prefix(size);
  }
  while ((side & left) != 0 && !text->empty()) {
    const std::size_t size = first_character(*text);
    if (!characters.contains(text->substr(0, size))) break;
    text->remove_prefix(size);
  }
  while ((side & right) != 0 && !text->empty()) {
    const std::size_t size = last_character(*text);
    if (!characters.contains(text->substr(text->size() - size))) break;
    text->remove_suffix(size);
  }
  give(context, *text);
}

}  // namespace

void add_sqlite_functions(sqlite3* handle) {
  using Run = void (*)(sqlite3_context*, int, sqlite3_value**);
  const struct {
    const char* name;
    int arguments;
    Run run;
  } functions[] = {{"instr", 2, instr},
                   {"replace", 3, replace},
                   {"trim", 2, trim_sides<both>},
                   {"ltrim", 2, trim_sides<left>},
                   {"rtrim", 2, trim_sides<right>}};
  for (const auto& one : functions) {
    const int code = sqlite3_create_function_v2(
        handle, one.name, one.arguments, SQLITE_UTF8 | SQLITE_DETERMINISTIC | SQLITE_INNOCUOUS,
        nullptr, one.run, nullptr, nullptr, nullptr);
    if (code != SQLITE_OK) throw std::runtime_error("sqlite: " + std::string(one.name));
  }
}

}  // namespace postern::dialect
