// What replaces a match: `$1`, `$name`, `${name}` and `$$`, as Rust's regex crate has it.
#pragma once

#include <functional>
#include <map>
#include <string>
#include <string_view>

namespace postern::dialect::kumo {

using GroupNames = std::map<std::string, unsigned, std::less<>>;

/// Appends the text. Names are as long as letters, digits and underscores go; groups that are not
/// there are empty; a dollar that nothing of the kind follows stands for itself.
void expand_template(std::string_view text, const GroupNames& names,
                     const std::function<std::string_view(unsigned)>& group, std::string& out);

}  // namespace postern::dialect::kumo
