#include "plan/samples.h"

#include <algorithm>

#include "base/text.h"

namespace postern::plan {

namespace {

constexpr std::size_t most_samples = 16;
constexpr std::size_t longest_sample = 1024;  // octets; no text of a dialogue is longer
constexpr std::size_t deepest_groups = 250;   // groups in each other; PCRE2's own limit

/// A recursive descent over the pattern; each part gives a few texts.
class Sampler {
 public:
  explicit Sampler(std::string_view pattern) : rest_(pattern) {}

  std::vector<std::string> alternatives() {
    std::vector<std::string> all = sequence();
    while (!rest_.empty() && rest_.front() == '|') {
      rest_.remove_prefix(1);
      for (std::string& one : sequence()) all.push_back(std::move(one));
    }
    if (all.size() > most_samples) all.resize(most_samples);
    return all;
  }

 private:
  std::vector<std::string> sequence() {
    std::vector<std::string> all{""};
    while (!rest_.empty() && rest_.front() != '|' && rest_.front() != ')') {
      std::vector<std::string> part = repeated(atom());
      std::vector<std::string> longer;
      for (const std::string& before : all) {
        for (const std::string& after : part) {
          if (longer.size() < most_samples)
            longer.push_back((before + after).substr(0, longest_sample));
        }
      }
      all = std::move(longer);
    }
    return all;
  }

  std::vector<std::string> repeated(std::vector<std::string> part) {
    while (!rest_.empty()) {
      const char next = rest_.front();
      if (next == '*' || next == '?') {
        rest_.remove_prefix(1);
        part.insert(part.begin(), "");
      } else if (next == '+') {
        rest_.remove_prefix(1);
      } else if (next == '{' && rest_.size() > 1 && is_digit(rest_[1])) {
        const std::size_t end = rest_.find('}');
        if (end == std::string_view::npos) return part;
        std::size_t digits = 1;
        while (digits < end && is_digit(rest_[digits])) ++digits;
        const auto times = parse_number(rest_.substr(1, digits - 1)).value_or(1);
        rest_.remove_prefix(end + 1);
        for (std::string& one : part) {
          std::string text;
          for (std::uint64_t i = 0; i < times && text.size() + one.size() <= longest_sample; ++i) {
            if (one.empty()) break;
            text += one;
          }
          one = text;
        }
      } else {
        return part;
      }
    }
    return part;
  }

  std::vector<std::string> atom() {
    const char first = rest_.front();
    rest_.remove_prefix(1);
    switch (first) {
      case '^':
      case '$':
        return {""};
      case '.':
        return {"x"};
      case '(': {
        const Group kind = begin_group();
        if (depth_ == deepest_groups) {
          rest_ = {};
          return {""};
        }
        const std::size_t number = kind == Group::captures ? groups_.size() : 0;
        if (kind == Group::captures) groups_.emplace_back();
        ++depth_;
        std::vector<std::string> inner = alternatives();
        --depth_;
        if (!rest_.empty() && rest_.front() == ')') rest_.remove_prefix(1);
        // A look-ahead is often found in the text that follows it; else its own text helps.
        if (kind == Group::not_there) return {""};
        if (kind == Group::ahead) inner.insert(inner.begin(), "");
        if (kind == Group::captures) groups_[number] = inner.front();
        return inner;
      }
      case '[':
        return {set()};
      case '\\':
        return {escaped()};
      default:
        return {std::string(1, first)};
    }
  }

  /// How a group counts.
  enum class Group {
    captures,   ///< `(…)`, `(?<name>…)`: a back reference repeats its text
    other,      ///< `(?:…)`, `(?i)`, a look-behind, which is text in front
    ahead,      ///< a look-ahead
    not_there,  ///< a negative look-around
  };

  /// Reads what stands behind the bracket.
  Group begin_group() {
    if (!rest_.starts_with('?')) return Group::captures;
    const auto is = [&](std::string_view start) {
      if (!rest_.starts_with(start)) return false;
      rest_.remove_prefix(start.size());
      return true;
    };
    if (is("?=")) return Group::ahead;
    if (is("?!") || is("?<!")) return Group::not_there;
    if (is("?<=")) return Group::other;
    const bool is_named = rest_.starts_with("?<") || rest_.starts_with("?P<");
    rest_.remove_prefix(std::min(rest_.find_first_of(is_named ? ">" : ":>)"), rest_.size()));
    if (!rest_.empty() && rest_.front() != ')') rest_.remove_prefix(1);
    return is_named ? Group::captures : Group::other;
  }

  std::string set() {
    const bool negated = rest_.starts_with('^');
    if (negated) rest_.remove_prefix(1);
    std::string members;
    for (bool begun = false; !rest_.empty() && (rest_.front() != ']' || !begun); begun = true) {
      if (rest_.starts_with("[:")) {
        const std::size_t end = rest_.find(":]");
        if (end == std::string_view::npos) break;
        members += rest_.starts_with("[:digit:") ? '1' : 'a';
        rest_.remove_prefix(end + 2);
        continue;
      }
      if (rest_.front() == '\\' && rest_.size() > 1) {
        rest_.remove_prefix(1);
        members += escaped();
        continue;
      }
      members += rest_.front();
      rest_.remove_prefix(1);
    }
    if (!rest_.empty()) rest_.remove_prefix(1);
    if (!negated) return members.empty() ? "" : members.substr(0, 1);
    for (const char c : {'a', 'z', '1', '.', '-'}) {
      if (members.find(c) == std::string::npos) return {c};
    }
    return "q";
  }

  std::string escaped() {
    if (rest_.empty()) return "";
    const char what = rest_.front();
    rest_.remove_prefix(1);
    if (is_digit(what) && what != '0') {  // a back reference
      const auto number = static_cast<std::size_t>(what - '1');
      return number < groups_.size() ? groups_[number] : "";
    }
    switch (what) {
      case 'x':
        return {hexadecimal()};
      case 'd':
        return "1";
      case 'w':
      case 'D':
      case 'S':
        return "a";
      case 's':
        return " ";
      case 'W':
        return "-";
      case 'b':
      case 'B':
      case 'A':
      case 'z':
      case 'Z':
        return "";
      default:
        return {what};
    }
  }

  /// `\x41`, `\x{41}`.
  char hexadecimal() {
    const bool in_braces = rest_.starts_with('{');
    if (in_braces) rest_.remove_prefix(1);
    unsigned code = 0;
    for (int digits = 0; digits < 2 && !rest_.empty(); ++digits, rest_.remove_prefix(1)) {
      const auto digit = hex_value(rest_.front());
      if (!digit) break;
      code = code * 16 + *digit;
    }
    if (in_braces && rest_.starts_with('}')) rest_.remove_prefix(1);
    return static_cast<char>(code);
  }

  std::string_view rest_;
  std::size_t depth_ = 0;
  std::vector<std::string> groups_;  ///< a text of each, by number from 0
};

}  // namespace

std::vector<std::string> samples_of(std::string_view pattern) {
  std::vector<std::string> texts = Sampler(pattern).alternatives();
  std::ranges::stable_sort(texts, {}, &std::string::size);
  texts.erase(std::unique(texts.begin(), texts.end()), texts.end());
  return texts;
}

}  // namespace postern::plan
