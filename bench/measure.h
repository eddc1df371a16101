// What the benchmarks measure themselves by.
#pragma once

#include <ctime>
#include <fstream>

#include <malloc.h>
#include <unistd.h>

namespace postern::bench {

/// Time of this thread alone: other programs may be running.
inline double thread_nanoseconds() {
  timespec now{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) * 1e9 + static_cast<double>(now.tv_nsec);
}

/// Memory of this process that is in use, less what only the allocator keeps.
inline double resident_mib() {
  malloc_trim(0);
  std::ifstream file("/proc/self/statm");
  double pages = 0;
  double resident = 0;
  file >> pages >> resident;
  return resident * static_cast<double>(sysconf(_SC_PAGESIZE)) / (1 << 20);
}

}  // namespace postern::bench
