// Aborts a fuzz target when an invariant does not hold.
#pragma once

#include <cstdio>
#include <cstdlib>

namespace postern::fuzz {

inline void must(bool holds, const char* what) {
  if (holds) return;
  std::fprintf(stderr, "invariant broken: %s\n", what);
  std::abort();
}

}  // namespace postern::fuzz
