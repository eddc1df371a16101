// What an edit of `.vsl` rules does (docs/plan.md, "`.vsl` rules").
#pragma once

#include "plan/compare.h"

namespace postern::plan {

/// Whether the rules of both versions are the same.
bool same_vsl(const app::Config& before, const app::Config& after);

/// Compares the rules of both versions, which share all other policies. Adds to `found` what they
/// do: its groups, witnesses, and what is not proved. Blocks until `deadline` at most, and the time
/// of one dialogue. Sends nothing.
void compare_vsl(const Version& before, const Version& after, const CompareOptions& options,
                 const Deadline& deadline, Comparison& found);

}  // namespace postern::plan
