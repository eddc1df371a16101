#pragma once

#include <string>
#include <string_view>
#include <unordered_set>
#include <vector>

namespace postern::policy {

/// A list of domains as policies write them: `example.com` is that name alone, `.example.com` every
/// name below it and not the name itself. Compared by whole labels, without regard to case;
/// contains() costs a look-up a label, however long the list is.
class DomainSet {
 public:
  DomainSet() = default;
  /// A-labels, in the order in which they are to be shown.
  explicit DomainSet(std::vector<std::string> entries);

  bool contains(std::string_view domain) const;
  bool empty() const { return entries_.empty(); }
  const std::vector<std::string>& entries() const { return entries_; }

 private:
  std::vector<std::string> entries_;
  std::unordered_set<std::string> known_;  ///< lower case
};

}  // namespace postern::policy
