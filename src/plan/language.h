// Patterns as sets of texts: whether there is a text in which some patterns are found and others
// are not (docs/plan.md, "Patterns"). Thompson's automata, made deterministic as they are walked.
#pragma once

#include <array>
#include <bitset>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "dialect/regex.h"

namespace postern::plan {

/// The texts in which a pattern is found. A text has any octets but NUL, CR and LF, which no key of
/// a look-up has. Immutable; thread-safe.
class Language {
 public:
  /// `perl`: as Regex::compile() takes it. Nullopt: the pattern is not regular (back-references,
  /// look-around, `\b`, possessive quantifiers), has what is not understood here, or is too large.
  static std::optional<Language> of(std::string_view perl, const dialect::RegexOptions& options);

  /// Whether the pattern is found in the text. O(text * pattern).
  bool has(std::string_view text) const;

 private:
  friend class Walk;
  friend class Product;
  using State = std::uint16_t;
  struct Edge {
    enum class Kind : std::uint8_t { octet, both, begin, end, found };
    Kind kind = Kind::octet;
    std::bitset<256> on = {};  ///< for `octet`
    State next = 0;
    State other = 0;  ///< for `both`
  };
  std::vector<Edge> states_;
  State start_ = 0;
  bool anchored_ = false;
  std::array<std::uint8_t, 256> kind_of_ = {};  ///< octets with one number are not told apart
  std::size_t kinds_ = 0;                       ///< of octets

  friend class Maker;
};

/// A text, if there is one.
struct TextFound {
  enum class Status : std::uint8_t { none, found, unknown };
  Status status = Status::unknown;  ///< `unknown`: more states than are looked at
  std::string text = {};            ///< if found: one of the shortest
};

/// A text of all of `in` and none of `out`. Looks at 10,000 states at most (`most`).
TextFound text_of(const std::vector<const Language*>& in, const std::vector<const Language*>& out,
                  std::size_t most = 10'000);

}  // namespace postern::plan
