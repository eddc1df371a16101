// KumoMTA's regular expressions are those of Rust's fancy_regex, ours PCRE2's: where the same
// letters mean something else, the pattern is written anew.
#pragma once

#include <string>
#include <string_view>

namespace postern::dialect::kumo {

/// A pattern of fancy_regex in PCRE2's syntax. Throws a sentence about what has no counterpart
/// there and would silently mean something else.
std::string as_pcre(std::string_view pattern);

}  // namespace postern::dialect::kumo
