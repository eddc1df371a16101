// The faults of failed system calls on files.
#pragma once

#include <cerrno>
#include <cstring>
#include <string_view>

#include <fmt/core.h>

#include "base/disk_full.h"
#include "base/error.h"

namespace postern {

/// The fault for `errno`: Fault::disk_full, Fault::temporary when descriptors or memory ran out
/// (both reply 452 4.3.1), Fault::permanent for other disk errors (reply 451 4.3.0).
inline tl::unexpected<Error> io_error(std::string_view what) {
  const int code = errno;
  const bool passing = code == EMFILE || code == ENFILE || code == ENOMEM;
  return fail(is_disk_full(code) ? Fault::disk_full
              : passing          ? Fault::temporary
                                 : Fault::permanent,
              fmt::format("{}: {}", what, std::strerror(code)));
}

/// Whether an error of the files or the queue means that there is no room now, on the disk or in
/// memory (reply 452 4.3.1); else it is another local failure (451 4.3.0).
inline bool has_no_room(const Error& error) {
  return error.fault == Fault::disk_full || error.fault == Fault::temporary;
}

}  // namespace postern
