#include "base/toml.h"

#include <algorithm>
#include <optional>
#include <string>

#include "base/text.h"

namespace postern {

namespace {

/// The first `line` lines, counted from 1.
std::string_view up_to_line(std::string_view text, std::uint32_t line) {
  std::size_t end = 0;
  for (std::uint32_t i = 0; i < line; ++i) {
    const std::size_t found = text.find('\n', end);
    if (found == std::string_view::npos) return text;
    end = found + 1;
  }
  return text.substr(0, end - 1);
}

/// The line at which the parser gives up. It only reads forward, so a prefix fails exactly if it
/// contains that line.
std::uint32_t line_of_trouble(std::string_view text) {
  std::uint32_t good = 0;
  auto bad = static_cast<std::uint32_t>(std::count(text.begin(), text.end(), '\n') + 1);
  while (good + 1 < bad) {
    const std::uint32_t middle = good + (bad - good) / 2;
    try {
      (void)toml::parse(up_to_line(text, middle));
      good = middle;
    } catch (const TomlParserGaveUp&) {
      bad = middle;
    }
  }
  return bad;
}

/// The position after the string whose opening quote is at `start`.
std::size_t end_of_string(std::string_view text, std::size_t start) {
  const char quote = text[start];
  const std::string three(3, quote);
  const bool is_long = text.substr(start).starts_with(three);
  std::size_t i = start + (is_long ? 3 : 1);
  for (; i < text.size(); ++i) {
    if (quote == '"' && text[i] == '\\') {
      ++i;
    } else if (!is_long && (text[i] == quote || text[i] == '\n')) {
      return i + 1;
    } else if (is_long && text.substr(i).starts_with(three)) {
      break;
    }
  }
  if (i >= text.size()) return text.size();
  // A multi-line string may end in two more quotes.
  return std::min({text.find_first_not_of(quote, i), i + 5, text.size()});
}

/// Calls `visit(i)` for each octet outside strings and comments, until it returns false.
template <class Visit>
void walk(std::string_view text, Visit visit) {
  for (std::size_t i = 0; i < text.size();) {
    if (text[i] == '#') {
      i = std::min(text.find('\n', i), text.size());
    } else if (text[i] == '"' || text[i] == '\'') {
      i = end_of_string(text, i);
    } else if (visit(i)) {
      ++i;
    } else {
      return;
    }
  }
}

/// The position of the first dot that makes a key too long. Each dot nests a table, and recursive
/// traversal, including destruction, would exhaust the stack. In an invalid text, only the part
/// before the first error must be tokenized as the parser does.
std::optional<std::size_t> dot_too_many(std::string_view text) {
  int dots = 0;
  std::optional<std::size_t> found;
  walk(text, [&](std::size_t i) {
    if (text[i] == '.' && ++dots == longest_toml_key) found = i;
    if (std::string_view("\n=,[]{}").find(text[i]) != std::string_view::npos) dots = 0;
    return !found;
  });
  return found;
}

}  // namespace

std::size_t most_toml_nodes(std::string_view text) {
  std::size_t nodes = 0;
  walk(text, [&](std::size_t i) {
    if (std::string_view("=,.[{").find(text[i]) != std::string_view::npos) ++nodes;
    return true;
  });
  return nodes;
}

tl::expected<toml::table, TomlError> parse_toml(std::string_view text, std::string_view name) {
  if (const auto dot = dot_too_many(text)) {
    const std::string_view before = text.substr(0, *dot);
    const auto line = static_cast<toml::source_index>(std::ranges::count(before, '\n') + 1);
    return tl::unexpected(
        TomlError{{{line, 1}, {line, 2}, {}},
                  "a key has at most " + std::to_string(longest_toml_key) + " parts"});
  }
  try {
    toml::parse_result parsed = toml::parse(text, name);
    if (parsed) return std::move(parsed).table();
    const toml::parse_error& error = parsed.error();
    return tl::unexpected(TomlError{error.source(), printable(error.description(), 300)});
  } catch (const TomlParserGaveUp&) {
    const std::uint32_t line = line_of_trouble(text);
    return tl::unexpected(
        TomlError{{{line, 1}, {line, 2}, {}}, "nothing of TOML begins like this"});
  }
}

std::string_view toml_type_name(const toml::node& node) {
  switch (node.type()) {
    case toml::node_type::table:
      return "a table";
    case toml::node_type::array:
      return "a list";
    case toml::node_type::string:
      return "text";
    case toml::node_type::integer:
      return "a number";
    case toml::node_type::floating_point:
      return "a number with a fraction";
    case toml::node_type::boolean:
      return "true or false";
    default:
      return "a date or time";
  }
}

}  // namespace postern
