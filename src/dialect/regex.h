// Compiled regular expressions (PCRE2) with bounded matching time.
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

namespace postern::dialect {

/// Options of PCRE2.
struct RegexOptions {
  bool caseless = true;          ///< PCRE2_CASELESS
  bool multiline = false;        ///< PCRE2_MULTILINE
  bool dot_all = true;           ///< PCRE2_DOTALL
  bool extended = false;         ///< PCRE2_EXTENDED
  bool anchored = false;         ///< PCRE2_ANCHORED
  bool dollar_end_only = false;  ///< PCRE2_DOLLAR_ENDONLY
  bool ungreedy = false;         ///< PCRE2_UNGREEDY
  /// Valid UTF-8 in subjects is read as characters, and classes know Unicode. For search().
  bool unicode = false;
  bool operator==(const RegexOptions&) const = default;
};

/// A compiled pattern. Immutable; thread-safe.
class Regex {
 public:
  /// `failed`: a limit was reached.
  enum class Outcome : std::uint8_t { no, yes, failed };

  /// Fault::malformed, "at octet N: what".
  static Result<Regex> compile(std::string_view pattern, const RegexOptions& options);

  /// Searches the subject. `failed` after about 20 million steps.
  Outcome match(std::string_view subject) const;
  /// Octets of a subject of search() at most.
  static constexpr std::size_t longest_search = 1u << 20;
  /// The first match that begins at `from` or later; look-behinds see what precedes `from`.
  /// `failed` a fraction of a second after `until`. Only with RegexOptions::unicode.
  Outcome search(std::string_view subject, std::size_t from,
                 std::chrono::steady_clock::time_point until) const;
  /// Begin and end of a group in this thread's last match that was `yes`; nullopt: the group did
  /// not take part.
  static std::optional<std::pair<std::size_t, std::size_t>> bounds(std::string_view subject,
                                                                   unsigned number);
  /// The named groups and their numbers.
  std::vector<std::pair<std::string, unsigned>> names() const;

  /// Text of a group in this thread's last match that was `yes`; "" if it did not take part.
  static std::string_view group(std::string_view subject, unsigned number);
  /// Number of groups.
  unsigned groups() const { return groups_; }
  /// Octets of the compiled pattern.
  std::size_t memory() const { return memory_; }

 private:
  struct Free {
    void operator()(void* code) const;
  };
  std::unique_ptr<void, Free> code_;
  unsigned groups_ = 0;
  std::size_t memory_ = 0;
  bool is_native_ = false;  ///< code for the processor, for match()
};

}  // namespace postern::dialect
