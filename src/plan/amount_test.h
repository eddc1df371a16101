// Numbers that a person gives to tests: how much, and with which seed.
#pragma once

#include <cstdlib>

namespace postern::plan {

/// The number in this environment variable, else `otherwise`.
inline unsigned amount(const char* name, unsigned otherwise) {
  constexpr int base = 10;
  const char* text = std::getenv(name);
  return text != nullptr ? static_cast<unsigned>(std::strtoul(text, nullptr, base)) : otherwise;
}

}  // namespace postern::plan
