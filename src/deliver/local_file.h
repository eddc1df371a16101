// What deliveries into files of this machine share.
#pragma once

#include <cerrno>
#include <string>
#include <string_view>

#include <unistd.h>

#include "spool/io_error.h"

namespace postern::deliver {

/// The spool's two lanes become one: whatever the disk says, the message waits.
inline tl::unexpected<Error> trouble(Error error) {
  error.fault = Fault::temporary;
  return tl::unexpected<Error>(std::move(error));
}
/// By `errno`.
inline tl::unexpected<Error> trouble(std::string_view what) {
  return trouble(spool::io_error(what).value());
}

inline Result<void> write_all(int fd, std::string_view octets, std::string_view path) {
  while (!octets.empty()) {
    const ssize_t written = ::write(fd, octets.data(), octets.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return trouble("writing " + std::string(path));
    octets.remove_prefix(static_cast<std::size_t>(written));
  }
  return {};
}

/// CRLF becomes LF, as programs that read local mail expect. A CR in front of anything else stays.
class UnixLines {
 public:
  /// The octets in that form, but for a CR at their end; valid until the next call.
  std::string_view next(std::string_view octets) {
    text_.clear();
    for (const char c : octets) {
      if (held_cr_ && c != '\n') text_ += '\r';
      held_cr_ = c == '\r';
      if (!held_cr_) text_ += c;
    }
    return text_;
  }
  /// The message is over.
  std::string_view finish() { return held_cr_ ? "\r" : ""; }

 private:
  std::string text_;
  bool held_cr_ = false;
};

}  // namespace postern::deliver
