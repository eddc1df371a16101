// The question of a comparison for another solver, as SMT-LIB 2.6. It is stated from the rows of
// the tables and the order of look-ups; no class and no diagram takes part, so that a fault in
// these shows as another answer (docs/plan.md, "Another solver").
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "plan/edit.h"

namespace postern::plan {

/// One question: "sat" if there is such a dialogue, "unsat" if there is none.
struct SmtQuestion {
  Group group = Group::ours;                                ///< of the recipients
  DifferenceKind direction = DifferenceKind::refuses_more;  ///< or accepts_more
  std::string text;                                         ///< the script
};
/// A group that cannot be stated.
struct SmtGap {
  Group group = Group::ours;  ///< of the recipients
  std::string why;            ///< all that the form does not have, with "; " between
};
/// All questions about an edit.
struct SmtQuestions {
  std::vector<SmtQuestion> asked;  ///< two for each group
  std::vector<SmtGap> left_out;    ///< the other groups
};

/// Tables with more rows are left out.
inline constexpr std::size_t most_smt_rows = 50;
/// The questions about the restriction lists of both versions; `only`: of one group.
SmtQuestions smt_questions(const Edition& before, const Edition& after, std::optional<Group> only);

}  // namespace postern::plan
