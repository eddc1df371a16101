// $name and its longer forms in a parameter's value, as postconf(5) describes them.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"

namespace postern::dialect::restrictions {

/// The unexpanded value of a parameter; "" when there is none.
using Lookup = std::function<std::string(std::string_view name)>;

/// Fault::malformed for a mistake in the syntax and for an expansion that never ends or gets too
/// long.
Result<std::string> expand(std::string_view text, const Lookup& lookup);

/// The names that a text refers to directly, defined or not, each once, in order. A text with a
/// mistake gives those before it.
std::vector<std::string> references(std::string_view text);

struct Reference {
  std::string name;
  std::size_t offset = 0;  ///< of its dollar sign
};
/// Those that only stand for a value: $name, ${name}, $(name), without a question whether it is
/// defined. In order; also those within the texts of such questions.
std::vector<Reference> plain_references(std::string_view text);

}  // namespace postern::dialect::restrictions
