// Texts that a pattern is likely to match: candidates for a dialogue, never a proof.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace postern::plan {

/// Some texts in which the pattern may be found, the shortest first; at most 16, of at most
/// 1,024 octets. Understands what
/// POSIX and Perl patterns have in common; what it does not know it takes as it stands. A candidate
/// is worth nothing until it was played.
std::vector<std::string> samples_of(std::string_view pattern);

}  // namespace postern::plan
