// What a directive of `.vsl` rules is made of: two directives with the same text do the same.
#pragma once

#include <cstddef>
#include <set>
#include <string>

#include "dialect/vsl/policy.h"

namespace postern::plan {

/// A directive with all that it names, wherever that is declared.
struct VslDirective {
  std::string digest;           ///< equal for equal ones
  std::set<std::string> names;  ///< functions and variables, directly or not
  bool computes_names = false;  ///< a function may be called by a name that is put together
  /// Whether the function, of the library or another, may be called.
  bool calls(const std::string& name) const { return computes_names || names.contains(name); }
};

/// The directive with this index.
VslDirective text_of(const dialect::vsl::VslPolicy& policy, std::size_t index);
/// Whether it may matter where the policy is stored: scripts know the folder as `toml::app`, and
/// databases may be files there, which are not part of its definition.
bool may_ask_its_place(const dialect::vsl::VslPolicy& policy);
/// All that is not in a directive: functions, objects, files, local domains.
std::string frame_of(const dialect::vsl::VslPolicy& policy);

}  // namespace postern::plan
