// Short descriptions of refusals for charts and lists.
#pragma once

#include <string_view>

namespace postern::admin {

/// Describes a rule: "Source address not allowed"; a rule named by a script has its own name.
/// `enhanced`: the reply's enhanced code, "" if none. The result is static or refers to `rule`.
std::string_view reason_words(std::string_view layer, std::string_view rule,
                              std::string_view enhanced);

}  // namespace postern::admin
