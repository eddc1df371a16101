#pragma once

#include <string>
#include <string_view>
#include <unordered_set>
#include <vector>

namespace postern::policy {

/// The domains of a policy: `example.com` matches that name only, `.example.com` every name below
/// it but not the name itself. Compares whole labels, case-insensitively. Immutable.
class DomainSet {
 public:
  DomainSet() = default;
  /// `entries`: A-labels, in the order in which they are shown.
  explicit DomainSet(std::vector<std::string> entries);

  /// O(labels), whatever the number of entries.
  bool contains(std::string_view domain) const;
  /// Whether there are no entries.
  bool empty() const { return entries_.empty(); }
  /// As given to the constructor.
  const std::vector<std::string>& entries() const { return entries_; }

 private:
  std::vector<std::string> entries_;
  std::unordered_set<std::string> known_;  ///< in lower case
};

}  // namespace postern::policy
