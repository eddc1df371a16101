// POSIX regular expressions, as the C library of GNU systems reads them, rewritten for PCRE2. What
// matches is the same; where a pattern can match in several ways PCRE2 takes the first and POSIX
// the longest, so that $1 and the like may differ for patterns such as (a|ab)(c|bcd).
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"

namespace postern::dialect::restrictions {

struct PosixOptions {
  bool extended = true;    ///< ERE; else BRE
  bool caseless = true;    ///< decides what a meaningless escape such as \d matches
  bool multiline = false;  ///< [^a] does not match a line end
};

struct PosixRegex {
  std::string perl;
  std::vector<std::string> warnings;
};

/// Fault::malformed, "at octet N: what": what the C library refuses, and collating elements of more
/// than one character.
Result<PosixRegex> translate_posix(std::string_view pattern, const PosixOptions& options);

}  // namespace postern::dialect::restrictions
