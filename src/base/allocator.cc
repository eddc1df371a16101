#include "base/allocator.h"

#include <cstddef>

#include <malloc.h>

// jemalloc's control function. Null in programs that are not linked with it.
extern "C" [[gnu::weak]] int mallctl(const char* name, void* old_value, std::size_t* old_length,
                                     void* new_value, std::size_t new_length);

namespace postern {

void return_free_memory() {
  if (mallctl == nullptr) {
    ::malloc_trim(0);
    return;
  }
  // 4096 is MALLCTL_ARENAS_ALL of <jemalloc/jemalloc.h>.
  mallctl("arena.4096.purge", nullptr, nullptr, nullptr, 0);
}

}  // namespace postern
