#include "dialect/restrictions/expansion.h"

#include <algorithm>
#include <array>
#include <optional>
#include <set>
#include <vector>

#include "base/text.h"
#include "dialect/restrictions/parameters.h"

namespace postern::dialect::restrictions {

namespace {

// Deeper nesting is a loop. The size limits stop exponential growth: a=$b$b, b=$c$c ...
constexpr int deepest_expansion = 100;
constexpr std::size_t max_length = 1u << 20;
constexpr std::size_t max_steps = 10'000;

/// The position of the bracket that closes the one at text[0]; npos if there is none.
std::size_t closing(std::string_view text, char open, char close) {
  std::size_t level = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == open) ++level;
    if (text[i] == close && --level == 0) return i;
  }
  return std::string_view::npos;
}

void skip_blanks(std::string_view& text) {
  while (!text.empty() && is_space(text.front())) text.remove_prefix(1);
}

std::string_view take_name(std::string_view& text) {
  const auto* const end = std::find_if_not(text.begin(), text.end(), is_word_char);
  const auto length = static_cast<std::size_t>(end - text.begin());
  const std::string_view name = text.substr(0, length);
  text.remove_prefix(length);
  return name;
}

/// Takes the text between the braces that follow; `text` keeps what comes after them.
std::optional<std::string_view> take_braces(std::string_view& text) {
  skip_blanks(text);
  if (text.empty() || text.front() != '{') return std::nullopt;
  const std::size_t end = closing(text, '{', '}');
  if (end == std::string_view::npos) return std::nullopt;
  const std::string_view inside = text.substr(1, end - 1);
  text.remove_prefix(end + 1);
  return inside;
}

struct Comparison {
  std::string_view word;
  bool (*holds)(int order);
  bool levels;
};
// Each operator comes before those that are a prefix of it.
constexpr std::array<Comparison, 12> comparisons{{
    {"==level", [](int o) { return o == 0; }, true},
    {"!=level", [](int o) { return o != 0; }, true},
    {"<=level", [](int o) { return o <= 0; }, true},
    {">=level", [](int o) { return o >= 0; }, true},
    {"<level", [](int o) { return o < 0; }, true},
    {">level", [](int o) { return o > 0; }, true},
    {"==", [](int o) { return o == 0; }, false},
    {"!=", [](int o) { return o != 0; }, false},
    {"<=", [](int o) { return o <= 0; }, false},
    {">=", [](int o) { return o >= 0; }, false},
    {"<", [](int o) { return o < 0; }, false},
    {">", [](int o) { return o > 0; }, false},
}};

/// Compares numbers by value, anything else as text.
int compare(std::string_view a, std::string_view b) {
  const auto x = parse_number(a);
  const auto y = parse_number(b);
  if (x && y) return *x < *y ? -1 : (*x > *y ? 1 : 0);
  return a.compare(b);
}

/// The texts after a condition, for true and for false.
struct Branches {
  std::optional<std::string_view> yes;
  std::optional<std::string_view> no;
};

Result<Branches> malformed_branch(std::string_view near) {
  return fail(Fault::malformed, "unexpected text in ${...} at \"" + printable(near, 40) + "\"");
}

/// ? {yes} : {no}, or ? text, or : text; a text without braces extends to the end.
Result<Branches> take_branches(std::string_view text) {
  Branches branches;
  if (!text.empty() && text.front() == '?') {
    text.remove_prefix(1);
    std::string_view behind = text;
    branches.yes = take_braces(behind);
    if (!branches.yes) {
      branches.yes = text;
      return branches;
    }
    skip_blanks(behind);
    if (behind.empty()) return branches;
    text = behind;
    if (text.front() != ':') return malformed_branch(text);
  }
  if (text.empty() || text.front() != ':') return malformed_branch(text);
  text.remove_prefix(1);
  std::string_view behind = text;
  branches.no = take_braces(behind);
  if (!branches.no) {
    branches.no = text;
    return branches;
  }
  skip_blanks(behind);
  if (!behind.empty()) return malformed_branch(behind);
  return branches;
}

class Expander {
 public:
  explicit Expander(const Lookup& lookup) : lookup_(lookup) {}

  Result<std::string> expand(std::string_view text, int depth) {
    if (depth > deepest_expansion) return fail(Fault::malformed, "the expansion never ends");
    std::string out;
    while (!text.empty()) {
      const std::size_t plain = std::min(text.find('$'), text.size());
      if (const auto added = append(out, text.substr(0, plain)); !added) return fail_with(added);
      text.remove_prefix(plain);
      if (text.empty()) break;
      text.remove_prefix(1);
      const auto piece = reference(text, depth);
      if (!piece) return piece;
      if (const auto added = append(out, *piece); !added) return fail_with(added);
    }
    return out;
  }

 private:
  static tl::unexpected<Error> fail_with(const Result<bool>& result) {
    return tl::unexpected<Error>(result.error());
  }

  Result<bool> append(std::string& out, std::string_view text) {
    length_ += text.size();
    if (length_ > max_length) return fail(Fault::malformed, "the expanded value is too long");
    out += text;
    return true;
  }

  /// `text` starts after the dollar sign; the reference is removed from it.
  Result<std::string> reference(std::string_view& text, int depth) {
    if (++steps_ > max_steps) return fail(Fault::malformed, "the expansion never ends");
    const char open = text.empty() ? '\0' : text.front();
    if (open == '$') {
      text.remove_prefix(1);
      return std::string("$");
    }
    if (open == '{' || open == '(') {
      const std::size_t end = closing(text, open, open == '{' ? '}' : ')');
      if (end == std::string_view::npos) {
        return fail(Fault::malformed, std::string("a $") + open + " is not closed");
      }
      const std::string_view inside = text.substr(1, end - 1);
      text.remove_prefix(end + 1);
      return bracketed(inside, depth);
    }
    const std::string_view name = take_name(text);
    if (name.empty()) return fail(Fault::malformed, "a $ without a name; a dollar sign is $$");
    return expand(lookup_(name), depth + 1);
  }

  /// The contents of ${...}.
  Result<std::string> bracketed(std::string_view text, int depth) {
    skip_blanks(text);
    if (!text.empty() && text.front() == '{') return condition(text, depth);
    const std::string_view name = take_name(text);
    if (name.empty()) return fail(Fault::malformed, "a ${ without a name");
    skip_blanks(text);
    if (text.empty()) return expand(lookup_(name), depth + 1);
    return branch(!lookup_(name).empty(), text, depth);
  }

  /// {a} == {b} ? {yes} : {no}
  Result<std::string> condition(std::string_view text, int depth) {
    const auto left = take_braces(text);
    skip_blanks(text);
    const auto* const found =
        std::find_if(comparisons.begin(), comparisons.end(),
                     [&](const Comparison& c) { return text.starts_with(c.word); });
    if (!left || found == comparisons.end()) {
      return fail(Fault::malformed, "a comparison was expected at \"" + printable(text, 40) + "\"");
    }
    text.remove_prefix(found->word.size());
    const auto right = take_braces(text);
    if (!right) return fail(Fault::malformed, "{text} was expected after a comparison");
    const auto a = expand(*left, depth + 1);
    if (!a) return a;
    const auto b = expand(*right, depth + 1);
    if (!b) return b;
    skip_blanks(text);
    return branch(found->holds(found->levels ? compare_levels(*a, *b) : compare(*a, *b)), text,
                  depth);
  }

  Result<std::string> branch(bool holds, std::string_view text, int depth) {
    const auto branches = take_branches(text);
    if (!branches) return tl::unexpected<Error>(branches.error());
    const auto& chosen = holds ? branches->yes : branches->no;
    return chosen ? expand(*chosen, depth + 1) : std::string();
  }

  const Lookup& lookup_;
  std::size_t length_ = 0;
  std::size_t steps_ = 0;
};

}  // namespace

Result<std::string> expand(std::string_view text, const Lookup& lookup) {
  return Expander(lookup).expand(text, 0);
}

std::vector<std::string> references(std::string_view text) {
  std::vector<std::string> names;
  std::set<std::string_view> known;
  while (!text.empty()) {
    const std::size_t dollar = text.find('$');
    if (dollar == std::string_view::npos) break;
    text.remove_prefix(dollar + 1);
    if (text.starts_with('$')) {
      text.remove_prefix(1);
      continue;
    }
    if (text.starts_with('{') || text.starts_with('(')) {
      text.remove_prefix(1);
      skip_blanks(text);
    }
    const std::string_view name = take_name(text);
    if (!name.empty() && known.insert(name).second) names.emplace_back(name);
  }
  return names;
}

std::vector<Reference> plain_references(std::string_view text) {
  std::vector<Reference> found;
  for (std::size_t at = text.find('$'); at != std::string_view::npos; at = text.find('$', at)) {
    const std::size_t dollar = at++;
    std::string_view rest = text.substr(at);
    if (rest.starts_with('$')) {
      ++at;
      continue;
    }
    const bool bracket = rest.starts_with('{') || rest.starts_with('(');
    if (bracket) rest.remove_prefix(1);
    const std::string name(take_name(rest));
    const bool plain = !bracket || rest.starts_with('}') || rest.starts_with(')');
    if (!name.empty() && plain) found.push_back({name, dollar});
  }
  return found;
}

}  // namespace postern::dialect::restrictions
