#include "dialect/restrictions/reply_template.h"

#include <algorithm>

#include "base/text.h"

namespace postern::dialect::restrictions {

namespace {

/// Removes a leading `{...}` or `(...)` from `text` and returns its contents.
std::string braced(std::string_view& text, const TemplateValue& value) {
  const char open = text.front();
  const char close = open == '{' ? '}' : ')';
  std::size_t depth = 0;
  std::size_t end = 0;
  for (; end < text.size(); ++end) {
    depth += text[end] == open ? 1u : 0u;
    if (text[end] == close && --depth == 0) break;
  }
  const std::string_view inner = text.substr(1, end - 1);
  text.remove_prefix(std::min(end + 1, text.size()));
  const std::size_t split = inner.find_first_of("?:");
  const std::string found = value(inner.substr(0, split));
  if (split == std::string_view::npos) return found;
  const bool wanted = (inner[split] == '?') == !found.empty();
  return wanted ? fill_template(inner.substr(split + 1), value) : std::string();
}

}  // namespace

std::string fill_template(std::string_view text, const TemplateValue& value) {
  std::string out;
  while (!text.empty()) {
    const std::size_t dollar = text.find('$');
    out += text.substr(0, dollar);
    if (dollar == std::string_view::npos) break;
    text.remove_prefix(dollar + 1);
    if (text.starts_with('$')) {
      out += '$';
      text.remove_prefix(1);
    } else if (text.starts_with('{') || text.starts_with('(')) {
      out += braced(text, value);
    } else {
      std::size_t end = 0;
      while (end < text.size() && (is_alnum(text[end]) || text[end] == '_')) ++end;
      out += value(text.substr(0, end));
      text.remove_prefix(end);
    }
  }
  return out;
}

}  // namespace postern::dialect::restrictions
