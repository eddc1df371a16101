// A compiled regular expression (PCRE2) whose matching is bounded.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>

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
