#include "base/toml.h"

#include <algorithm>

#include "base/text.h"

namespace postern {

namespace {

/// The text up to the end of a line, which counts from 1.
std::string_view up_to_line(std::string_view text, std::uint32_t line) {
  std::size_t end = 0;
  for (std::uint32_t i = 0; i < line; ++i) {
    const std::size_t found = text.find('\n', end);
    if (found == std::string_view::npos) return text;
    end = found + 1;
  }
  return text.substr(0, end - 1);
}

/// The line at which the parser gives up: it reads forward only, so every text that holds the line
/// makes it give up and none before.
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

}  // namespace

tl::expected<toml::table, TomlError> parse_toml(std::string_view text, std::string_view name) {
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

}  // namespace postern
