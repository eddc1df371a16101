#include "script/lua_pattern.h"

#include <algorithm>
#include <cstdio>
#include <cstring>
#include <type_traits>

#include "base/text.h"

namespace postern::script {
namespace {

static_assert(std::is_trivially_destructible_v<PatternMatcher>);

/// One repeated character costs one quarter, one state of the match four.
constexpr std::uint64_t quarters_per_step = 4;

bool is_punctuation(char c) { return is_printable_ascii(c) && c != ' ' && !is_alnum(c); }
bool is_control(char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; }
bool is_lua_space(char c) { return is_space(c) || c == '\v' || c == '\f'; }

/// Whether `c` is in the class of `letter` after a `%`: %a, %d, ... and their complements %A, %D,
/// ...; any other letter matches itself. ASCII in every locale.
bool class_matches(char c, char letter) {
  bool in_class = false;
  switch (to_lower(letter)) {
    case 'a':
      in_class = is_alpha(c);
      break;
    case 'c':
      in_class = is_control(c);
      break;
    case 'd':
      in_class = is_digit(c);
      break;
    case 'g':
      in_class = is_printable_ascii(c) && c != ' ';
      break;
    case 'l':
      in_class = c >= 'a' && c <= 'z';
      break;
    case 'p':
      in_class = is_punctuation(c);
      break;
    case 's':
      in_class = is_lua_space(c);
      break;
    case 'u':
      in_class = c >= 'A' && c <= 'Z';
      break;
    case 'w':
      in_class = is_alnum(c);
      break;
    case 'x':
      in_class = hex_value(c).has_value();
      break;
    case 'z':  // from Lua 5.1; no longer documented, but still supported
      in_class = c == '\0';
      break;
    default:
      return letter == c;
  }
  const bool complement = letter >= 'A' && letter <= 'Z';
  return in_class != complement;
}

}  // namespace

std::uint64_t PatternMatcher::take_steps() {
  const std::uint64_t steps = work_ / quarters_per_step;
  work_ -= steps * quarters_per_step;
  begun_ -= steps * quarters_per_step;  // may wrap: only the difference counts
  return steps;
}

bool PatternMatcher::fail(const char* text, int number) {
  // `text` is one of the formats below, with at most one number.
  std::snprintf(error_.data(), error_.size(), text, number);
  broken_ = true;
  return false;
}

bool PatternMatcher::exhausted() {
  if (work_ - begun_ > max_steps * quarters_per_step) fail("pattern too complex");
  return broken_;
}

PatternMatcher::Outcome PatternMatcher::match_at(std::size_t start) {
  begin_at(start);
  Outcome outcome = Outcome::unfinished;
  while (outcome == Outcome::unfinished) outcome = go_on();
  return outcome;
}

void PatternMatcher::begin_at(std::size_t start) {
  at_ = start;
  next_ = 0;
  captures_used_ = 0;
  choices_used_ = 0;
  broken_ = false;
  begun_ = work_;
}

PatternMatcher::Outcome PatternMatcher::go_on() {
  const std::uint64_t until = work_ + steps_at_once * quarters_per_step;
  while (next_ < pattern_.size()) {
    if (work_ > until) return Outcome::unfinished;
    work_ += quarters_per_step;
    if (exhausted()) return Outcome::error;
    if (step()) continue;
    while (!broken_ && !go_back()) {
      if (choices_used_ == 0) return Outcome::no_match;
    }
  }
  return broken_ ? Outcome::error : Outcome::match;
}

/// Matches the next item of the pattern and advances.
bool PatternMatcher::step() {
  switch (pattern_[next_]) {
    case '(':
      return open_capture();
    case ')':
      return close_capture();
    case '$':
      if (next_ + 1 != pattern_.size()) return single_item();
      ++next_;
      return at_ == subject_.size();
    case '%':
      return escape();
    default:
      return single_item();
  }
}

bool PatternMatcher::escape() {
  const char what = next_ + 1 < pattern_.size() ? pattern_[next_ + 1] : '\0';
  if (what == 'b') return balance();
  if (what == 'f') return frontier();
  if (is_digit(what)) return back_reference();
  return single_item();
}

/// Matches a single character with its suffix, if any.
bool PatternMatcher::single_item() {
  const std::size_t item = next_;
  const std::size_t end = item_end(item);
  if (broken_) return false;
  const char suffix = end < pattern_.size() ? pattern_[end] : '\0';
  switch (suffix) {
    case '*':
      return greedy(item, end, at_);
    case '+':
      if (!single_matches(at_, item, end)) return false;
      return greedy(item, end, at_ + 1);
    case '-':
      next_ = end + 1;
      return push({.kind = Kind::lazy, .subject = at_, .item = item, .pattern = next_});
    case '?':
      next_ = end + 1;
      if (!single_matches(at_, item, end)) return true;
      ++at_;
      return push({.kind = Kind::optional, .subject = at_ - 1, .pattern = next_});
    default:
      next_ = end;
      if (!single_matches(at_, item, end)) return false;
      ++at_;
      return true;
  }
}

/// As many as possible; fewer if the rest does not match. `least`: the end of the shortest
/// repetition.
bool PatternMatcher::greedy(std::size_t item, std::size_t after, std::size_t least) {
  at_ = least;
  while (!exhausted() && single_matches(at_, item, after)) ++at_;
  if (broken_) return false;
  next_ = after + 1;
  if (at_ == least) return true;
  return push({.kind = Kind::greedy, .subject = at_, .least = least, .pattern = next_});
}

bool PatternMatcher::push(const Choice& choice) {
  if (choices_used_ == max_choices) return fail("pattern too complex");
  choices_[static_cast<std::size_t>(choices_used_++)] = choice;
  return true;
}

/// Takes the alternative of the last entry. False: it had none and is removed.
bool PatternMatcher::go_back() {
  if (choices_used_ == 0) return false;
  work_ += quarters_per_step;
  Choice& last = choices_[static_cast<std::size_t>(choices_used_ - 1)];
  next_ = last.pattern;
  switch (last.kind) {
    case Kind::greedy:
      at_ = --last.subject;
      if (at_ == last.least) --choices_used_;
      return true;
    case Kind::lazy:
      if (single_matches(last.subject, last.item, last.pattern - 1)) {
        at_ = ++last.subject;
        return true;
      }
      break;
    case Kind::optional:
      at_ = last.subject;
      --choices_used_;
      return true;
    case Kind::opened:
      --captures_used_;
      break;
    case Kind::closed:
      captures_[static_cast<std::size_t>(last.capture)].length = Capture::open;
      break;
  }
  --choices_used_;
  return false;
}

bool PatternMatcher::open_capture() {
  const bool position = next_ + 1 < pattern_.size() && pattern_[next_ + 1] == ')';
  if (captures_used_ == max_captures) return fail("too many captures");
  captures_[static_cast<std::size_t>(captures_used_++)] = {
      .begin = at_, .length = position ? Capture::position : Capture::open};
  next_ += position ? 2 : 1;
  return push({.kind = Kind::opened});
}

bool PatternMatcher::close_capture() {
  int open = captures_used_ - 1;
  while (open >= 0 && !capture(open).is_open()) --open;
  if (open < 0) return fail("invalid pattern capture");
  Capture& closed = captures_[static_cast<std::size_t>(open)];
  closed.length = at_ - closed.begin;
  ++next_;
  return push({.kind = Kind::closed, .capture = open});
}

/// `%1`: the text of an earlier capture.
bool PatternMatcher::back_reference() {
  const int index = pattern_[next_ + 1] - '1';
  if (index < 0 || index >= captures_used_ || capture(index).is_open())
    return fail("invalid capture index %%%d", index + 1);
  next_ += 2;
  // A position capture has no text.
  if (capture(index).is_position()) return false;
  const std::string_view text = subject_.substr(capture(index).begin, capture(index).length);
  if (subject_.size() - at_ < text.size()) return false;
  work_ += text.size() / 4;
  if (subject_.substr(at_, text.size()) != text) return false;
  at_ += text.size();
  return true;
}

/// `%bxy`: from an x to its matching y.
bool PatternMatcher::balance() {
  if (next_ + 3 >= pattern_.size()) return fail("malformed pattern (missing arguments to '%%b')");
  const char opening = pattern_[next_ + 2];
  const char closing = pattern_[next_ + 3];
  next_ += 4;
  if (at_ == subject_.size() || subject_[at_] != opening) return false;
  const std::size_t begin = at_;
  std::size_t depth = 1;
  std::size_t i = begin + 1;
  for (; i < subject_.size() && depth > 0; ++i) {
    // If both characters are the same, it closes.
    if (subject_[i] == closing) {
      --depth;
    } else if (subject_[i] == opening) {
      ++depth;
    }
  }
  work_ += i - begin;
  if (depth > 0) return false;
  at_ = i;
  return true;
}

/// `%f[set]`: the position where characters of the set begin. Outside the subject, the character is
/// NUL.
bool PatternMatcher::frontier() {
  const std::size_t set = next_ + 2;
  if (set >= pattern_.size() || pattern_[set] != '[')
    return fail("missing '[' after '%%f' in pattern");
  const std::size_t end = item_end(set);
  if (broken_) return false;
  next_ = end;
  const unsigned char before = at_ == 0 ? '\0' : subject_octet(at_ - 1);
  const unsigned char here = at_ == subject_.size() ? '\0' : subject_octet(at_);
  return !set_matches(before, set, end - 1) && set_matches(here, set, end - 1);
}

/// The offset after the single-character item at `item`: x, %x, or a set.
std::size_t PatternMatcher::item_end(std::size_t item) {
  std::size_t i = item + 1;
  if (pattern_[item] == '%') {
    if (i == pattern_.size()) fail("malformed pattern (ends with '%%')");
    return i + 1;
  }
  if (pattern_[item] != '[') return i;
  if (i < pattern_.size() && pattern_[i] == '^') ++i;
  // A leading bracket is a member of the set.
  for (bool first = true; i < pattern_.size() && (first || pattern_[i] != ']'); first = false) {
    i += pattern_[i] == '%' ? 2 : 1;
  }
  work_ += std::min(i, pattern_.size()) - item;
  if (i >= pattern_.size()) fail("malformed pattern (missing ']')");
  return i + 1;
}

/// Whether the subject has a character at `subject` that `item` matches.
bool PatternMatcher::single_matches(std::size_t subject, std::size_t item, std::size_t end) {
  ++work_;
  if (subject >= subject_.size()) return false;
  const char c = subject_[subject];
  switch (pattern_[item]) {
    case '.':
      return true;
    case '%':
      return class_matches(c, pattern_[item + 1]);
    case '[':
      return set_matches(subject_octet(subject), item, end - 1);
    default:
      return pattern_[item] == c;
  }
}

/// Whether `c` is in the set whose brackets are at `open` and `close`.
bool PatternMatcher::set_matches(unsigned char c, std::size_t open, std::size_t close) {
  std::size_t i = open + 1;
  const bool complement = pattern_[i] == '^';
  if (complement) ++i;
  const std::size_t begin = i;
  bool member = false;
  while (i < close && !member) {
    if (pattern_[i] == '%') {
      member = class_matches(static_cast<char>(c), pattern_[i + 1]);
      i += 2;
    } else if (pattern_[i + 1] == '-' && i + 2 < close) {
      member = pattern_octet(i) <= c && c <= pattern_octet(i + 2);
      i += 3;
    } else {
      member = pattern_octet(i) == c;
      ++i;
    }
  }
  work_ += i - begin;
  return member != complement;
}

}  // namespace postern::script
