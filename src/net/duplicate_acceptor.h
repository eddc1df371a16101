// An acceptor beside another one for the same socket.
#pragma once

#include <memory>

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>

#include "base/error.h"

namespace postern::net {

/// An acceptor for a descriptor of its own of a TCP socket that listens: to close it does not end
/// the listening, and the descriptor that is given stays the caller's. Fault::permanent.
Result<std::shared_ptr<boost::asio::ip::tcp::acceptor>> duplicate_acceptor(
    boost::asio::io_context& context, int descriptor);

}  // namespace postern::net
