// A program of many fuzz targets runs the one that it is called as: fuzz_NAME is a link to it.
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string_view>

extern "C" {
#define TARGET(name) int name(const std::uint8_t* data, std::size_t size);
#include "targets.inc"
#undef TARGET
int LLVMFuzzerInitialize(int* argc, char*** argv);
int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);
}

namespace {

struct Target {
  std::string_view name;
  int (*run)(const std::uint8_t* data, std::size_t size);
};
constexpr Target targets[] = {
#define TARGET(name) {#name, &name},
#include "targets.inc"
#undef TARGET
};
const Target* chosen = nullptr;

}  // namespace

int LLVMFuzzerInitialize(int*, char*** argv) {
  std::string_view called = (*argv)[0];
  called.remove_prefix(called.rfind('/') + 1);
  for (const Target& target : targets) {
    if (target.name == called) chosen = &target;
  }
  if (chosen == nullptr) {
    std::fprintf(stderr, "no fuzz target has this name\n");
    std::exit(2);
  }
  return 0;
}

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  return chosen->run(data, size);
}
