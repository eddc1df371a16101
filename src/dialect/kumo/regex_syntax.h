// KumoMTA's regular expressions are those of Rust's fancy_regex; Postern uses PCRE2. Where the same
// pattern would mean something else, it is translated.
#pragma once

#include <string>
#include <string_view>

#include "dialect/regex.h"

namespace postern::dialect::kumo {

/// Translates a pattern of fancy_regex into PCRE2's syntax. Throws a sentence about a construct
/// that PCRE2 lacks and would silently read as something else.
std::string as_pcre(std::string_view pattern);
/// The compiled pattern. Throws a sentence about one that is wrong.
Regex compiled(std::string_view pattern);

}  // namespace postern::dialect::kumo
