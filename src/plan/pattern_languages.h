// What is known of the patterns of tables and the texts of classes (docs/plan.md, "Patterns").
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <tuple>
#include <utility>
#include <vector>

#include "plan/classes.h"
#include "plan/language.h"

namespace postern::plan {

/// The patterns of one comparison, by their questions (PatternQuestions). Not thread-safe.
class PatternLanguages {
 public:
  /// `classes` outlives this object.
  explicit PatternLanguages(const Classes& classes) : classes_(classes) {}

  /// What the pattern says of each such text of this class; nullopt: not of all the same, it is not
  /// regular, or 20,000 such questions were answered.
  std::optional<bool> answer(const std::string& pattern, const DialogueText& text,
                             std::size_t value);

  /// The same of all texts that a pattern matches as a whole, in lower case.
  std::optional<bool> answer_among(const std::string& pattern, const std::string& texts);

  /// is_blind_to_quotes() of the pattern, remembered.
  bool is_blind(const std::string& pattern);

  /// A pattern, and whether it has to be found.
  using Wanted = std::pair<std::string, bool>;
  /// A text of the class. `can_be_said`: an address or a name in a usual form. Patterns that are
  /// not regular are left out.
  TextFound text(const DialogueText& text, std::size_t value, const std::vector<Wanted>& wanted,
                 bool can_be_said);
  /// Whether any text is as wanted. True also where it is not known.
  bool may_be(const std::vector<Wanted>& wanted);

 private:
  const Language* of(const std::string& pattern);
  /// Adds the languages of patterns that are regular, by whether they have to be found.
  void add(const std::vector<Wanted>& wanted, std::vector<const Language*>& in,
           std::vector<const Language*>& out);
  const Language* of_class(const DialogueText& text, std::size_t value);
  const Language* of_texts(const std::string& pattern);

  const Classes& classes_;
  std::map<std::string, std::optional<Language>, std::less<>> by_pattern_;
  std::map<std::string, std::optional<Language>> by_class_;
  std::map<std::string, bool, std::less<>> blind_;  ///< is_blind_to_quotes()
  std::map<std::tuple<const Language*, const Language*>, std::optional<bool>> answers_;
};

/// Whether the pattern is found in an address that has quotes if it is found in it without them.
/// True for literals and alternatives of literals, `@` in front of them and `$` behind; false also
/// where it is not certain.
bool is_blind_to_quotes(const std::string& question);

/// Whether a search for the pattern may take more steps than dialect::Regex allows, by its form:
/// repetitions in repetitions, or three without a bound. `question`: of a pattern table.
bool may_give_up(const std::string& question);

}  // namespace postern::plan
