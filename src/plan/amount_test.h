// What random tests share: how much, with which seed, and draws from lists.
#pragma once

#include <cstdlib>
#include <iterator>
#include <random>
#include <string>

namespace postern::plan {

template <class List>
std::string one_of(std::mt19937& random, const List& list) {
  return std::string(list[random() % std::size(list)]);
}

/// The number in this environment variable, else `otherwise`.
inline unsigned amount(const char* name, unsigned otherwise) {
  constexpr int base = 10;
  const char* text = std::getenv(name);
  return text != nullptr ? static_cast<unsigned>(std::strtoul(text, nullptr, base)) : otherwise;
}

}  // namespace postern::plan
