// SASLprep (RFC 4013 §2): the canonical form in which user names and passwords are compared.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace postern::smtp {

/// Whether code points unassigned in Unicode 3.2 are allowed (RFC 3454 §7).
enum class Unassigned : std::uint8_t {
  allowed,  ///< for queries: what a client sends
  refused,  ///< for stored strings
};

/// The longest non-ASCII text accepted, in octets; RFC 4616 §2 requires 255.
inline constexpr std::size_t max_saslprep = 1024;

/// The prepared text. nullopt: not UTF-8, a prohibited character (a control, private use), mixed
/// writing directions, too long, or an empty result. Thread-safe.
std::optional<std::string> saslprep(std::string_view text, Unassigned unassigned);

}  // namespace postern::smtp
