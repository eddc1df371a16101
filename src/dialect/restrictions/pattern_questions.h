// Patterns that are asked instead of matched: for the comparison of policies (src/plan), in which a
// key stands for others that the pattern may or may not match.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>

namespace postern::dialect::restrictions {

/// While it lives, regexp and pcre tables that are looked up on this thread ask it about its keys.
/// Scopes do not nest.
class PatternQuestions {
 public:
  /// A pattern (its kind, flags and text: equal for equal patterns) and a key.
  using Question = std::pair<std::string, std::string>;
  /// Whether the pattern matches the key.
  using Answers = std::map<Question, bool>;
  /// Whether the keys are looked up without capitals, also those that a key stands for.
  enum class Keys : std::uint8_t { as_they_are, folded };

  /// Both outlive this object.
  PatternQuestions(const std::set<std::string, std::less<>>& keys, const Answers& answers,
                   Keys are = Keys::as_they_are);
  PatternQuestions(const PatternQuestions&) = delete;
  PatternQuestions& operator=(const PatternQuestions&) = delete;
  ~PatternQuestions();

  /// That of this thread; null: patterns are matched.
  static PatternQuestions* current();

  /// Whether patterns are asked about this key.
  bool asks_about(std::string_view key) const { return keys_.contains(key); }
  /// Whether `/x/` and `/x/i` are one question.
  bool are_folded() const { return are_ == Keys::folded; }
  /// Nullopt: no answer yet; wanted() is then the first such question.
  std::optional<bool> answer(const std::string& pattern, std::string_view key);
  /// The first question without an answer; nullopt: none.
  const std::optional<Question>& wanted() const { return wanted_; }

 private:
  const std::set<std::string, std::less<>>& keys_;
  const Answers& answers_;
  const Keys are_;
  std::optional<Question> wanted_;
};

}  // namespace postern::dialect::restrictions
