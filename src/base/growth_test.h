// Measures work in tests, so that a busy machine does not fail them: in processor time, and by
// comparing sizes instead of naming seconds. And makes long texts.
#pragma once

#include <algorithm>
#include <cstddef>
#include <ctime>
#include <string>
#include <string_view>

namespace postern::tests {

inline std::string repeated(std::string_view text, int times) {
  std::string all;
  for (int i = 0; i < times; ++i) all += text;
  return all;
}

/// Processor time of this process, in seconds, while `work()` runs.
template <class Work>
double cpu_seconds(const Work& work) {
  const std::clock_t start = std::clock();
  work();
  return static_cast<double>(std::clock() - start) / CLOCKS_PER_SEC;
}

/// How many times as long `work(4 * size)` takes as `work(size)`: about 4 where time grows with the
/// size, 16 where it grows with its square. Of several runs each, the shortest counts: what else the
/// machine does only adds to them. Below 20 ms, time is mostly overhead and counts as 20 ms.
template <class Work>
double growth(std::size_t size, const Work& work) {
  const auto run = [&](std::size_t of) { return cpu_seconds([&] { work(of); }); };
  const double first = std::max(std::min({run(size), run(size), run(size)}), 0.02);
  double whole = run(4 * size);
  for (int again = 0; again < 2 && whole > 6 * first; ++again) {
    whole = std::min(whole, run(4 * size));
  }
  return std::max(whole, 0.02) / first;
}

}  // namespace postern::tests
