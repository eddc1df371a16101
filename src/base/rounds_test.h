// How many rounds tests of random and exhaustive work have.
#pragma once

#include <cstddef>
#include <cstdlib>

namespace postern::tests {

/// `usual`, and `many` where POSTERN_LONG_TESTS is not empty, as in tools/test --all.
inline std::size_t rounds(std::size_t usual, std::size_t many) {
  const char* wanted = std::getenv("POSTERN_LONG_TESTS");
  return wanted != nullptr && *wanted != '\0' ? many : usual;
}

}  // namespace postern::tests
