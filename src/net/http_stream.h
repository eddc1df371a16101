// Bodies in pieces: of a length that is known, or until they end.
#pragma once

#include <chrono>

#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/core/tcp_stream.hpp>

#include "net/http_message.h"

namespace postern::net {

/// True when the client has closed; false when it has sent more than anybody sends ahead. What it
/// sent is in `received`, also when this is cancelled.
Task<bool> watch_client(boost::beast::tcp_stream& stream, boost::beast::flat_buffer& received);

/// Returns when the client has closed, and reads nothing: who sends ahead waits. A close behind
/// more than the kernel takes is not seen.
Task<void> watch_for_close(boost::beast::tcp_stream& stream);

/// Writes one body after its head. Both methods return false when the connection is of no use any
/// more. Lives on the stream's executor; stream and buffer are borrowed.
class BodyWriter {
 public:
  /// `received`: what the client sends meanwhile, to be read as its next request.
  BodyWriter(boost::beast::tcp_stream& stream, boost::beast::flat_buffer& received,
             std::chrono::milliseconds write_deadline)
      : stream_(stream), received_(received), write_deadline_(write_deadline) {}

  /// False also when the pieces do not come to the announced length.
  Task<bool> write_sized(const HttpResponse::Stream& body);
  /// The chunked transfer coding (RFC 9112 §7.1), or the octets alone. Waiting for a piece has no
  /// deadline, but ends when the client goes away.
  Task<bool> write_until_end(const HttpResponse::Stream& body, bool chunked);

 private:
  Task<bool> write(std::string_view before, std::string_view piece, std::string_view after);

  boost::beast::tcp_stream& stream_;
  boost::beast::flat_buffer& received_;
  const std::chrono::milliseconds write_deadline_;
};

}  // namespace postern::net
