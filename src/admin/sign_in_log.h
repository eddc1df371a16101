// Sign-ins in the audit log: successful ones, failed ones, and sign-outs. A flood of them becomes a
// few entries and a count, so that it neither fills the log nor hides other entries.
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

/// Counts sign-ins by person and kind. Thread-safe.
class SignInLog {
 public:
  /// Entries per person, kind and window; the rest becomes one entry with a count.
  static constexpr std::size_t burst = 10;
  /// Length of a window.
  static constexpr std::chrono::minutes window{10};
  /// Persons and kinds in memory; also the number of entries waiting to be written.
  static constexpr std::size_t capacity = 10'000;

  /// An entry to write with the change itself; nullopt: it was only counted.
  std::optional<store::AuditRow> entry(const IpAddress& client, store::Time now,
                                       const std::string& team, const std::string& person,
                                       std::string action, const boost::json::object& details);
  /// Records a failed sign-in. It is written later, so that an attempt takes the same time whether
  /// or not the account exists.
  void failed(const Call& call, const store::AccountRow& account, std::string_view why);
  /// Writes the waiting entries and the counts of finished windows. Blocks on the disk. After an
  /// error the rest waits for the next call; beyond `capacity` the newest entries are dropped.
  Result<void> write(store::Store& store, store::Time now);
  /// The number of waiting entries.
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
