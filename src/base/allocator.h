// What the process keeps of memory that it freed.
#pragma once

namespace postern {

/// From now on a freed block of 128 KiB or more goes back to the system at once. By default the C
/// library raises this threshold to the largest block freed so far, up to 32 MiB, and keeps such
/// blocks. Call it once, at the start.
void give_back_large_blocks();

/// Gives the pages that nothing uses back to the system: those of the C library, and those of the
/// allocator of C++ objects if the program has one (cmake/allocator.cmake). Takes some milliseconds
/// after a burst. Any thread.
void give_back_free_memory();

}  // namespace postern
