// Text to syntax tree.
#pragma once

#include <string>
#include <vector>

#include <tl/expected.hpp>

#include "dialect/vsl/ast.h"

namespace postern::dialect::vsl {

/// Brackets, blocks, closures and operators in front of an operand that may stand in one another.
inline constexpr int max_nesting = 128;

/// `name` is what mistakes call the file. The error is the first mistake; `further`, where it is
/// not null, gets those in rules and functions that begin behind it, 100 at most. Imports are not
/// followed: Node::file is empty.
tl::expected<File, Mistake> parse(std::string name, std::string text,
                                  std::vector<Mistake>* further = nullptr);

}  // namespace postern::dialect::vsl
