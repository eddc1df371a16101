#include "dialect/kumo/regex_template.h"

#include <algorithm>
#include <optional>

#include "base/text.h"

namespace postern::dialect::kumo {

namespace {

/// Takes the name after a `$` from the front of `rest`.
std::optional<std::string_view> take_name(std::string_view& rest) {
  if (rest.starts_with('{')) {
    const std::size_t end = rest.find('}');
    if (end == std::string_view::npos) return std::nullopt;
    const std::string_view name = rest.substr(1, end - 1);
    rest.remove_prefix(end + 1);
    return name;
  }
  const auto end = std::find_if_not(rest.begin(), rest.end(), is_word_char);
  const std::string_view name = rest.substr(0, static_cast<std::size_t>(end - rest.begin()));
  if (name.empty()) return std::nullopt;
  rest.remove_prefix(name.size());
  return name;
}

}  // namespace

void expand_template(std::string_view text, const GroupNames& names,
                     const std::function<std::string_view(unsigned)>& group, std::string& out) {
  while (!text.empty()) {
    const std::size_t at = std::min(text.find('$'), text.size());
    out += text.substr(0, at);
    text.remove_prefix(at);
    if (text.empty()) return;
    text.remove_prefix(1);
    if (text.starts_with('$')) {
      out += '$';
      text.remove_prefix(1);
      continue;
    }
    const auto name = take_name(text);
    if (!name) {
      out += '$';
      continue;
    }
    const auto named = names.find(*name);
    const auto number = parse_number(*name);
    if (named != names.end()) {
      out += group(named->second);
    } else if (number && *number < 100) {
      out += group(static_cast<unsigned>(*number));
    }
  }
}

}  // namespace postern::dialect::kumo
