// What one session may use. Every default is that of the threat model (docs/threat-model.md).
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

namespace postern::smtp {

struct Limits {
  /// Octets of a message; announced by SIZE (RFC 1870).
  std::uint64_t message_size = 25ull << 20;
  /// RCPT accepted in one transaction; RFC 5321 §4.5.3.1.8 asks for 100 at least.
  std::size_t recipients = 1000;
  /// Octets of a command line, CRLF included (RFC 5321 §4.5.3.1.4 asks for 512 and more).
  std::size_t command_line = 2048;
  /// Octets of an AUTH line (RFC 4954 §4).
  std::size_t auth_line = 12288;
  /// Octets without CRLF after which the session ends with 421.
  std::size_t endless_line = 65536;
  /// Octets of a text line in DATA; RFC 5321 §4.5.3.1.6 asks for 1000 at least.
  std::size_t text_line = 65536;
  /// Errors after which the next one ends the session.
  std::size_t errors = 20;
  /// From this error on the driver waits a second before each error reply.
  std::size_t soft_errors = 10;
  /// NOOP, RSET, VRFY, HELP and EHLO said again between two messages; more count as errors.
  std::size_t junk_commands = 100;
  std::size_t auth_failures = 3;
  std::size_t messages = 1000;
  /// BDAT commands of one message (RFC 3030 sets no limit).
  std::size_t chunks = 1000;
  /// Received fields of a message; more are a loop (RFC 5321 §6.3).
  std::size_t received_fields = 100;
  /// Octets and fields of the header section; more are refused with 554 5.6.0.
  std::size_t header_size = 1u << 20;
  std::size_t header_fields = 1000;
};

/// RFC 5321 §2.3.8: lines end in CRLF only. `normalize` mends bare LF inside data, never in a
/// terminator; NUL and bare CR are refused either way.
enum class BareNewline { reject, normalize };

/// What the server says of itself and offers. Lives as long as every session made with it.
struct ServerOptions {
  std::string hostname = "localhost";  ///< greeting, EHLO reply
  std::string banner;                  ///< of the greeting, behind the name; empty: the usual one
  Limits limits;
  BareNewline bare_newline = BareNewline::reject;
  bool starttls = false;  ///< a certificate is loaded
  bool auth = false;      ///< offered inside TLS only
  /// What some verifier serves, in the order of the EHLO line; none: AUTH is not offered.
  /// SCRAM-SHA-256-PLUS is left out where the connection has nothing to bind to.
  std::string mechanisms = "PLAIN LOGIN";
  bool dsn = true;                        ///< RFC 3461 is offered
  bool requiretls = true;                 ///< RFC 8689 is offered, inside TLS
  bool xclient = false;                   ///< set per peer by the driver
  bool reject_unauth_pipelining = false;  ///< RFC 2920 §3.1 enforced: 554 5.5.0, and the end
  /// The code of a message with bare line ends or NUL: 550 5.5.2, and the session ends; or
  /// 552 5.6.0, and it goes on behind the true end of the data.
  std::uint16_t bare_newline_code = 550;
  /// The code of a message with a line too long: 554 5.6.0, or 500 5.2.3.
  std::uint16_t long_line_code = 554;
  std::uint16_t no_recipients = 554;  ///< the code of DATA without one: 503 or 554 (RFC 5321 §3.3)
  bool tls_required = false;          ///< 530 5.7.0 before STARTTLS (RFC 3207 §4)
  bool auth_without_tls = false;      ///< AUTH is offered in the clear too
  bool helo_required = true;          ///< MAIL before HELO is 503 5.5.1
  /// Addresses without a domain are handed on with an empty one, for whoever completes them.
  bool bare_addresses = false;
  bool any_helo = false;  ///< any printable HELO argument is taken, for lists to judge
  /// VRFY of an address is asked about; without, 252 to all.
  bool judged_vrfy = false;
  /// ETRN is asked about; without, 502 to all.
  bool judged_etrn = false;
  /// Replies are kept for ServerSession::take_replies(), for a driver that gives them other words.
  bool replies_apart = false;
};

}  // namespace postern::smtp
