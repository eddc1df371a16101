// Streaming of response bodies, with or without a known length.
#pragma once

#include <chrono>

#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/core/tcp_stream.hpp>

#include "net/http_message.h"

namespace postern::net {

/// Waits until the client closes the connection: true. False: it has sent more than the limit of
/// pipelined octets. Its octets are in `received`, also after a cancellation.
Task<bool> watch_client(boost::beast::tcp_stream& stream, boost::beast::flat_buffer& received);

/// Returns when the client has closed the connection. Reads nothing, so a close after more octets
/// than the kernel buffers is not noticed.
Task<void> watch_for_close(boost::beast::tcp_stream& stream);

/// Writes one body after its head. False: the connection must be closed. Lives on the stream's
/// executor; borrows stream and buffer.
class BodyWriter {
 public:
  /// `received` collects what the client sends meanwhile: its next request. `write_deadline`
  /// applies to each write.
  BodyWriter(boost::beast::tcp_stream& stream, boost::beast::flat_buffer& received,
             std::chrono::milliseconds write_deadline)
      : stream_(stream), received_(received), write_deadline_(write_deadline) {}

  /// Writes a body of known size. False also if the pieces do not add up to it.
  Task<bool> write_sized(const HttpResponse::Stream& body);
  /// Writes a body until an empty piece, in the chunked transfer coding (RFC 9112 §7.1) or plain.
  /// Waiting for a piece has no deadline, but ends when the client closes the connection.
  Task<bool> write_until_end(const HttpResponse::Stream& body, bool chunked);

 private:
  Task<bool> write(std::string_view before, std::string_view piece, std::string_view after);

  boost::beast::tcp_stream& stream_;
  boost::beast::flat_buffer& received_;
  const std::chrono::milliseconds write_deadline_;
};

}  // namespace postern::net
