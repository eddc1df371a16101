// Named threads, for ps -L, top, gdb and perf (docs/threads.md lists the names).
#pragma once

#include <algorithm>
#include <cstddef>
#include <string>
#include <thread>
#include <utility>

#include <pthread.h>

namespace postern {

/// The limit of Linux, in octets; longer names are cut.
inline constexpr std::size_t longest_thread_name = 15;

/// Names the calling thread.
inline void name_this_thread(std::string name) {
  name.resize(std::min(name.size(), longest_thread_name));
  ::pthread_setname_np(::pthread_self(), name.c_str());
}

/// Starts a named thread. The only way to start one: tools/check-shapes rejects std::thread
/// elsewhere.
template <class Work>
std::thread named_thread(std::string name, Work work) {
  return std::thread([name = std::move(name), work = std::move(work)]() mutable {
    name_this_thread(std::move(name));
    work();
  });
}

}  // namespace postern
