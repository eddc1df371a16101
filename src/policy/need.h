// Which evidence a check needs.
#pragma once

#include <cstdint>

namespace postern::policy {

/// Evidence that has to be fetched; a set of bits.
enum class Need : std::uint32_t {
  none = 0,
  rate_tokens = 1u << 0,
  spf = 1u << 1,
  dkim = 1u << 2,
  dmarc = 1u << 3,  ///< includes SPF and DKIM
  arc = 1u << 4,
};
constexpr Need operator|(Need a, Need b) {
  return static_cast<Need>(static_cast<std::uint32_t>(a) | static_cast<std::uint32_t>(b));
}
/// `set` minus `some`.
constexpr Need without(Need set, Need some) {
  return static_cast<Need>(static_cast<std::uint32_t>(set) & ~static_cast<std::uint32_t>(some));
}
/// Whether the sets have a bit in common.
constexpr bool has(Need set, Need one) {
  return (static_cast<std::uint32_t>(set) & static_cast<std::uint32_t>(one)) != 0;
}

}  // namespace postern::policy
