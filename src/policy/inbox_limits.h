// How much a built-in inbox keeps, with the defaults of a new webhook.
#pragma once

#include <cstdint>

namespace postern::policy {

/// A full inbox refuses mail (452 4.2.2); only messages older than `keep_days` are deleted.
struct InboxLimits {
  std::uint32_t messages = 10'000;                  ///< number of messages
  std::uint64_t octets = std::uint64_t{256} << 20;  ///< sum of all payloads
  std::uint32_t keep_days = 30;                     ///< age at which a message is deleted
  bool operator==(const InboxLimits&) const = default;
};

}  // namespace postern::policy
