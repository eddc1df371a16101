// Edits of restriction lists that judge one dialogue otherwise, each with what else it changes,
// proved (docs/plan.md, "Suggestions").
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include <boost/json/object.hpp>

#include "explain/play.h"
#include "plan/edit.h"
#include "plan/list_edit.h"
#include "policy/trace.h"

namespace postern::plan {

/// A dialogue that is judged wrongly.
struct Complaint {
  std::string name;              ///< for people
  app::Dialogue dialogue;        ///< with one recipient
  bool should_be_taken = false;  ///< else it should be refused
};

/// What is known of an edit that judges the dialogue as it should be.
struct Suggestion {
  ListEdit edit;
  Report report;        ///< of the edit against what there is
  std::string refused;  ///< why it is not suggested; empty: it is
  std::string example;  ///< a dialogue that shows it, one line; may be empty
};

/// The answer to one complaint.
struct Suggestions {
  Side got;                         ///< what is decided now
  bool is_wrong = true;             ///< false: it is judged as it should be
  std::vector<Suggestion> found;    ///< in the order in which they are tried
  std::vector<Suggestion> refused;  ///< those that do more than they should
};

/// What only the caller can do.
struct SuggestTools {
  /// The version with this edit; nullopt: it does not load.
  std::function<std::optional<Edition>(const ListEdit&)> edited;
  /// Plays the dialogue of the complaint.
  std::function<policy::Trace(const Edition&)> play;
};

/// Tries the edits of docs/plan.md, "Suggestions". Each that is found was played, and proved to
/// take nothing away (or to let nothing in) and to break no guardrail. Blocks for the budget of
/// `options`, once for each edit.
Suggestions suggest(const Edition& now, const Complaint& complaint, const SuggestTools& tools,
                    const EditOptions& options);

/// As JSON.
boost::json::object suggestions_json(const Complaint& complaint, const Suggestions& found);
/// For people; lines end in LF.
std::string suggestions_text(const Complaint& complaint, const Suggestions& found);

}  // namespace postern::plan
