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
  /// How the keys are looked up, also those that a key stands for.
  enum class Keys : std::uint8_t {
    as_they_are,  ///< addresses as they were written, all others without capitals
    folded,       ///< without capitals
    logins,       ///< as they were written
  };

  /// The references outlive this object. `login`: results with groups are about owners, and are
  /// asked whether they name this login; empty: they are not asked.
  PatternQuestions(const std::set<std::string, std::less<>>& keys, const Answers& answers,
                   Keys are = Keys::as_they_are, std::string login = {});
  PatternQuestions(const PatternQuestions&) = delete;
  PatternQuestions& operator=(const PatternQuestions&) = delete;
  ~PatternQuestions();

  /// That of this thread; null: patterns are matched.
  static PatternQuestions* current();

  /// Whether a pattern is asked about this key. `is_blind`: case means nothing to it. A key that
  /// stands for no other one stands for its spellings.
  bool asks_about(std::string_view key, bool is_blind) const {
    return keys_.contains(key) || (!is_blind && sees_case(key));
  }
  /// Whether capitals may come in the place of the letters of this key.
  bool sees_case(std::string_view key) const {
    const std::size_t at = key.find('@');
    return are_ == Keys::logins ||
           (are_ == Keys::as_they_are && at != 0 && at != std::string_view::npos);
  }
  /// Whether a result with groups is asked for its owner: the key, about which a pattern
  /// `is_asked`, or the login stands for others.
  bool asks_owner(bool is_asked) const {
    return !login_.empty() && (is_asked || keys_.contains(login_));
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

/// The beginning of a question about a key as it was written.
inline constexpr std::string_view written_question = "written ";
/// The beginning of a question for an owner.
inline constexpr std::string_view owner_question = "owner ";
/// What a question asks about the key.
struct AskedPattern {
  std::string perl;      ///< as dialect::Regex::compile() takes it
  RegexOptions options;  ///< its options
};
/// `question`: with or without written_question. Nullopt: it is not whether a pattern is found.
std::optional<AskedPattern> asked_pattern(const std::string& question);

/// The results without groups of a table of patterns; nullopt: it is none.
std::optional<std::vector<std::string>> plain_results(const Table& table);

}  // namespace postern::dialect::restrictions
