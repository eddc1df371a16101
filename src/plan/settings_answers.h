// Answers of policy servers and rows of tables that permit or refuse by parameters.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace postern::plan {

/// The keywords and restriction classes that another program may answer with, and that may judge
/// one dialogue differently in two versions of lists; those that permit with `reject` behind them,
/// those that refuse with `permit`, so that it shows what they do, whatever stands behind in the
/// list. What others permit or refuse is the same in both, so that answers which always permit or
/// refuse show all that they may do. Both texts are Loaded::definition.
std::vector<std::string> answers_by_settings(std::string_view before, std::string_view after);

}  // namespace postern::plan
