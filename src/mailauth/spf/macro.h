// SPF macros (RFC 7208 §7): the expansion of domain-specs and explanations for one message.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/ip.h"

namespace mailauth::spf {

/// Octets of an expanded explanation; a longer one is dropped.
inline constexpr std::size_t max_explanation = 255;

/// Where a macro-string is used. The letters c, r and t (RFC 7208 §7.2) and spaces (RFC 7208 §6.2)
/// are valid only in an explanation.
enum class MacroUse : std::uint8_t { domain, explanation };

/// What the expansion of a macro-string needs.
struct MacroNeeds {
  bool macros = false;          ///< there is at least one "%"
  bool local_part = false;      ///< %{l} or %{s}
  bool validated_name = false;  ///< %{p}
  bool ends_in_macro = false;   ///< the last element is a macro
};
/// Scans a macro-string; nullopt when it violates RFC 7208 §7.1.
std::optional<MacroNeeds> scan_macros(std::string_view text, MacroUse use);

/// The values of the macro letters (RFC 7208 §7.2), except %{d} and %{p}, which change during an
/// evaluation.
struct MacroValues {
  std::string local_part;     ///< %{l}
  std::string sender_domain;  ///< %{o}
  std::string helo;           ///< %{h}
  std::string receiver;       ///< %{r}
  postern::IpAddress client;  ///< %{i}, %{c}, %{v}
  std::int64_t now = 0;       ///< %{t}: seconds since 1970
};

/// Expands a domain-spec that scan_macros() accepted. `domain` is %{d}, `validated` is %{p}. The
/// result has no trailing dot; labels are removed from the left until it has at most 253 octets
/// (RFC 7208 §7.3).
std::string expand_domain(std::string_view spec, const MacroValues& values, std::string_view domain,
                          std::string_view validated);
/// Expands an explanation. Nullopt when the result is longer than max_explanation or not printable
/// ASCII (RFC 7208 §6.2).
std::optional<std::string> expand_explanation(std::string_view text, const MacroValues& values,
                                              std::string_view domain, std::string_view validated);
/// Whether an expanded name can be looked up: labels of 1-63 octets in printable ASCII, at most 253
/// octets. A backslash is not allowed, because it is an escape in the text form of names
/// (RFC 1035 §5.1).
bool is_askable(std::string_view name);
/// The name of the client's PTR record: 1.2.0.192.in-addr.arpa, or nibbles below ip6.arpa.
std::string reverse_name(const postern::IpAddress& client);

}  // namespace mailauth::spf
