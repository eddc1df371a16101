#include "dialect/kumo/regex_syntax.h"

#include <algorithm>
#include <stdexcept>
#include <utility>
#include <vector>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "base/text.h"
#include "dialect/kumo/literal_lint.h"

namespace postern::dialect::kumo {

namespace {

[[noreturn]] void refuse_syntax(std::string_view what) {
  throw std::runtime_error("regular expression: " + std::string(what) + " is not available");
}

bool is_hex(char c) { return is_digit(c) || (to_lower(c) >= 'a' && to_lower(c) <= 'f'); }

constexpr int deepest_set = 20;

class PcreWriter {
 public:
  explicit PcreWriter(std::string_view pattern) : rest_(pattern) {}

  std::string write() {
    while (!rest_.empty()) {
      if (rest_.front() == '\\') {
        escape();
      } else if (rest_.front() == '[') {
        out_ += set(1);
      } else {
        // In PCRE2 it recurses into the whole pattern; in fancy_regex it sets a line mode.
        if (rest_.starts_with("(?R")) refuse_syntax("(?R)");
        copy(1);
      }
    }
    return std::move(out_);
  }

 private:
  void copy(std::size_t octets) {
    out_ += rest_.substr(0, octets);
    rest_.remove_prefix(std::min(octets, rest_.size()));
  }

  /// Translates `[a[b]&&[^c]]`. PCRE2 has neither nested sets nor intersections, but it has
  /// lookahead.
  std::string set(int depth) {
    if (depth > deepest_set) refuse_syntax("a set of characters so deep");
    const std::string before = std::exchange(out_, std::string());
    const bool in_set = std::exchange(in_set_, true);
    const bool negated = rest_.starts_with("[^");
    rest_.remove_prefix(negated ? 2 : 1);
    std::string all = operand(depth, true);
    bool plain = all.starts_with('[') && !all.starts_with("[^");
    while (!rest_.starts_with(']')) {
      const bool common = rest_.starts_with("&&");
      rest_.remove_prefix(2);
      const std::string other = operand(depth, false);
      all = std::string(common ? "(?:(?=" : "(?:(?!") + other + ")" + all + ")";
      plain = false;
    }
    rest_.remove_prefix(1);
    if (negated) all = plain ? "[^" + all.substr(1) : "(?:(?!" + all + ")(?s:.))";
    out_ = before;
    in_set_ = in_set;
    return all;
  }

  /// The part of a set between operators: characters and nested sets.
  std::string operand(int depth, bool first) {
    std::vector<std::string> sets;
    out_.clear();
    if (first && rest_.starts_with(']')) copy(1);  // in first place it is a member
    while (true) {
      if (rest_.empty()) refuse_syntax("a [ without ]");
      if (rest_.front() == ']' || rest_.starts_with("&&") || rest_.starts_with("--")) break;
      if (rest_.starts_with("~~")) refuse_syntax("~~ between sets of characters");
      if (rest_.front() == '\\') {
        escape();
      } else if (rest_.starts_with("[:")) {
        const std::size_t end = rest_.find(":]");
        if (end == std::string_view::npos) refuse_syntax("[: without :]");
        copy(end + 2);
      } else if (rest_.front() == '[') {
        sets.push_back(set(depth + 1));
      } else {
        if (out_.empty() && rest_.front() == '^') out_ += '\\';
        copy(1);
      }
    }
    if (!out_.empty()) sets.insert(sets.begin(), "[" + std::exchange(out_, std::string()) + "]");
    if (sets.empty()) refuse_syntax("an empty set of characters");
    if (sets.size() == 1) return sets.front();
    return fmt::format("(?:{})", fmt::join(sets, "|"));
  }

  void escape() {
    const char letter = rest_.size() > 1 ? rest_[1] : '\0';
    switch (letter) {
      case 'h':  // a hexadecimal digit; blanks in PCRE2
        out_ += in_set_ ? "0-9A-Fa-f" : "[0-9A-Fa-f]";
        return rest_.remove_prefix(2);
      case 'H':
        if (in_set_) refuse_syntax("\\H in a set of characters");
        out_ += "[^0-9A-Fa-f]";
        return rest_.remove_prefix(2);
      case '<':  // the start and the end of a word
      case '>':
        if (in_set_) return copy(2);
        out_ += letter == '<' ? R"(\b(?=\w))" : R"(\b(?<=\w))";
        return rest_.remove_prefix(2);
      case 'u':
        return character(4);
      case 'U':
        return character(8);
      case 'G':  // a single call does not know where the last match ended
        refuse_syntax("\\G");
      case 'Q':
      case 'E':
      case 'R':
      case 'X':
      case 'N':
      case 'C':
      case 'V':
        refuse_syntax(rest_.substr(0, 2));
      default:
        return copy(2);
    }
  }

  /// `\u{41}` or `\u0041`.
  void character(std::size_t digits) {
    rest_.remove_prefix(2);
    std::string_view number = rest_.substr(0, digits);
    std::size_t behind = digits;
    bool whole = number.size() == digits;
    if (rest_.starts_with('{')) {
      const std::size_t end = rest_.find('}');
      if (end == std::string_view::npos) refuse_syntax("a { without }");
      number = rest_.substr(1, end - 1);
      behind = end + 1;
      whole = !number.empty() && number.size() <= 8;
    }
    if (!whole || !std::ranges::all_of(number, is_hex)) refuse_syntax("\\u without its digits");
    out_ += "\\x{" + std::string(number) + "}";
    rest_.remove_prefix(behind);
  }

  std::string_view rest_;
  std::string out_;
  bool in_set_ = false;
};

}  // namespace

std::string as_pcre(std::string_view pattern) { return PcreWriter(pattern).write(); }

Regex compiled(std::string_view pattern) {
  auto regex = Regex::compile(
      as_pcre(pattern),
      {.caseless = false, .dot_all = false, .dollar_end_only = true, .unicode = true});
  if (!regex) throw std::runtime_error("regular expression: " + regex.error().message);
  return std::move(*regex);
}

std::string refused_pattern(std::string_view pattern) {
  try {
    compiled(pattern);
    return {};
  } catch (const std::runtime_error& error) {
    return error.what();
  }
}

}  // namespace postern::dialect::kumo
