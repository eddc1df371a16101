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
#include <vector>

#include "dialect/regex.h"

namespace postern::dialect::restrictions {

class Table;

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

  /// The references outlive this object. `login`: results with groups are about owners, and are
  /// asked whether they name this login; empty: they are not asked.
  PatternQuestions(const std::set<std::string, std::less<>>& keys, const Answers& answers,
                   Keys are = Keys::as_they_are, std::string login = {});
  PatternQuestions(const PatternQuestions&) = delete;
  PatternQuestions& operator=(const PatternQuestions&) = delete;
  ~PatternQuestions();

  /// That of this thread; null: patterns are matched.
  static PatternQuestions* current();

  /// Whether patterns are asked about this key.
  bool asks_about(std::string_view key) const { return keys_.contains(key); }
  /// Whether a result with groups for this key is asked for its owner: the key or the login stands
  /// for others.
  bool asks_owner(std::string_view key) const {
    return !login_.empty() && (asks_about(key) || asks_about(login_));
  }
  /// The login that such a result may name.
  const std::string& owner() const { return login_; }
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
  const std::string login_;
  std::optional<Question> wanted_;
};

/// The beginning of a question for an owner.
inline constexpr std::string_view owner_question = "owner ";
/// What a question asks about the key.
struct AskedPattern {
  std::string perl;      ///< as dialect::Regex::compile() takes it
  RegexOptions options;  ///< its options
};
/// Nullopt: the question is not whether a pattern is found.
std::optional<AskedPattern> asked_pattern(const std::string& question);

/// The results without groups of a table of patterns; nullopt: it is none.
std::optional<std::vector<std::string>> plain_results(const Table& table);

}  // namespace postern::dialect::restrictions
