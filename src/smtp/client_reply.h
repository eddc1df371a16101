// What a server answers: RFC 5321 §4.2 as it is seen in the field, with a bound on everything.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "smtp/reply.h"

namespace postern::smtp {

/// A reply of another server. Its lines are foreign octets.
struct ServerReply {
  std::uint16_t code = 0;          ///< 200 to 599
  std::vector<std::string> lines;  ///< behind the code and its separator, without line ends

  bool positive() const { return code < 300; }
  bool intermediate() const { return code >= 300 && code < 400; }
  bool temporary() const { return code >= 400 && code < 500; }
  bool permanent() const { return code >= 500; }
  /// The enhanced code of the first line if its class is that of the reply code (RFC 2034 §4);
  /// else X.0.0.
  EnhancedCode enhanced() const;
  /// True when the first line has an enhanced code of the reply's class.
  bool has_enhanced() const;
  /// The lines joined by a blank, printable, at most 1024 octets.
  std::string text() const;
};

/// Cuts a stream of octets into replies. Bare LF ends a line too: servers that send it are many,
/// and a client loses nothing by it.
class ReplyReader {
 public:
  static constexpr std::size_t max_line = 2048;  ///< octets, line end included
  static constexpr std::size_t max_lines = 100;

  enum class Status : std::uint8_t {
    need_input,
    reply,
    broken,  ///< not `ddd[ -]text`, codes that differ, too long: close the connection
  };

  /// Takes octets from the front of `input`, one reply at most.
  Status take(std::string_view& input);
  /// The last one taken; valid until the next take().
  const ServerReply& reply() const { return reply_; }
  /// Forgets a reply begun and not ended.
  void clear();

 private:
  bool add_line(std::string_view line, bool& last);

  ServerReply reply_;
  std::string held_;  ///< of a line without its end yet
  bool complete_ = false;
};

}  // namespace postern::smtp
