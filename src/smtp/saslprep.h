// SASLprep (RFC 4013): the one spelling of a user name or password in which it is compared.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace postern::smtp {

/// RFC 3454 §7: code points that Unicode 3.2 does not know may be asked for, not stored.
enum class Unassigned : std::uint8_t {
  allowed,  ///< of a query: what a client sends
  refused,  ///< of what is stored
};

/// Longest text that is prepared, in octets, unless it is ASCII; RFC 4616 §2 asks for 255.
inline constexpr std::size_t max_saslprep = 1024;

/// nullopt: it is not UTF-8, has a character that nobody may use (a control, private use), mixes
/// directions of writing, or nothing is left of it.
std::optional<std::string> saslprep(std::string_view text, Unassigned unassigned);

}  // namespace postern::smtp
