// The certificate of a comparison: the proof behind its `no`s about restriction lists, as lines of
// JSON, for a checker that knows nothing of how it was found (check_certificate.h; docs/plan.md).
#pragma once

#include <array>
#include <optional>
#include <string>

#include "plan/compile.h"

namespace postern::plan {

struct Comparison;

/// What becomes of a dialogue in both versions, as the leaf of a diagram.
Leaf fates_of(const Outcome& before, const Outcome& after);
/// The leaf where a dialogue is impossible; fates_of() is greater.
inline constexpr Leaf impossible_fates = 0;

/// The lines of the classes.
std::string axes_text(const Classes& classes);

/// The lines of the classes, the questions and the diagram, whose leaves are fates. Keys of tables
/// are in them; secrets and texts of rows are not.
std::string certificate_body(const Vocabulary& vocabulary, const Diagrams& diagrams, Ref fates);

/// The whole certificate: the claims, and the body; a body that is empty says that the lists of
/// both versions are the same. Nullopt: nothing is claimed.
std::optional<std::string> certificate_of(const Comparison& found, const std::string& before_digest,
                                          const std::string& after_digest);

}  // namespace postern::plan
