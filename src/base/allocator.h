// The allocator of the process: jemalloc in the shipped program, the sanitizer's or the C library's
// elsewhere (docs/decisions/0062-allocator.md).
#pragma once

namespace postern {

/// Returns pages that hold no live memory to the system, in all threads' caches that can be reached.
/// Takes milliseconds where gigabytes were freed. Thread-safe.
void return_free_memory();

}  // namespace postern
