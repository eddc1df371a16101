// SMTP replies: RFC 5321 §4.2 codes with RFC 3463 enhanced status codes.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"

namespace postern::smtp {

/// RFC 3463 §2: class.subject.detail. All zero means: the reply carries none (greeting, EHLO, 354).
struct EnhancedCode {
  std::uint8_t klass = 0;
  std::uint16_t subject = 0;
  std::uint16_t detail = 0;

  bool present() const { return klass != 0; }
  std::string to_string() const;
  bool operator==(const EnhancedCode&) const = default;
};

/// Takes `5.7.1` and the blanks behind it off the front of a reply's text: RFC 3463 §2, class 2, 4
/// or 5. Without one, `text` stays as it is.
std::optional<EnhancedCode> take_enhanced(std::string_view& text);

/// What the server does when a reply is written.
enum class After : std::uint8_t {
  go_on,
  close,
  close_with_421,  ///< a 421 follows it
};

/// One reply. `text` is printable ASCII; more lines are separated by '\n'. What a client sent is
/// echoed only through `echo()`.
struct Reply {
  std::uint16_t code = 250;
  EnhancedCode enhanced;
  std::string text;
  After after = After::go_on;
  std::string masked;  ///< where the text holds a secret: the text of logs and records

  /// The text for all but the client.
  const std::string& shown() const { return masked.empty() ? text : masked; }
  bool positive() const { return code < 400; }
  bool temporary() const { return code >= 400 && code < 500; }
  bool permanent() const { return code >= 500; }
  /// RFC 5321 §4.2.1 and RFC 7504 §4: 421 and 521 are the last reply of a connection.
  bool closes() const { return code == 421 || code == 521; }
  /// On the wire, CRLF at each end. A line has at most 512 octets with CRLF (RFC 5321 §4.5.3.1.5).
  std::string to_wire() const;
  /// The same, appended to `out`.
  void append_wire(std::string& out) const;
  /// One line without CRLF, for logs and traces: `550 5.7.1 source address not allowed`.
  std::string to_string() const;
  bool operator==(const Reply&) const = default;
};

/// As Reply::append_wire, for a text that is no string of its own.
void append_wire(std::string& out, std::uint16_t code, EnhancedCode enhanced,
                 std::string_view text);

/// Client text fit for a reply or a log line: at most 100 octets of printable ASCII; each other
/// octet is replaced by '?', and so are `<`, `>` and `&`.
std::string echo(std::string_view client_text);

/// The one place where a fault becomes a reply; the Error's sentence stays in the log.
Reply reply_for(Fault fault);

}  // namespace postern::smtp
