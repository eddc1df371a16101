// A compiled regular expression (PCRE2) whose matching is bounded.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/error.h"

namespace postern::dialect::restrictions {

struct RegexOptions {
  bool caseless = true;
  bool multiline = false;
  bool dot_all = true;
  bool extended = false;
  bool anchored = false;
  bool dollar_end_only = false;
  bool ungreedy = false;
  /// Subjects are characters where they are UTF-8, classes know Unicode; for search().
  bool unicode = false;
  bool operator==(const RegexOptions&) const = default;
};

class Regex {
 public:
  enum class Outcome : std::uint8_t { no, yes, failed };

  /// Fault::malformed, "at octet N: what".
  static Result<Regex> compile(std::string_view pattern, const RegexOptions& options);

  /// Bounded: about twenty million steps whatever the pattern and the subject; beyond them
  /// `failed`.
  Outcome match(std::string_view subject) const;
  /// The longest subject of search().
  static constexpr std::size_t longest_search = 1u << 20;
  /// The first match that begins at `from` or behind it; what is in front of `from` is seen by
  /// look-behinds. `failed` when `until` is over, after a fraction of a second more. Only for
  /// RegexOptions::unicode.
  Outcome search(std::string_view subject, std::size_t from,
                 std::chrono::steady_clock::time_point until) const;
  /// Where a group of this thread's last match that was `yes` begins and ends; nullopt: it took no
  /// part.
  static std::optional<std::pair<std::size_t, std::size_t>> bounds(std::string_view subject,
                                                                   unsigned number);
  /// The groups that have names, with their numbers.
  std::vector<std::pair<std::string, unsigned>> names() const;

  /// Of this thread's last match that was `yes`; "" for a group that took no part.
  static std::string_view group(std::string_view subject, unsigned number);
  unsigned groups() const { return groups_; }
  std::size_t memory() const { return memory_; }

 private:
  struct Free {
    void operator()(void* code) const;
  };
  std::unique_ptr<void, Free> code_;
  unsigned groups_ = 0;
  std::size_t memory_ = 0;
};

}  // namespace postern::dialect::restrictions
