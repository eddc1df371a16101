// CPU time and memory of a benchmark, and keys of tables.
#pragma once

#include <ctime>
#include <fstream>
#include <string>
#include <string_view>
#include <utility>

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

/// Keys in one text, in the order of their look-ups: as a session has its key in the cache,
/// fetching the key is not measured.
class KeyList {
 public:
  KeyList() = default;
  /// Of keys with a line end each; not empty.
  explicit KeyList(std::string text) : text_(std::move(text)) {}
  void add(const std::string& key) {
    text_ += key;
    text_ += '\n';
  }
  template <class Use>
  void each(std::size_t count, const Use& use) const {
    std::size_t at = 0;
    for (std::size_t i = 0; i < count; ++i) {
      if (at == text_.size()) at = 0;
      const std::size_t end = text_.find('\n', at);
      use(std::string_view(text_).substr(at, end - at));
      at = end + 1;
    }
  }

 private:
  std::string text_;
};

}  // namespace postern::bench
