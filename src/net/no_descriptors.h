// For tests: a process that is out of file descriptors.
#pragma once

#include <stdexcept>

#include <sys/resource.h>
#include <unistd.h>

namespace postern::net {

/// During its lifetime, every call that needs a new descriptor fails with EMFILE. Throws
/// std::runtime_error if the limit cannot be set.
class NoDescriptors {
 public:
  NoDescriptors() {
    const int next = ::dup(STDERR_FILENO);
    if (next < 0 || ::close(next) != 0 || ::getrlimit(RLIMIT_NOFILE, &before_) != 0) {
      throw std::runtime_error("descriptors cannot be counted");
    }
    const rlimit none{.rlim_cur = static_cast<rlim_t>(next), .rlim_max = before_.rlim_max};
    if (::setrlimit(RLIMIT_NOFILE, &none) != 0) throw std::runtime_error("no limit can be set");
  }
  ~NoDescriptors() { ::setrlimit(RLIMIT_NOFILE, &before_); }
  NoDescriptors(const NoDescriptors&) = delete;
  NoDescriptors& operator=(const NoDescriptors&) = delete;

 private:
  rlimit before_{};
};

}  // namespace postern::net
