// Checks of the rules of one list, and of other settings. Private to this folder.
#pragma once

#include <string>
#include <vector>

#include "dialect/restrictions/lint.h"
#include "dialect/restrictions/lint_model.h"

namespace postern::dialect::restrictions {

/// Result of check_rules().
struct ListCheck {
  bool complete = false;                 ///< decides every request
  std::vector<std::size_t> unreachable;  ///< indexes of rules
};
/// Checks one list; appends to `findings`.
ListCheck check_rules(const ListPolicy& policy, const List& list, const Moment& moment,
                      const std::string& parameter, std::vector<Finding>& findings);

/// Checks networks, destinations and reply codes; appends to `findings`.
void check_settings(const ListPolicy& policy, const mailauth::SuffixList& suffixes,
                    std::vector<Finding>& findings);

}  // namespace postern::dialect::restrictions
