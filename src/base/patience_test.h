// How tests wait: for an event, as long as it takes, and never for a time.
#pragma once

#include <chrono>
#include <thread>

namespace postern::tests {

/// How long a test waits for what must happen. Only what hangs takes as long: a sanitized build on
/// a machine with much other work does not.
inline constexpr std::chrono::minutes patience{5};

/// Whether `holds()` becomes true while a test is patient. It is asked each millisecond.
template <class Condition>
bool eventually(const Condition& holds) {
  const auto end = std::chrono::steady_clock::now() + patience;
  while (!holds()) {
    if (std::chrono::steady_clock::now() > end) return false;
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  return true;
}

}  // namespace postern::tests
