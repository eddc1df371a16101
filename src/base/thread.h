// Threads with names, for ps -L, top, gdb and perf (docs/threads.md lists them).
#pragma once

#include <algorithm>
#include <cstddef>
#include <string>
#include <thread>
#include <utility>

#include <pthread.h>

namespace postern {

/// Linux keeps 15 octets; a longer name is cut.
inline constexpr std::size_t longest_thread_name = 15;

/// Of the calling thread.
inline void name_this_thread(std::string name) {
  name.resize(std::min(name.size(), longest_thread_name));
  ::pthread_setname_np(::pthread_self(), name.c_str());
}

/// The only way to make a thread: tools/check-shapes refuses std::thread elsewhere.
template <class Work>
std::thread named_thread(std::string name, Work work) {
  return std::thread([name = std::move(name), work = std::move(work)]() mutable {
    name_this_thread(std::move(name));
    work();
  });
}

}  // namespace postern
