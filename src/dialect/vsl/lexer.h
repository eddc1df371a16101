// Splits `.vsl` into tokens. The list of a file is flat: the tokens within `${}` of a back-tick
// string are between two marker tokens, so that nesting uses no stack.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <tl/expected.hpp>

#include "dialect/vsl/source.h"

namespace postern::dialect::vsl {

/// The kind of a token; the comment names the members in use, beside `text` and `at`.
enum class TokenKind : std::uint8_t {
  identifier,
  keyword,
  symbol,
  string,      ///< "..." or a single character; text: the value
  integer,     ///< `magnitude`
  real,        ///< `real`
  backtick,    ///< the opening back-tick
  piece,       ///< text inside back-ticks, not empty
  splice,      ///< `${`
  splice_end,  ///< `}` of a splice
  backtick_end,
  end,  ///< of the file
};

/// A token.
struct Token {
  TokenKind kind = TokenKind::end;  ///< determines which members are in use
  std::string text;                 ///< as in the source, unless TokenKind says otherwise
  Position at;                      ///< of the first character
  /// Of an integer. A decimal one is at most 2^63, of which 2^63 needs a minus sign; hexadecimal,
  /// octal and binary ones have 64 bits.
  std::uint64_t magnitude = 0;
  bool decimal = false;  ///< the integer is decimal
  double real = 0;       ///< the value of a real
};

/// The largest script in octets; a larger one is refused.
inline constexpr std::size_t max_script_octets = 1u << 20;

/// The tokens of a file, `end` last; or the first lexical mistake. That one is reported even if a
/// syntax error precedes it, because an open quote would make the syntax errors meaningless.
/// `name`: of the file, for the mistake. Never throws.
tl::expected<std::vector<Token>, Mistake> tokens_of(const std::string& name, std::string_view text);

/// Every reserved word, sorted.
std::span<const std::string_view> keywords();
/// Whether the word is reserved.
bool is_keyword(std::string_view word);

}  // namespace postern::dialect::vsl
