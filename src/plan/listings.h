// What DNS may answer; of its lists, as far as the filters of rules tell answers apart.
#pragma once

#include <string>
#include <vector>

#include "plan/compile.h"
#include "policy/dns_list.h"

namespace postern::plan {

/// These records, no such name, and no answer.
dns::Answer found(std::vector<std::string> records);
dns::Answer missing();
dns::Answer failed();

/// The sets of records that the filters of a zone tell apart (RFC 5782 §2.1), *not listed* first
/// and *no answer* last. `zones`: the lists in DNS of all versions. Throws NotCompiled: they are
/// too many.
std::vector<PossibleAnswer> listings(const std::vector<policy::DnsList>& zones,
                                     const std::string& zone);

}  // namespace postern::plan
