#include "dialect/toml_text.h"

#include <algorithm>

#include <fmt/format.h>

#include "base/text.h"

namespace postern::dialect {

namespace {

bool is_control(char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; }

/// Whether 'text' says it without an escape that "text" would need.
bool reads_better_literally(std::string_view text) {
  const bool has_escape = text.find_first_of("\\\"") != std::string_view::npos;
  return has_escape && text.find('\'') == std::string_view::npos &&
         std::none_of(text.begin(), text.end(), is_control);
}

std::string escaped(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if (c == '\t') {
      out += "\\t";
    } else if (is_control(c)) {
      out += fmt::format("\\u{:04X}", static_cast<unsigned>(c));
    } else {
      out += c;
    }
  }
  return out;
}

}  // namespace

std::string toml_quoted(std::string_view text) {
  if (reads_better_literally(text)) return fmt::format("'{}'", text);
  return fmt::format("\"{}\"", escaped(text));
}

std::optional<std::string> toml_string(const std::vector<std::string>& lines) {
  const auto broken = [](const std::string& line) { return !is_utf8(line); };
  if (std::any_of(lines.begin(), lines.end(), broken)) return std::nullopt;
  if (lines.size() == 1) return toml_quoted(lines.front());
  const bool literal = std::any_of(lines.begin(), lines.end(), reads_better_literally) &&
                       std::all_of(lines.begin(), lines.end(), [](const std::string& line) {
                         return line.find('\'') == std::string::npos &&
                                std::none_of(line.begin(), line.end(), is_control);
                       });
  const std::string_view quotes = literal ? "'''" : R"(""")";
  std::string out = fmt::format("{}\n", quotes);
  for (const std::string& line : lines) {
    if (!line.empty()) out += fmt::format("  {}\n", literal ? line : escaped(line));
  }
  return out + std::string(quotes);
}

std::string toml_list(const std::vector<std::string>& texts) {
  std::string out;
  for (const std::string& text : texts) out += (out.empty() ? "" : ", ") + toml_quoted(text);
  return "[" + out + "]";
}

}  // namespace postern::dialect
