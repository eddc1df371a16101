// Measures work in tests, so that a busy machine does not fail them: in processor time, and by
// comparing sizes instead of naming seconds.
#pragma once

#include <algorithm>
#include <cstddef>
#include <ctime>
#include <limits>

namespace postern::tests {

/// Processor time of this process, in seconds, while `work()` runs.
template <class Work>
double cpu_seconds(const Work& work) {
  const std::clock_t start = std::clock();
  work();
  return static_cast<double>(std::clock() - start) / CLOCKS_PER_SEC;
}

/// How many times as long `work(4 * size)` takes as `work(size)`: about 4 where time grows with the
/// size, 16 where it grows with its square. Of three runs each, the shortest counts: what else the
/// machine does only adds to them. Below 20 ms, time is mostly overhead and counts as 20 ms.
template <class Work>
double growth(std::size_t size, const Work& work) {
  const auto least = [&](std::size_t of) {
    double seconds = std::numeric_limits<double>::max();
    for (int i = 0; i < 3; ++i) seconds = std::min(seconds, cpu_seconds([&] { work(of); }));
    return std::max(seconds, 0.02);
  };
  const double first = least(size);
  return least(4 * size) / first;
}

}  // namespace postern::tests
