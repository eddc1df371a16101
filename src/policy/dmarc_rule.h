#pragma once

#include <cstdint>
#include <string_view>

namespace postern::policy {

/// What DMARC decides for all mail, whatever the recipients' own policies say.
enum class DmarcRule : std::uint8_t {
  report,   ///< nothing: the verdict goes into payload and log
  enforce,  ///< mail that fails is refused where its author's domain asks for it (RFC 7489 §6.6.2)
  require,  ///< only mail that passes is taken: a domain without a record vouches for nothing
};
inline constexpr std::string_view dmarc_rule_words[] = {"report", "enforce", "require"};

}  // namespace postern::policy
