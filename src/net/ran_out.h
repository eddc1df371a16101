// Distinguishes local failures from those of the peer.
#pragma once

#include <cerrno>

#include <boost/system/error_code.hpp>

namespace postern::net {

/// Whether this machine is out of descriptors, buffers or memory for a socket (socket(2),
/// connect(2)).
inline bool ran_out(const boost::system::error_code& error) {
  const int code = error.value();
  return code == EMFILE || code == ENFILE || code == ENOBUFS || code == ENOMEM;
}

}  // namespace postern::net
