// SPF macros (RFC 7208 §7): what a domain-spec or an explanation becomes for one message.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/ip.h"

namespace mailauth::spf {

/// Octets of an explanation we hand on; a longer one counts as none.
inline constexpr std::size_t max_explanation = 255;

/// c, r and t are for explanations only (RFC 7208 §7.2); so is the space (RFC 7208 §6.2).
enum class MacroUse : std::uint8_t { domain, explanation };

/// What a macro-string asks for; nullopt from scan_macros when it breaks RFC 7208 §7.1.
struct MacroNeeds {
  bool macros = false;
  bool local_part = false;      ///< %{l} or %{s}
  bool validated_name = false;  ///< %{p}
  bool ends_in_macro = false;
};
std::optional<MacroNeeds> scan_macros(std::string_view text, MacroUse use);

/// The letters of RFC 7208 §7.2, less %{d} and %{p}, which change on the way.
struct MacroValues {
  std::string local_part;     ///< %{l}
  std::string sender_domain;  ///< %{o}
  std::string helo;           ///< %{h}
  std::string receiver;       ///< %{r}
  postern::IpAddress client;  ///< %{i}, %{c}, %{v}
  std::int64_t now = 0;       ///< %{t}
};

/// A domain-spec that scan_macros let pass, expanded; no trailing dot; cut from the left by whole
/// labels to 253 octets (RFC 7208 §7.3). `domain` is %{d}, `validated` %{p}.
std::string expand_domain(std::string_view spec, const MacroValues& values, std::string_view domain,
                          std::string_view validated);
/// An explanation; nullopt when the result is longer than max_explanation or not ASCII (§6.2).
std::optional<std::string> expand_explanation(std::string_view text, const MacroValues& values,
                                              std::string_view domain, std::string_view validated);
/// Whether a query can be made of an expanded name: labels of 1-63 octets, printable ASCII without
/// the backslash, which the text form of names gives another meaning.
bool is_askable(std::string_view name);
/// The name of the client's PTR record: 1.2.0.192.in-addr.arpa, or nibbles below ip6.arpa.
std::string reverse_name(const postern::IpAddress& client);

}  // namespace mailauth::spf
