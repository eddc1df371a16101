// Whether a failed call tells of this machine and not of the other end.
#pragma once

#include <cerrno>

#include <boost/system/error_code.hpp>

namespace postern::net {

/// No descriptor, buffer or memory is left here for a socket (socket(2), connect(2)).
inline bool ran_out(const boost::system::error_code& error) {
  const int code = error.value();
  return code == EMFILE || code == ENFILE || code == ENOBUFS || code == ENOMEM;
}

}  // namespace postern::net
