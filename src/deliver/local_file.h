// Helpers for deliveries into local files.
#pragma once

#include <cerrno>
#include <string>
#include <string_view>

#include <unistd.h>

#include "base/io_error.h"

namespace postern::deliver {

/// Makes any error temporary: whatever the disk reports, the message stays in the queue.
inline tl::unexpected<Error> trouble(Error error) {
  error.fault = Fault::temporary;
  return tl::unexpected<Error>(std::move(error));
}
/// A temporary error from `errno`. `what`: "writing PATH".
inline tl::unexpected<Error> trouble(std::string_view what) {
  return trouble(io_error(what).value());
}

/// Writes all octets; an error is Fault::temporary and names `path`. Blocks on the disk.
inline Result<void> write_all(int fd, std::string_view octets, std::string_view path) {
  while (!octets.empty()) {
    const ssize_t written = ::write(fd, octets.data(), octets.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return trouble("writing " + std::string(path));
    octets.remove_prefix(static_cast<std::size_t>(written));
  }
  return {};
}

/// Converts CRLF to LF, as programs that read local mail expect. Other CRs stay.
class UnixLines {
  /// One instance per message.
 public:
  /// The next octets, converted, without a CR at their end; valid until the next call.
  std::string_view next(std::string_view octets) {
    text_.clear();
    for (const char c : octets) {
      if (held_cr_ && c != '\n') text_ += '\r';
      held_cr_ = c == '\r';
      if (!held_cr_) text_ += c;
    }
    return text_;
  }
  /// The end of the message: the CR held back, if any.
  std::string_view finish() { return held_cr_ ? "\r" : ""; }

 private:
  std::string text_;
  bool held_cr_ = false;
};

}  // namespace postern::deliver
