// The answer of one rule, as a trace keeps it.
#pragma once

#include <string>
#include <string_view>

#include "policy/verdict.h"

namespace postern::policy {

/// The answer of one rule. Passing rules are kept too, for explanations.
struct Step {
  Stage stage = Stage::connect;  ///< where it was asked
  std::string_view layer;        ///< static: "webhook", "gateway"
  std::string_view check;        ///< static, from the catalogue
  std::string origin;            ///< Rule::origin
  Verdict verdict;               ///< with reply and detail
  bool enforced = true;          ///< false: of a shadow layer
  std::string spent;  ///< cost of a script's call: "85 us, 2000 instructions, 1 host call"
  std::string key;    ///< that the rule's table has: "example.org"; empty: it has none of them
};

}  // namespace postern::policy
