#include "dialect/host_manual.h"

#include <algorithm>

#include <fmt/format.h>

#include "base/text.h"

namespace postern::dialect {

namespace {

constexpr std::size_t manual_columns = 100;

/// Where a list element ends: at a comma outside brackets.
std::size_t end_of_element(std::string_view text, char last) {
  int depth = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (std::string_view("{[(<").find(text[i]) != std::string_view::npos) ++depth;
    if (std::string_view("}])>").find(text[i]) != std::string_view::npos) --depth;
    if (text[i] == last && depth == 0) return i;
  }
  return text.size();
}

}  // namespace

std::vector<std::pair<std::string_view, std::string_view>> parameters_of(std::string_view text) {
  std::vector<std::pair<std::string_view, std::string_view>> found;
  while (!text.empty()) {
    const std::size_t end = end_of_element(text, ',');
    const std::string_view one = trim(text.substr(0, end));
    const std::size_t colon = one.find(':');
    found.emplace_back(one.substr(0, colon), trim(one.substr(std::min(colon, one.size() - 1) + 1)));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return found;
}

std::string in_lines(std::string_view text, std::string_view prefix, std::size_t first) {
  std::string out(prefix);
  std::size_t at = first + prefix.size();
  while (!text.empty()) {
    const std::string_view word = text.substr(0, text.find(' '));
    if (at > prefix.size() && at + 1 + word.size() > manual_columns) {
      out += "\n" + std::string(prefix);
      at = prefix.size();
    } else if (at > prefix.size()) {
      out += ' ';
      ++at;
    }
    out += word;
    at += word.size();
    text.remove_prefix(std::min(word.size() + 1, text.size()));
  }
  return out + "\n";
}

std::string signature(std::string_view name, std::string_view parameters, std::string_view result) {
  std::string text = fmt::format("{}({})", name, parameters);
  if (!result.empty()) text += fmt::format(" → {}", result);
  return text;
}

std::string item(std::string_view code, std::string_view help) {
  return in_lines(fmt::format("* `{}`: {}", code, help), "  ", 0).substr(2);
}

}  // namespace postern::dialect
