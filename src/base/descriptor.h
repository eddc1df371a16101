// A file descriptor that is closed with its scope.
#pragma once

#include <unistd.h>

#include <cerrno>
#include <utility>

namespace postern {

/// Owns a descriptor; -1: none. Closing keeps `errno`, and its own error is not seen: who writes a
/// file flushes it before.
class Descriptor {
 public:
  Descriptor() = default;
  /// Takes the descriptor over; -1 as after a failed open(2).
  explicit Descriptor(int value) : value_(value) {}
  Descriptor(Descriptor&& other) noexcept : value_(other.release()) {}
  Descriptor& operator=(Descriptor&& other) noexcept {
    if (this != &other) {
      close();
      value_ = other.release();
    }
    return *this;
  }
  ~Descriptor() { close(); }

  /// The number; -1: none.
  int get() const { return value_; }
  /// Whether there is one.
  bool is_open() const { return value_ >= 0; }
  /// Gives it away; the caller closes it.
  int release() { return std::exchange(value_, -1); }
  /// Closes it now, if there is one.
  void close() {
    if (value_ < 0) return;
    const int error = errno;
    ::close(release());
    errno = error;
  }

 private:
  int value_ = -1;
};

}  // namespace postern
