// The words of `.vsl`. One flat list for a file: what stands inside `${}` of a back-tick string is
// between its marks, so that no depth of nesting costs stack.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <tl/expected.hpp>

#include "dialect/vsl/source.h"

namespace postern::dialect::vsl {

enum class TokenKind : std::uint8_t {
  identifier,
  keyword,
  symbol,
  string,    ///< "..." and '.'; text: the value
  integer,   ///< `magnitude`
  real,      ///< `real`
  backtick,  ///< the opening back-tick
  piece,     ///< text inside back-ticks, not empty
  splice,    ///< `${`
  splice_end,
  backtick_end,
  end,  ///< of the file
};

struct Token {
  TokenKind kind = TokenKind::end;
  std::string text;
  Position at;
  /// Of a decimal number at most 2^63, which only a minus makes an integer; of hexadecimal, octal
  /// and binary ones all 64 bits.
  std::uint64_t magnitude = 0;
  bool decimal = false;
  double real = 0;
};

/// Longer scripts are refused; none that a person wrote comes near.
inline constexpr std::size_t max_script_octets = 1u << 20;

/// The tokens of a file with `end` last, or the first lexical mistake: anywhere in the file, since
/// an open quote makes nonsense of what a parser would say before it. Never throws.
tl::expected<std::vector<Token>, Mistake> tokens_of(const std::string& name, std::string_view text);

/// Every reserved word, sorted.
std::span<const std::string_view> keywords();
bool is_keyword(std::string_view word);
/// Whether the text is an identifier: `[\p{L}_][\p{L}\p{N}_]*`, and no keyword.
bool is_identifier(std::string_view text);

}  // namespace postern::dialect::vsl
