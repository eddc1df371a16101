// Removal of received Authentication-Results fields that claim to be ours (RFC 8601 §5): the hosts
// that get the message from us would believe them.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace mailauth::ar {

/// The authserv-ids that we use for our own fields. They are compared as domain names: case, a
/// trailing dot, and the difference between U-labels and A-labels do not matter. Immutable; may be
/// shared by threads.
class OwnIds {
 public:
  /// `ids` need not be domain names; others are compared without case.
  explicit OwnIds(const std::vector<std::string>& ids);
  /// Whether `authserv_id` is one of ours.
  bool contains(std::string_view authserv_id) const;

 private:
  friend bool must_remove(std::string_view body, const OwnIds& own);
  std::vector<std::string> ids_;
};

/// Whether a border gateway removes this received field (RFC 8601 §5). `body` as in parse(). True
/// when the field has one of our ids, in any version; when it is malformed and a lenient reader
/// could see one of our ids in it; when it has no id. Fields of other hosts stay, even malformed
/// ones.
bool must_remove(std::string_view body, const OwnIds& own);

/// A copy of a header section without the Authentication-Results fields for which must_remove() is
/// true. `header`: the lines before the empty line, each with its CRLF. Everything else is copied
/// unchanged.
std::string strip_own(std::string_view header, const OwnIds& own);

}  // namespace mailauth::ar
