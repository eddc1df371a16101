// Parses a text into a syntax tree.
#pragma once

#include <string>
#include <vector>

#include <tl/expected.hpp>

#include "dialect/vsl/ast.h"

namespace postern::dialect::vsl {

/// The deepest nesting of brackets, blocks, closures and prefix operators.
inline constexpr int max_nesting = 128;

/// Parses a file. `name` is its name in mistakes. The error is the first mistake; `further`, unless
/// null, gets those in the rules and functions after it, at most 100. Imports are not followed:
/// Node::file stays empty.
tl::expected<File, Mistake> parse(std::string name, std::string text,
                                  std::vector<Mistake>* further = nullptr);

}  // namespace postern::dialect::vsl
