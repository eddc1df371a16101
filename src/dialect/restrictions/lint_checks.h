// Checks of one list's rules, and of the settings beside the lists. Private to this folder.
#pragma once

#include <string>
#include <vector>

#include "dialect/restrictions/lint.h"
#include "dialect/restrictions/lint_model.h"

namespace postern::dialect::restrictions {

struct ListCheck {
  bool complete = false;
  std::vector<std::size_t> unreachable;
};
ListCheck check_rules(const Policy& policy, const List& list, const Moment& moment,
                      const std::string& parameter, std::vector<Finding>& findings);

/// Networks, destinations, reply codes.
void check_settings(const Policy& policy, const mailauth::SuffixList& suffixes,
                    std::vector<Finding>& findings);

}  // namespace postern::dialect::restrictions
