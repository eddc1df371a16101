// Why mail was refused, in the words of a chart and of a list.
#pragma once

#include <string_view>

namespace postern::admin {

/// A few words for a rule: "Source address not allowed"; of a rule that a script named, its name.
/// `enhanced`: the reply's enhanced code, "" when there was none. The view is of static text or of
/// `rule`.
std::string_view reason_words(std::string_view layer, std::string_view rule,
                              std::string_view enhanced);

}  // namespace postern::admin
