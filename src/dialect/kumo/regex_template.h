// The replacement text for a match: `$1`, `$name`, `${name}` and `$$`, as in Rust's regex crate.
#pragma once

#include <functional>
#include <map>
#include <string>
#include <string_view>

namespace postern::dialect::kumo {

/// The number of each named group.
using GroupNames = std::map<std::string, unsigned, std::less<>>;

/// Expands a template and appends it to `out`. `$name` takes as many letters, digits and
/// underscores as follow. Unknown groups are empty. A dollar sign that begins no reference is
/// literal. `group` returns the text of a group by number.
void expand_template(std::string_view text, const GroupNames& names,
                     const std::function<std::string_view(unsigned)>& group, std::string& out);

}  // namespace postern::dialect::kumo
