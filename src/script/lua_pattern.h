// Lua patterns (reference manual §6.4.1) with a bound: the same answers as Lua's own matcher, which
// can run for ever inside one C call, where no hook of the virtual machine sees it.
//
// A pattern has no groups that repeat, so what a match may have to come back to is a short list: at
// most one entry for each item with a suffix and each parenthesis. It is kept here; nothing
// recurses.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace postern::script {

/// One subject and one pattern. Trivially destructible: a Lua error may jump over it.
class PatternMatcher {
 public:
  static constexpr int max_captures = 32;
  /// Places to come back to; more is "pattern too complex", as in Lua.
  static constexpr int max_choices = 200;
  /// Of one attempt at one position; more is "pattern too complex".
  static constexpr std::uint64_t max_steps = 1'000'000;

  /// Of one go_on(); about.
  static constexpr std::uint64_t steps_at_once = 10'000;

  enum class Outcome : std::uint8_t { no_match, match, error, unfinished };

  /// Octets of the subject. `length` may be one of the two marks.
  struct Capture {
    std::size_t begin;
    std::size_t length;
    bool is_position() const { return length == position; }
    bool is_open() const { return length == open; }
    static constexpr std::size_t position = SIZE_MAX;  ///< `()`: `begin` itself is the capture
    static constexpr std::size_t open = SIZE_MAX - 1;  ///< its parenthesis was never closed
  };

  /// Both texts outlive the matcher. `pattern` is without the anchor: a `^` in front is a
  /// character.
  PatternMatcher(std::string_view subject, std::string_view pattern)
      : subject_(subject), pattern_(pattern) {}

  /// Whether the pattern matches what begins at `start` (0..size). Mistakes of the pattern show
  /// when the match comes to them, as in Lua.
  Outcome match_at(std::size_t start);
  /// The same a piece at a time: go_on() until it is not `unfinished`. In between the matcher can
  /// be copied.
  void begin_at(std::size_t start);
  Outcome go_on();

  /// Of the last match: where it ends, and its captures.
  std::size_t end() const { return at_; }
  int captures() const { return captures_used_; }
  const Capture& capture(int index) const { return captures_[static_cast<std::size_t>(index)]; }

  /// Lua's words for what is wrong, after Outcome::error.
  const char* error() const { return error_.data(); }
  /// The work since the last call, in steps, which take about as long as an instruction.
  std::uint64_t take_steps();

 private:
  enum class Kind : std::uint8_t { greedy, lazy, optional, opened, closed };
  /// Something to come back to when what follows does not match.
  struct Choice {
    Kind kind;
    int capture;          ///< closed: which
    std::size_t subject;  ///< where to go on
    std::size_t least;    ///< greedy: the shortest repetition ends here
    std::size_t item;     ///< lazy: the single character's item in the pattern
    std::size_t pattern;  ///< what follows the item's suffix
  };

  bool step();
  bool single_item();
  bool go_back();
  bool escape();
  bool balance();
  bool frontier();
  bool back_reference();
  bool open_capture();
  bool close_capture();
  bool greedy(std::size_t item, std::size_t after, std::size_t least);
  bool push(const Choice& choice);
  std::size_t item_end(std::size_t item);
  bool single_matches(std::size_t subject, std::size_t item, std::size_t end);
  bool set_matches(unsigned char c, std::size_t open, std::size_t close);
  bool exhausted();
  bool fail(const char* text, int number = 0);

  unsigned char subject_octet(std::size_t i) const {
    return static_cast<unsigned char>(subject_[i]);
  }
  unsigned char pattern_octet(std::size_t i) const {
    return static_cast<unsigned char>(pattern_[i]);
  }

  std::string_view subject_;
  std::string_view pattern_;
  std::size_t at_ = 0;    ///< in the subject
  std::size_t next_ = 0;  ///< in the pattern
  int captures_used_ = 0;
  int choices_used_ = 0;
  bool broken_ = false;
  std::uint64_t work_ = 0;   ///< quarters of steps
  std::uint64_t begun_ = 0;  ///< `work_` when the attempt began
  std::array<Capture, max_captures> captures_;
  std::array<Choice, max_choices> choices_;
  std::array<char, 64> error_;
};

}  // namespace postern::script
