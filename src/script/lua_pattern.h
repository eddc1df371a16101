// Lua patterns (reference manual §6.4.1) with bounded work: the same results as Lua's matcher,
// which can run without end inside one C call, where the VM's hook is not called.
//
// A pattern has no repeated groups, so backtracking needs at most one entry for each item with a
// suffix and each parenthesis. The entries are kept in an array; nothing recurses.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace postern::script {

/// Matches one subject against one pattern. Trivially destructible: a Lua error may skip it.
class PatternMatcher {
 public:
  /// As in Lua.
  static constexpr int max_captures = 32;
  /// Backtracking entries; more is "pattern too complex", as in Lua.
  static constexpr int max_choices = 200;
  /// Steps of one attempt at one position; more is "pattern too complex".
  static constexpr std::uint64_t max_steps = 1'000'000;

  /// Steps of one go_on(), approximately.
  static constexpr std::uint64_t steps_at_once = 10'000;

  /// `unfinished`: go_on() must be called again.
  enum class Outcome : std::uint8_t { no_match, match, error, unfinished };

  /// A range of the subject. `length` may be one of the two marks.
  struct Capture {
    std::size_t begin;   ///< offset in octets
    std::size_t length;  ///< octets, or a mark
    /// A position capture `()`.
    bool is_position() const { return length == position; }
    /// A capture without its closing parenthesis.
    bool is_open() const { return length == open; }
    static constexpr std::size_t position = SIZE_MAX;  ///< `()`: `begin` itself is the capture
    static constexpr std::size_t open = SIZE_MAX - 1;  ///< the parenthesis was not closed
  };

  /// Both texts outlive the matcher. `pattern` has no anchor: a leading `^` is a normal character.
  PatternMatcher(std::string_view subject, std::string_view pattern)
      : subject_(subject), pattern_(pattern) {}

  /// Matches at offset `start` (0..size). As in Lua, errors of the pattern show when the match
  /// reaches them.
  Outcome match_at(std::size_t start);
  /// The same in pieces: call go_on() until it does not return `unfinished`. In between, the
  /// matcher may be copied.
  void begin_at(std::size_t start);
  /// Continues begin_at().
  Outcome go_on();

  /// Where the last match ends, as an offset in the subject.
  std::size_t end() const { return at_; }
  /// Number of captures of the last match.
  int captures() const { return captures_used_; }
  /// A capture of the last match, from 0.
  const Capture& capture(int index) const { return captures_[static_cast<std::size_t>(index)]; }

  /// Lua's error text after Outcome::error.
  const char* error() const { return error_.data(); }
  /// Work since the last call, in steps of about one instruction.
  std::uint64_t take_steps();

 private:
  enum class Kind : std::uint8_t { greedy, lazy, optional, opened, closed };
  /// A backtracking entry: what to try if the rest does not match.
  struct Choice {
    Kind kind;
    int capture;          ///< closed: its index
    std::size_t subject;  ///< offset to continue at
    std::size_t least;    ///< greedy: the end of the shortest repetition
    std::size_t item;     ///< lazy: the repeated item's offset in the pattern
    std::size_t pattern;  ///< offset after the item's suffix
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
  std::uint64_t work_ = 0;   ///< in quarters of a step
  std::uint64_t begun_ = 0;  ///< `work_` at the start of the attempt
  std::array<Capture, max_captures> captures_;
  std::array<Choice, max_choices> choices_;
  std::array<char, 64> error_;
};

}  // namespace postern::script
