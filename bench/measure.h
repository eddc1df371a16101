// CPU time and memory of a benchmark.
#pragma once

#include <ctime>
#include <fstream>

#include <malloc.h>
#include <unistd.h>

namespace postern::bench {

/// CPU time of this thread, which other programs do not affect.
inline double thread_nanoseconds() {
  timespec now{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) * 1e9 + static_cast<double>(now.tv_nsec);
}

/// Resident memory of this process, after the allocator has returned what is free.
inline double resident_mib() {
  malloc_trim(0);
  std::ifstream file("/proc/self/statm");
  double pages = 0;
  double resident = 0;
  file >> pages >> resident;
  return resident * static_cast<double>(sysconf(_SC_PAGESIZE)) / (1 << 20);
}

}  // namespace postern::bench
