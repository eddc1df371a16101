// How much a built-in inbox keeps. The defaults of a new webhook stand here and nowhere else.
#pragma once

#include <cstdint>

namespace postern::policy {

/// Full, an inbox refuses mail (452 4.2.2); it drops only what is older than `keep_days`.
struct InboxLimits {
  std::uint32_t messages = 10'000;
  std::uint64_t octets = std::uint64_t{256} << 20;  ///< of all payloads together
  std::uint32_t keep_days = 30;
  bool operator==(const InboxLimits&) const = default;
};

}  // namespace postern::policy
