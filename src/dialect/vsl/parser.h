// Text to syntax tree.
#pragma once

#include <string>

#include <tl/expected.hpp>

#include "dialect/vsl/ast.h"

namespace postern::dialect::vsl {

/// Brackets, blocks, closures and operators in front of an operand that may stand in one another.
inline constexpr int max_nesting = 128;

/// `name` is what mistakes call the file. The first mistake ends it. Imports are not followed:
/// Node::file is empty.
tl::expected<File, Mistake> parse(std::string name, std::string text);

}  // namespace postern::dialect::vsl
