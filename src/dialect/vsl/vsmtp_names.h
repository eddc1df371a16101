// Names of other versions of vSMTP: the modules of version 2 (`state::deny()`), constructors of
// objects and services that are functions there, former names, and `ctx()`.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "dialect/vsl/ast.h"

namespace postern::dialect::vsl {

/// A name of another version of vSMTP.
struct OtherName {
  std::string_view module;  ///< before `::`; empty: a name without a module
  std::string_view name;    ///< as that version has it
  /// What Postern calls it: a function, or in the modules `net` and `code` an object. Empty:
  /// Postern has nothing of the kind.
  std::string_view here;
  std::string_view instead = {};  ///< if `here` is empty: why there is none, and the way out
};
/// All of them, sorted by module. Static.
std::span<const OtherName> other_names();

/// Rewrites calls by such names to Postern's own, so that nothing after the parser knows them.
/// Functions and imports of the file hide them. Imports of vSMTP's plugins are removed. The result
/// is what Postern does not carry: each such name, with reason and way out.
std::vector<Mistake> translate_names(File& file);

}  // namespace postern::dialect::vsl
