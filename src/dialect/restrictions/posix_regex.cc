#include "dialect/restrictions/posix_regex.h"

#include <algorithm>
#include <array>

#include <fmt/core.h>

#include "base/text.h"

namespace postern::dialect::restrictions {
namespace {

constexpr unsigned largest_repeat = 32767;  // RE_DUP_MAX of the C library
constexpr unsigned most_quantifiers = 8;    // in a row: a*?+
constexpr std::array class_names{"alnum", "alpha", "blank", "cntrl", "digit", "graph",
                                 "lower", "print", "punct", "space", "upper", "xdigit"};

class Translator {
 public:
  Translator(std::string_view pattern, const PosixOptions& options)
      : in_(pattern), options_(options) {}

  Result<PosixRegex> run() {
    while (at_ < in_.size() && error_.empty()) {
      begin_ = at_;
      options_.extended ? extended() : basic();
    }
    if (error_.empty() && !open_.empty()) refuse("`(` without `)`");
    if (!error_.empty()) {
      return fail(Fault::malformed, fmt::format("at octet {}: {}", begin_ + 1, error_));
    }
    return std::move(made_);
  }

 private:
  static constexpr std::size_t nothing = std::string::npos;

  void refuse(std::string what) {
    if (error_.empty()) error_ = std::move(what);
  }
  bool has(std::string_view text) const { return in_.substr(at_).starts_with(text); }

  // One token each. POSIX leaves much undefined here; the comments say what measurements showed.

  void extended() {
    const char c = in_[at_++];
    switch (c) {
      case '(':
        return open_group();
      // Without an opening parenthesis it is an ordinary character.
      case ')':
        return open_.empty() ? literal(c) : close_group();
      case '|':
        return alternative();
      case '*':
      case '+':
      case '?':
        return repeat(std::string(1, c));
      case '{':
        return interval();
      case '^':
      case '$':
        return assertion(std::string_view(&c, 1));
      case '\\':
        return escape();
      default:
        common(c);
    }
  }

  void basic() {
    const char c = in_[at_++];
    if (c == '*' && atom_ == nothing) return literal(c);
    if (c == '*') return repeat("*");
    if (c == '^' && branch_start_) {
      assertion("^");
      return;
    }
    if (c == '$' && (at_ == in_.size() || has("\\)") || has("\\|"))) return assertion("$");
    if (c != '\\' || at_ == in_.size()) return c == '\\' ? escape() : common(c);
    switch (in_[at_]) {
      case '(':
        return ++at_, open_group();
      case ')':
        return ++at_, open_.empty() ? refuse("`\\)` without `\\(`") : close_group();
      case '|':
        return ++at_, alternative();
      case '{':
        return ++at_, interval();
      case '+':
      case '?': {
        const char sign = in_[at_++];
        return atom_ == nothing ? literal(sign) : repeat(std::string(1, sign));
      }
      default:
        escape();
    }
  }

  void common(char c) {
    if (c == '[') return bracket();
    if (c == '.') return atom(".");
    literal(c);
  }

  void open_group() {
    open_.push_back({made_.perl.size(), ++groups_});
    closed_.resize(groups_ + 1, false);
    made_.perl += '(';
    start_branch();
  }
  void close_group() {
    made_.perl += ')';
    atom_ = open_.back().begin;
    quantifiers_ = 0;
    branch_start_ = false;
    closed_[open_.back().number] = true;
    open_.pop_back();
  }
  void alternative() {
    made_.perl += '|';
    start_branch();
  }
  void start_branch() {
    atom_ = nothing;
    branch_start_ = true;
  }
  void atom(std::string_view text) {
    atom_ = made_.perl.size();
    quantifiers_ = 0;
    branch_start_ = false;
    made_.perl += text;
  }
  void literal(char c) { atom(quoted(c)); }
  void assertion(std::string_view text) {
    made_.perl += text;
    atom_ = nothing;
    branch_start_ = false;
  }
  static std::string quoted(char c) {
    const auto octet = static_cast<unsigned char>(c);
    if (octet >= 0x80 || is_alnum(c)) return std::string(1, c);
    if (octet < 0x20 || octet == 0x7f) return fmt::format("\\x{:02x}", octet);
    return {'\\', c};
  }

  void repeat(const std::string& sign) {
    if (atom_ == nothing) return refuse("there is nothing to repeat");
    if (quantifiers_ > 0) {
      // "a*?" is "(a*)?" in POSIX and a lazy star in Perl; basic expressions do not allow it.
      if (!options_.extended || quantifiers_ == most_quantifiers) {
        return refuse("a repetition is repeated");
      }
      made_.perl.insert(atom_, "(?:");
      made_.perl += ')';
    }
    made_.perl += sign;
    ++quantifiers_;
  }

  std::optional<unsigned> number() {
    const std::size_t begin = at_;
    unsigned value = 0;
    for (; at_ < in_.size() && is_digit(in_[at_]); ++at_) {
      value = std::min(value * 10 + static_cast<unsigned>(in_[at_] - '0'), largest_repeat + 1);
    }
    if (at_ == begin) return std::nullopt;
    return value;
  }

  void interval() {
    if (atom_ == nothing) return refuse("there is nothing to repeat");
    const std::optional<unsigned> least = number();
    std::optional<unsigned> most = least;
    const bool comma = has(",");
    if (comma) {
      ++at_;
      most = number();
    }
    const std::string_view close = options_.extended ? "}" : "\\}";
    if (!has(close) || (!least && !comma)) return refuse("what `{` begins is not an interval");
    at_ += close.size();
    if (least.value_or(0) > largest_repeat || most.value_or(0) > largest_repeat) {
      return refuse(fmt::format("a repetition is above {}", largest_repeat));
    }
    if (most && least.value_or(0) > *most) return refuse("the interval ends before it begins");
    repeat(fmt::format("{{{},{}}}", least.value_or(0), most ? std::to_string(*most) : ""));
  }

  void escape() {
    if (at_ == in_.size()) return refuse("a backslash at the end");
    const char c = in_[at_++];
    switch (c) {
      case 'w':
      case 'W':
      case 's':
      case 'S':
        return atom(in_.substr(at_ - 2, 2));
      case 'b':
      case 'B':
        return assertion(in_.substr(at_ - 2, 2));
      case '<':
        return assertion("\\b(?=\\w)");
      case '>':
        return assertion("\\b(?<=\\w)");
      case '`':
        return assertion("\\A");
      case '\'':
        return assertion("\\z");
      default:
        break;
    }
    if (c >= '1' && c <= '9') {
      const auto group = static_cast<std::size_t>(c - '0');
      if (group >= closed_.size() || !closed_[group]) {
        return refuse(fmt::format("`\\{}` refers to a group that is not closed before it", c));
      }
      return atom(fmt::format("\\g{{{}}}", group));
    }
    if (!is_alpha(c)) return literal(c);
    // Measured: a plain letter. If case is ignored, the C library compares it with text in upper
    // case, so a lower-case letter never matches.
    const bool never = options_.caseless && c >= 'a' && c <= 'z';
    made_.warnings.push_back(
        fmt::format("`\\{}` has no meaning in POSIX expressions{}{}", c,
                    never ? " and matches nothing" : fmt::format("; it matches the letter {}", c),
                    c == 'd' ? "; write [0-9], or use pcre:" : ""));
    if (never) return atom("(?:(?!))");
    literal(c);
  }

  // [...]: a backslash is an ordinary character here.

  void bracket() {
    std::string set = "[";
    const bool negated = has("^");
    if (negated) {
      ++at_;
      set += '^';
    }
    bool first = true;
    while (error_.empty() && at_ < in_.size() && (first || in_[at_] != ']')) {
      bracket_item(set, first);
      first = false;
    }
    if (at_ >= in_.size()) return refuse("`[` without `]`");
    ++at_;
    if (negated && options_.multiline) set += "\\n";
    atom(set += ']');
  }

  void bracket_item(std::string& set, bool first) {
    if (has("[:")) return named_class(set);
    const bool stray = in_[at_] == '-' && !first && !has("-]") && !has("--");
    if (stray) return refuse("a range without a beginning");
    const std::optional<char> low = bracket_character();
    if (!low) return;
    set += quoted(*low);
    if (!has("-") || has("-]")) return;
    ++at_;
    if (has("[:") || has("[=")) return refuse("a range ends in a class");
    const std::optional<char> high = bracket_character();
    if (!high) return;
    if (static_cast<unsigned char>(*high) < static_cast<unsigned char>(*low)) {
      return refuse("a range ends before it begins");
    }
    set += '-';
    set += quoted(*high);
  }

  /// A character, [.c.] or [=c=].
  std::optional<char> bracket_character() {
    if (at_ >= in_.size()) {
      refuse("`[` without `]`");
      return std::nullopt;
    }
    if (!has("[.") && !has("[=")) return in_[at_++];
    const std::string close{in_[at_ + 1], ']'};
    if (in_.size() - at_ < 5 || in_.substr(at_ + 3, 2) != close) {
      refuse("a collating element of more than one character is not carried");
      return std::nullopt;
    }
    const char c = in_[at_ + 2];
    at_ += 5;
    return c;
  }

  void named_class(std::string& set) {
    const std::size_t end = in_.find(":]", at_ + 2);
    const std::string_view name =
        end == std::string_view::npos ? std::string_view() : in_.substr(at_ + 2, end - at_ - 2);
    if (std::find(class_names.begin(), class_names.end(), name) == class_names.end()) {
      return refuse(fmt::format("`[:{}:]` is not a class of characters", printable(name, 32)));
    }
    set += fmt::format("[:{}:]", name);
    at_ = end + 2;
  }

  struct Group {
    std::size_t begin;
    std::size_t number;
  };
  std::string_view in_;
  PosixOptions options_;
  std::size_t at_ = 0;
  std::size_t begin_ = 0;  ///< of the token
  PosixRegex made_;
  std::string error_;
  std::size_t atom_ = nothing;  ///< where the atom to repeat begins in the output
  unsigned quantifiers_ = 0;    ///< after that atom
  bool branch_start_ = true;
  std::vector<Group> open_;
  std::size_t groups_ = 0;
  std::vector<bool> closed_{false};
};

}  // namespace

Result<PosixRegex> translate_posix(std::string_view pattern, const PosixOptions& options) {
  return Translator(pattern, options).run();
}

}  // namespace postern::dialect::restrictions
