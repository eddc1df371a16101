// Replies of other servers (RFC 5321 §4.2), parsed leniently and with bounds.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "smtp/reply.h"

namespace postern::smtp {

/// A reply of another server. The lines are untrusted octets.
struct ServerReply {
  std::uint16_t code = 0;          ///< 200 to 599
  std::vector<std::string> lines;  ///< the text after the code and the separator, without line ends

  /// 2xx.
  bool positive() const { return code < 300; }
  /// 3xx.
  bool intermediate() const { return code >= 300 && code < 400; }
  /// 4xx.
  bool temporary() const { return code >= 400 && code < 500; }
  /// 5xx.
  bool permanent() const { return code >= 500; }
  /// The enhanced code of the first line if its class matches the reply code (RFC 2034 §4);
  /// otherwise X.0.0.
  EnhancedCode enhanced() const;
  /// Whether the first line has an enhanced code of the reply's class.
  bool has_enhanced() const;
  /// The lines joined by blanks; printable, at most 1024 octets.
  std::string text() const;
};

/// Splits a stream of octets into replies. A bare LF also ends a line, because many servers send it
/// and it is harmless to a client. For one thread at a time.
class ReplyReader {
 public:
  static constexpr std::size_t max_line = 2048;  ///< octets, including the line end
  static constexpr std::size_t max_lines = 100;  ///< of one reply

  /// The result of take().
  enum class Status : std::uint8_t {
    need_input,
    reply,
    broken,  ///< not `ddd[ -]text`, codes that differ, or too long: close the connection
  };

  /// Consumes octets from the front of `input`, up to the end of one reply.
  Status take(std::string_view& input);
  /// The last complete reply; valid until the next take().
  const ServerReply& reply() const { return reply_; }
  /// Drops an incomplete reply.
  void clear();

 private:
  bool add_line(std::string_view line, bool& last);

  ServerReply reply_;
  std::string held_;  ///< an incomplete line
  bool complete_ = false;
};

}  // namespace postern::smtp
