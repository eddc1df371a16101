// Every reply code that Postern sends, with its enhanced status codes. Source of the metrics'
// labels, of `postern help 550` and of docs/reply-codes.md. tools/check-codes rejects a code in the
// source that is not listed here.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "smtp/reply.h"

namespace postern::smtp {

/// One pair of reply code and enhanced code.
struct CodeMeaning {
  /// As sent.
  std::uint16_t code;
  EnhancedCode enhanced;     ///< not present(): sent without enhanced code
  std::string_view meaning;  ///< when it is sent: a clause, lower case
  std::string_view source;   ///< the document and section that define it
};

/// Sorted by code, then by enhanced code. Scripts and restriction lists may choose others.
/// Thread-safe.
std::span<const CodeMeaning> known_codes();

/// The content of docs/reply-codes.md.
std::string codes_manual();

/// Further reply codes that a script, a table or a webhook response may choose, or that
/// `soft_bounce` makes of one.
std::span<const std::uint16_t> other_codes();

}  // namespace postern::smtp
