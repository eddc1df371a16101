#include "plan/samples.h"

#include <algorithm>

#include "base/text.h"

namespace postern::plan {

namespace {

constexpr std::size_t most = 16;
constexpr std::size_t longest = 1024;  // octets; no text of a dialogue is longer
constexpr std::size_t deepest = 250;   // groups in each other; PCRE2's own limit

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
    if (all.size() > most) all.resize(most);
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
          if (longer.size() < most) longer.push_back((before + after).substr(0, longest));
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
          for (std::uint64_t i = 0; i < times && text.size() + one.size() <= longest; ++i) {
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
        if (rest_.starts_with("?")) {  // (?:…), (?i), a look-around
          const std::size_t end = rest_.find_first_of(":=!<>)");
          rest_.remove_prefix(std::min(end, rest_.size()));
          if (!rest_.empty() && rest_.front() != ')') rest_.remove_prefix(1);
        }
        if (depth_ == deepest) {
          rest_ = {};
          return {""};
        }
        ++depth_;
        std::vector<std::string> inner = alternatives();
        --depth_;
        if (!rest_.empty() && rest_.front() == ')') rest_.remove_prefix(1);
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
    switch (what) {
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

  std::string_view rest_;
  std::size_t depth_ = 0;
};

}  // namespace

std::vector<std::string> samples_of(std::string_view pattern) {
  std::vector<std::string> texts = Sampler(pattern).alternatives();
  std::ranges::stable_sort(texts, {}, &std::string::size);
  texts.erase(std::unique(texts.begin(), texts.end()), texts.end());
  return texts;
}

}  // namespace postern::plan
