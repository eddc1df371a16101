// Whose Authentication-Results are these? A field that claims to be ours but came from outside
// would be believed by everybody behind us, RFC 8601 §5.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace mailauth::ar {

/// The names we write our own fields under, compared as domain names: without regard to case, a
/// trailing dot, or U-labels against A-labels.
class OwnIds {
 public:
  explicit OwnIds(const std::vector<std::string>& ids);
  bool contains(std::string_view authserv_id) const;

 private:
  friend bool must_remove(std::string_view body, const OwnIds& own);
  std::vector<std::string> ids_;
};

/// Whether a border gateway deletes this received field (body as in parse()): it bears one of our
/// ids in any version, or is malformed and a generous reader could see one of our ids in it, or
/// names nobody at all. The fields of others stay, malformed or not.
bool must_remove(std::string_view body, const OwnIds& own);

/// A header section (lines before the empty one, CRLF at their ends) without the
/// Authentication-Results fields that must be removed. All else stays, octet for octet.
std::string strip_own(std::string_view header, const OwnIds& own);

}  // namespace mailauth::ar
