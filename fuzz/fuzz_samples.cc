// Texts that a pattern may match: few and short ones, whatever the pattern.
#include <cstdint>
#include <string_view>

#include "invariant.h"
#include "plan/samples.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  constexpr std::size_t most = 16;
  constexpr std::size_t longest = 1024;
  const auto samples = postern::plan::samples_of({reinterpret_cast<const char*>(data), size});
  postern::fuzz::must(samples.size() <= most, "there are few samples");
  for (const auto& one : samples) postern::fuzz::must(one.size() <= longest, "they are short");
  return 0;
}
