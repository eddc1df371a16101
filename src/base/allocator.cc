#include "base/allocator.h"

#include <malloc.h>

#include <cstddef>

extern "C" {
// jemalloc(3), if the program has it.
int mallctl(const char* name, void* old, std::size_t* old_size, void* now, std::size_t size)
    __attribute__((weak));
}

namespace postern {

void give_back_large_blocks() { ::mallopt(M_MMAP_THRESHOLD, 128 * 1024); }

void give_back_free_memory() {
  // MALLCTL_ARENAS_ALL is 4096.
  if (mallctl != nullptr) mallctl("arena.4096.purge", nullptr, nullptr, nullptr, 0);
  ::malloc_trim(0);
}

}  // namespace postern
