#include "dialect/kumo/data_file.h"

#include <algorithm>
#include <sstream>
#include <vector>

#include <fmt/format.h>
#include <boost/json/parse.hpp>
#include <boost/json/parser.hpp>

#include "base/text.h"
#include "base/toml.h"

namespace postern::dialect::kumo {

namespace {

std::uint32_t line_at(std::string_view text, std::size_t offset) {
  const std::string_view before = text.substr(0, offset);
  return static_cast<std::uint32_t>(1 + std::count(before.begin(), before.end(), '\n'));
}

/// The offset after the string that begins at `start`; the end of the text if it is not closed.
std::size_t end_of_string(std::string_view text, std::size_t start) {
  for (std::size_t i = start + 1; i < text.size(); ++i) {
    if (text[i] == '\\') {
      ++i;
    } else if (text[i] == '"') {
      return i + 1;
    }
  }
  return text.size();
}

/// Overwrites comments with blanks and keeps line ends, so that offsets and lines stay the same.
/// Returns the offset of a block comment that is not closed.
std::optional<std::size_t> blank_comments(std::string& text) {
  for (std::size_t i = 0; i < text.size();) {
    const std::string_view rest = std::string_view(text).substr(i);
    std::size_t end = i + 1;
    if (rest.front() == '"') {
      i = end_of_string(text, i);
      continue;
    }
    if (rest.starts_with('#') || rest.starts_with("//")) {
      end = std::min(text.find('\n', i), text.size());
    } else if (rest.starts_with("/*")) {
      end = text.find("*/", i + 2);
      if (end == std::string::npos) return i;
      end += 2;
    } else {
      ++i;
      continue;
    }
    for (; i < end; ++i) {
      if (text[i] != '\n' && text[i] != '\r') text[i] = ' ';
    }
  }
  return std::nullopt;
}

/// JSON without comments, of the same length and with the same lines.
tl::expected<std::string, TextError> plain_json(std::string_view text) {
  std::string plain(text);
  constexpr std::string_view byte_order_mark = "\xef\xbb\xbf";
  if (plain.starts_with(byte_order_mark)) plain.replace(0, 3, "   ");
  if (const auto open = blank_comments(plain)) {
    return tl::unexpected(TextError{line_at(text, *open), "this comment has no end"});
  }
  return plain;
}

tl::expected<json::value, TextError> parse_plain(std::string_view text) {
  json::parser parser;
  boost::system::error_code error;
  const std::size_t read = parser.write_some(text, error);
  // write_some() stops after the value.
  const std::size_t behind = std::min(text.find_first_not_of(" \t\r\n", read), text.size());
  if (!error && behind == text.size()) return parser.release();
  const std::size_t where = error ? std::min(read, text.size()) : behind;
  const std::string why = !error               ? "something stands behind the value"
                          : trim(text).empty() ? "there is no value"
                                               : error.message();
  return tl::unexpected(TextError{line_at(text, where), "this is not JSON: " + why});
}

/// Finds the line of each key in a JSON text, which must be valid.
class KeyLines {
 public:
  KeyLines(std::string_view text, DataFile& file) : text_(text), file_(file) {}

  /// Returns an error if a key occurs twice in one object.
  std::optional<TextError> read() {
    std::size_t i = 0;
    while (i < text_.size()) {
      const char c = text_[i];
      if (c == '{' || c == '[') {
        open_.push_back(Level{value_pointer(), c == '{', 0, {}});
      } else if (c == '}' || c == ']') {
        open_.pop_back();
      } else if (c == ',') {
        ++open_.back().index;
      } else if (c == '\n') {
        ++line_;
      } else if (c == '"') {
        const std::size_t end = end_of_string(text_, i);
        const std::size_t next = text_.find_first_not_of(" \t\r\n", end);
        if (next != std::string_view::npos && text_[next] == ':') {
          if (auto twice = key(text_.substr(i, end - i))) return twice;
        }
        i = end;
        continue;
      }
      ++i;
    }
    return std::nullopt;
  }

 private:
  struct Level {
    std::string pointer;
    bool object;
    std::size_t index;
    std::string key;
  };

  std::string value_pointer() const {
    if (open_.empty()) return "";
    const Level& level = open_.back();
    return below(level.pointer, level.object ? level.key : std::to_string(level.index));
  }

  std::optional<TextError> key(std::string_view quoted) {
    Level& level = open_.back();
    level.key = std::string(json::parse(quoted).as_string());
    if (file_.lines.try_emplace(below(level.pointer, level.key), line_).second) return {};
    return TextError{line_, fmt::format("the key `{}` is there twice", printable(level.key, 64))};
  }

  std::string_view text_;
  DataFile& file_;
  std::uint32_t line_ = 1;
  std::vector<Level> open_;
};

/// Converts tables, lists and scalars. Adds the lines of keys to `file` unless it is null.
json::value from_toml(const toml::node& node, const std::string& pointer, DataFile* file) {
  if (const toml::table* table = node.as_table()) {
    json::object object;
    for (const auto& [key, value] : *table) {
      const std::string here = below(pointer, key.str());
      if (file) file->lines.emplace(here, key.source().begin.line);
      object[key.str()] = from_toml(value, here, file);
    }
    return object;
  }
  if (const toml::array* array = node.as_array()) {
    json::array list;
    for (const toml::node& element : *array) {
      list.push_back(from_toml(element, below(pointer, std::to_string(list.size())), file));
    }
    return list;
  }
  if (const auto text = node.value_exact<std::string_view>()) return json::string(*text);
  if (const auto number = node.value_exact<std::int64_t>()) return *number;
  if (const auto number = node.value_exact<double>()) return *number;
  if (const auto flag = node.value_exact<bool>()) return *flag;
  std::ostringstream date;
  if (const auto* value = node.as_date()) date << *value;
  if (const auto* value = node.as_time()) date << *value;
  if (const auto* value = node.as_date_time()) date << *value;
  return json::string(date.str());
}

tl::expected<json::value, TextError> read_toml(std::string_view text, DataFile* file) {
  const auto table = parse_toml(text);
  if (table) return from_toml(*table, "", file);
  return tl::unexpected(
      TextError{table.error().source.begin.line, "this is not TOML: " + table.error().why});
}

tl::expected<json::value, TextError> read_json(std::string_view text, DataFile& file) {
  const auto plain = plain_json(text);
  if (!plain) return tl::unexpected(plain.error());
  auto value = parse_plain(*plain);
  if (!value) return value;
  if (auto twice = KeyLines(*plain, file).read()) return tl::unexpected(std::move(*twice));
  return value;
}

}  // namespace

tl::expected<json::value, TextError> parse_json_with_comments(std::string_view text) {
  const auto plain = plain_json(text);
  if (!plain) return tl::unexpected(plain.error());
  return parse_plain(*plain);
}

tl::expected<json::value, TextError> parse_toml_data(std::string_view text) {
  return read_toml(text, nullptr);
}

/// The factors are measured. Boost.JSON and Lua together take 117 octets for each empty object, and
/// 90 for each key besides four copies of its letters.
std::size_t memory_of_json(std::string_view text) {
  constexpr std::size_t of_a_mark = 128;
  std::size_t marks = 1;
  for (std::size_t i = 0; i < text.size();) {
    if (std::string_view("[{,:").find(text[i]) != std::string_view::npos) ++marks;
    i = text[i] == '"' ? end_of_string(text, i) : i + 1;
  }
  return marks * of_a_mark + text.size() * 4;
}

std::size_t memory_of_toml(std::string_view text) {
  constexpr std::size_t of_a_node = 512;
  // Limits time rather than memory: the search for a mistake parses the text many times.
  constexpr std::size_t of_an_octet = 16;
  return most_toml_nodes(text) * of_a_node + text.size() * of_an_octet;
}

std::string below(std::string_view pointer, std::string_view key) {
  std::string out(pointer);
  out += '/';
  for (const char c : key) {  // RFC 6901 §3
    if (c == '~') {
      out += "~0";
    } else if (c == '/') {
      out += "~1";
    } else {
      out += c;
    }
  }
  return out;
}

Result<DataFile> parse_data(std::string name, std::string_view text) {
  DataFile file{.name = std::move(name)};
  auto value = file.name.ends_with("toml") ? read_toml(text, &file) : read_json(text, file);
  if (!value) {
    return fail(Fault::malformed,
                fmt::format("{}:{}: {}", file.name, value.error().line, value.error().message));
  }
  file.value = std::move(*value);
  return file;
}

Result<void> MergedData::add(const DataFile& file) {
  if (!file.value.is_object()) {
    return fail(Fault::malformed, fmt::format("{}: a table of settings is expected", file.name));
  }
  places_.insert_or_assign("", file.name);
  merge(value_, file.value.get_object(), "", file);
  return {};
}

void MergedData::merge(json::object& into, const json::object& from, const std::string& pointer,
                       const DataFile& file) {
  for (const auto& [key, value] : from) {
    const std::string here = below(pointer, key);
    const auto line = file.lines.find(here);
    places_.insert_or_assign(
        here, line == file.lines.end() ? file.name : fmt::format("{}:{}", file.name, line->second));
    json::value& old = into[key];
    if (!value.is_object()) {
      old = value;
      continue;
    }
    if (!old.is_object()) old.emplace_object();
    merge(old.get_object(), value.get_object(), here, file);
  }
}

std::string MergedData::place(std::string_view pointer) const {
  for (;;) {
    if (const auto found = places_.find(pointer); found != places_.end()) return found->second;
    if (pointer.empty()) return "";
    pointer = pointer.substr(0, pointer.rfind('/'));
  }
}

}  // namespace postern::dialect::kumo
