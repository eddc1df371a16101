// What a failed system call on a message's file means.
#pragma once

#include <cerrno>
#include <cstring>
#include <string_view>

#include <fmt/core.h>

#include "base/error.h"

namespace postern::spool {

/// The room's two lanes, by `errno`: Fault::temporary when something has run out, be it space,
/// descriptors or memory (452 4.3.1), Fault::permanent for trouble with the disk (451 4.3.0).
inline tl::unexpected<Error> io_error(std::string_view what) {
  const int code = errno;
  const bool full = code == ENOSPC || code == EDQUOT || code == EFBIG || code == EMFILE ||
                    code == ENFILE || code == ENOMEM;
  return fail(full ? Fault::temporary : Fault::permanent,
              fmt::format("{}: {}", what, std::strerror(code)));
}

}  // namespace postern::spool
