// SMTP replies: reply codes (RFC 5321 §4.2) with enhanced status codes (RFC 3463 §2).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"

namespace postern::smtp {

/// class.subject.detail (RFC 3463 §2). All zero: the reply has none (greeting, EHLO, 354).
struct EnhancedCode {
  std::uint8_t klass = 0;     ///< 2, 4 or 5; 0: none
  std::uint16_t subject = 0;  ///< 0 to 999
  std::uint16_t detail = 0;   ///< 0 to 999

  /// Whether there is an enhanced code.
  bool present() const { return klass != 0; }
  /// "5.7.1".
  std::string to_string() const;
  bool operator==(const EnhancedCode&) const = default;
};

/// Removes an enhanced code of class 2, 4 or 5 (RFC 3463 §2) and the blanks after it from the front
/// of `text`. nullopt: there is none; `text` is unchanged.
std::optional<EnhancedCode> take_enhanced(std::string_view& text);

/// What the server does after sending a reply.
enum class After : std::uint8_t {
  go_on,
  close,
  close_with_421,  ///< sends a 421 too, then closes
};

/// One reply. `text` is printable ASCII; '\n' separates lines. Client text may only be included
/// through echo().
struct Reply {
  std::uint16_t code = 250;    ///< 200 to 599
  EnhancedCode enhanced;       ///< not present(): none is sent
  std::string text;            ///< without the codes
  After after = After::go_on;  ///< independent of the code
  std::string masked;          ///< for logs and records if `text` contains a secret; empty: `text`

  /// The text for everyone but the client.
  const std::string& shown() const { return masked.empty() ? text : masked; }
  /// 2xx or 3xx.
  bool positive() const { return code < 400; }
  /// 4xx.
  bool temporary() const { return code >= 400 && code < 500; }
  /// 5xx.
  bool permanent() const { return code >= 500; }
  /// Whether the code ends the connection: 421 (RFC 5321 §4.2.1) and 521 (RFC 7504 §4).
  bool closes() const { return code == 421 || code == 521; }
  /// The wire form. Each line ends in CRLF and has at most 512 octets, CRLF included
  /// (RFC 5321 §4.5.3.1.5).
  std::string to_wire() const;
  /// Appends to_wire() to `out`.
  void append_wire(std::string& out) const;
  /// One line without CRLF, for logs and traces: `550 5.7.1 source address not allowed`.
  std::string to_string() const;
  bool operator==(const Reply&) const = default;
};

/// As Reply::append_wire(), without a Reply.
void append_wire(std::string& out, std::uint16_t code, EnhancedCode enhanced,
                 std::string_view text);

/// Client text made safe for replies and logs: at most 100 octets; octets outside printable ASCII
/// and `<`, `>`, `&` become '?'.
std::string echo(std::string_view client_text);

/// The reply to a fault, 501, 552, 550 or 451. The only such mapping; the Error's message is for
/// the log.
Reply reply_for(Fault fault);

}  // namespace postern::smtp
