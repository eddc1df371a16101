// What a rule says that changes no reply and that the log is to show all the same. The layer writes
// it into the details of its steps; whoever keeps the log finds it there.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

namespace postern::dialect::restrictions {

/// Actions of Postfix's tables and policy servers that Postern does not carry out (tier C, §9 of
/// the reference): the rule says nothing, as with DUNNO.
inline constexpr std::array<std::string_view, 4> actions_not_carried{"BCC", "FILTER", "PREPEND",
                                                                     "REDIRECT"};
/// Index in actions_not_carried of the word that an action begins with, in any case of letters.
std::optional<std::size_t> action_not_carried(std::string_view action);

inline constexpr std::string_view reject_warning = "would refuse, warn_if_reject: ";

struct Remark {
  enum class Kind : std::uint8_t { reject_warning, warn, info, not_carried, server_failed };
  Kind kind = Kind::info;
  std::size_t word = 0;   ///< of not_carried: as action_not_carried() has it
  std::string_view text;  ///< part of the detail
};
/// Of the detail of a step of RestrictionsLayer that refuses nothing; nullopt for most.
std::optional<Remark> remark_of(std::string_view detail);

inline constexpr std::string_view server_failed = "the policy server failed: ";

}  // namespace postern::dialect::restrictions
