// Sign-ins in the audit log: who came, who did not get in, who left. A flood of them becomes a few
// entries and a count, so that it neither fills the log nor hides what else is in it.
#pragma once

#include <chrono>
#include <cstdint>
#include <mutex>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include <boost/json/object.hpp>

#include "admin/call.h"
#include "base/error.h"
#include "store/records.h"

namespace postern::store {
class Store;
}

namespace postern::admin {

/// Thread-safe.
class SignInLog {
 public:
  /// Of one person and kind: so many have entries of their own in a window, the rest one together.
  static constexpr std::size_t burst = 10;
  static constexpr std::chrono::minutes window{10};
  /// Persons and kinds remembered at a time, and entries that wait to be written.
  static constexpr std::size_t capacity = 10'000;

  /// The entry to write together with what was done; nullopt: it was counted.
  std::optional<store::AuditRow> entry(const IpAddress& client, store::Time now,
                                       const std::string& team, const std::string& person,
                                       std::string action, const boost::json::object& details);
  /// The same for what failed. It is written later: an attempt at an account must take no longer
  /// than one at an address that nobody has.
  void failed(const Call& call, const store::AccountRow& account, std::string_view why);
  /// Writes what waits, and the counts of windows that are over. Blocks. After an error what is not
  /// written waits for the next call; of more than `capacity` the newest are dropped.
  Result<void> write(store::Store& store, store::Time now);
  std::size_t waiting() const;

 private:
  struct Kind {
    std::size_t seen = 0;
    store::AuditRow last;
    store::Time since;
  };
  void close_windows(store::Time now);

  mutable std::mutex mutex_;
  std::unordered_map<std::string, Kind> kinds_;
  std::vector<store::AuditRow> waiting_;
};

}  // namespace postern::admin
