// The octets behind attachment links that every gateway of a cluster has.
#pragma once

#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "store/delivery_log.h"

namespace postern::store {

/// Thread-safe; all functions block on the database. Faults: those of Database.
class LinkedOctets {
 public:
  virtual ~LinkedOctets() = default;
  /// Also finds expired links, for 30 days. nullopt: unknown here.
  virtual Result<std::optional<AttachmentRow>> find(std::string_view id) = 0;
  /// The next octets of a link, of any number; empty at the end.
  using Source = std::function<Result<std::string>()>;
  /// Reads the octets of a link. nullopt: they are gone.
  virtual Result<std::optional<Source>> open(const AttachmentRow& row) = 0;
  /// Deletes the links of deleted webhooks and what is behind them.
  virtual Result<void> forget(std::span<const std::string> webhooks) = 0;
};

}  // namespace postern::store
