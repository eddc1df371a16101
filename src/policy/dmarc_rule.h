#pragma once

#include <cstdint>
#include <string_view>

namespace postern::policy {

/// What the gateway does about DMARC for all mail, besides the recipients' own policies.
enum class DmarcRule : std::uint8_t {
  report,   ///< nothing: the verdict is only in payload and log
  enforce,  ///< refuses mail that fails if its author's domain asks for it (RFC 7489 §6.6.2)
  require,  ///< accepts only mail that passes; a domain without a record does not pass
};
/// Their names in the configuration, by value.
inline constexpr std::string_view dmarc_rule_words[] = {"report", "enforce", "require"};

}  // namespace postern::policy
