// Translates POSIX regular expressions, as the GNU C library reads them, to PCRE2. The same texts
// match. If a pattern can match in several ways, PCRE2 takes the first and POSIX the longest, so
// that $1 may differ for patterns such as (a|ab)(c|bcd).
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"

namespace postern::dialect::restrictions {

/// How the pattern is meant.
struct PosixOptions {
  bool extended = true;    ///< ERE; else BRE
  bool caseless = true;    ///< decides what a meaningless escape such as \d matches
  bool multiline = false;  ///< [^a] does not match a line end
};

/// A translated pattern.
struct PosixRegex {
  std::string perl;                   ///< for PCRE2
  std::vector<std::string> warnings;  ///< a sentence each
};

/// Fault::malformed, "at octet N: what", for what the C library refuses and for collating elements
/// of several characters.
Result<PosixRegex> translate_posix(std::string_view pattern, const PosixOptions& options);

}  // namespace postern::dialect::restrictions
