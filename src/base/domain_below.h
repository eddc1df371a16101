// Whether one domain name is below another; for every room.
#pragma once

#include <string_view>

#include "base/text.h"

namespace postern {

/// `name` is `domain` or below it: by whole labels, in any case of letters. "mx.example.org" and
/// "example.org" are, of "example.org"; "notexample.org" is not. Nothing but "" is below "".
inline bool domain_below(std::string_view name, std::string_view domain) {
  if (domain.empty()) return name.empty();
  if (name.size() < domain.size()) return false;
  const std::size_t at = name.size() - domain.size();
  return (at == 0 || name[at - 1] == '.') && iequals(name.substr(at), domain);
}

}  // namespace postern
