// Remarks of rules: text for the log that does not change a reply. The layer puts it into the
// details of its steps, where the log's writer finds it.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

namespace postern::dialect::restrictions {

/// Actions of Postfix's tables and policy servers that Postern does not support
/// (docs/postfix-differences.md): such a rule passes, as with DUNNO.
inline constexpr std::array<std::string_view, 4> actions_not_carried{"BCC", "FILTER", "PREPEND",
                                                                     "REDIRECT"};
/// Index in actions_not_carried of the first word of an action, case-insensitive; nullopt: another
/// word.
std::optional<std::size_t> action_not_carried(std::string_view action);

/// Begins the detail of a refusal after warn_if_reject.
inline constexpr std::string_view reject_warning = "would refuse, warn_if_reject: ";

/// A remark.
struct Remark {
  /// What it is about.
  enum class Kind : std::uint8_t { reject_warning, warn, info, not_carried, server_failed };
  Kind kind = Kind::info;  ///< kind of remark
  std::size_t word = 0;    ///< for not_carried: index in actions_not_carried
  std::string_view text;   ///< part of the detail
};
/// The remark in the detail of a step of RestrictionsLayer that does not refuse; nullopt for most.
std::optional<Remark> remark_of(std::string_view detail);

/// Begins the detail of a policy server's failure.
inline constexpr std::string_view server_failed = "the policy server failed: ";

}  // namespace postern::dialect::restrictions
