// Every reply code that Postern gives, with the enhanced status codes that go with it: what metrics
// count by, what `postern help 550` says, docs/reply-codes.md. tools/check-codes refuses a code in
// the source that is not here.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "smtp/reply.h"

namespace postern::smtp {

struct CodeMeaning {
  std::uint16_t code;
  EnhancedCode enhanced;     ///< not present(): the reply carries none
  std::string_view meaning;  ///< when it is given, a clause in small letters
  std::string_view source;   ///< the section that defines it
};

/// By code, then by enhanced code. Scripts and tables of restriction lists may choose others.
std::span<const CodeMeaning> known_codes();

/// docs/reply-codes.md
std::string codes_manual();

/// Reply codes that somebody may choose in a script, a table or a webhook's answer, or that
/// `soft_bounce` makes of one, beside those of known_codes().
std::span<const std::uint16_t> other_codes();

}  // namespace postern::smtp
