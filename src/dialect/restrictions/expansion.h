// Expansion of $name and its longer forms in values of parameters (postconf(5)).
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"

namespace postern::dialect::restrictions {

/// Returns the unexpanded value of a parameter; "" if it has none.
using Lookup = std::function<std::string(std::string_view name)>;

/// Expands all references, recursively. Fault::malformed for a syntax error, and for an expansion
/// that is endless or too long.
Result<std::string> expand(std::string_view text, const Lookup& lookup);

/// The names that a text refers to directly, defined or not, each once, in order. After a syntax
/// error, those before it.
std::vector<std::string> references(std::string_view text);

/// A reference in a text.
struct Reference {
  std::string name;        ///< of the parameter
  std::size_t offset = 0;  ///< octets to its dollar sign
};
/// References that stand for a value: $name, ${name}, $(name), not the conditions ${name?...} and
/// ${name:...}. In order; includes those inside the texts of conditions.
std::vector<Reference> plain_references(std::string_view text);

}  // namespace postern::dialect::restrictions
