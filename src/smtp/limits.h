// The limits and options of a server session. The defaults are those of the threat model
// (docs/threat-model.md).
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

namespace postern::smtp {

/// Limits of one session.
struct Limits {
  /// Octets of a message; announced by SIZE (RFC 1870 §4).
  std::uint64_t message_size = 25ull << 20;
  /// Recipients accepted per transaction; at least 100 (RFC 5321 §4.5.3.1.8).
  std::size_t recipients = 1000;
  /// Octets of a local part, 64 (RFC 5321 §4.5.3.1.1) to 252, which a path has room for. VERP and
  /// SRS write whole addresses into one.
  std::size_t local_part = 192;
  /// Octets of a command line, including CRLF; at least 512 (RFC 5321 §4.5.3.1.4).
  std::size_t command_line = 2048;
  /// Octets of a line in an AUTH exchange (RFC 4954 §4).
  std::size_t auth_line = 12288;
  /// Octets without CRLF that end the session with 421.
  std::size_t endless_line = 65536;
  /// Octets of a text line in DATA; at least 1000 (RFC 5321 §4.5.3.1.6).
  std::size_t text_line = 65536;
  /// Errors tolerated; the next one ends the session with 421.
  std::size_t errors = 20;
  /// From this number of errors on, the driver delays each error reply.
  std::size_t soft_errors = 10;
  /// NOOP, RSET, VRFY, HELP and repeated EHLO between two messages; further ones count as errors.
  std::size_t junk_commands = 100;
  /// Failed authentications that end the session with 421.
  std::size_t auth_failures = 3;
  /// Messages per session; then MAIL gets 421.
  std::size_t messages = 1000;
  /// BDAT commands per message (RFC 3030 §2 sets no limit); then 552.
  std::size_t chunks = 1000;
  /// Received fields of a message; more indicate a loop (RFC 5321 §6.3).
  std::size_t received_fields = 100;
  /// Octets and fields of the header section; a message with more gets 554 5.6.0.
  std::size_t header_size = 1u << 20;
  std::size_t header_fields = 1000;
};

/// How bare LF in a message is handled (RFC 5321 §2.3.8 forbids it). `normalize` turns it into
/// CRLF, but never accepts it as part of the end of data. NUL and bare CR are rejected in both
/// modes.
enum class BareNewline { reject, normalize };

/// The server's identity and extensions. Must outlive every session that uses it.
struct ServerOptions {
  std::string hostname = "localhost";  ///< in the greeting and the EHLO reply
  std::string banner;                  ///< the greeting's text after the name; empty: the default
  /// Limits of each session.
  Limits limits;
  /// How bare LF is handled.
  BareNewline bare_newline = BareNewline::reject;
  bool starttls = false;  ///< a certificate is loaded, so STARTTLS is offered
  bool auth = false;      ///< AUTH is offered, inside TLS only
  /// The mechanisms with a verifier, in the order of the EHLO line; empty: AUTH is not offered.
  /// SCRAM-SHA-256-PLUS is left out on connections without channel binding.
  std::string mechanisms = "PLAIN LOGIN";
  bool dsn = true;                        ///< offer DSN (RFC 3461 §4)
  bool requiretls = true;                 ///< offer REQUIRETLS inside TLS (RFC 8689 §2)
  bool xclient = false;                   ///< offer XCLIENT; set per peer by the driver
  bool reject_unauth_pipelining = false;  ///< enforce RFC 2920 §3.1: 554 5.5.0, then close
  /// The reply to a message with bare line ends or NUL. 550: 550 5.5.2, and the session ends. 552:
  /// 552 5.6.0, and the session continues after the end of data.
  std::uint16_t bare_newline_code = 550;
  /// The reply to a message with a line too long: 554 (5.6.0) or 500 (5.2.3).
  std::uint16_t long_line_code = 554;
  /// The reply to DATA without recipients: 503 or 554 (RFC 5321 §3.3).
  std::uint16_t no_recipients = 554;
  bool tls_required = false;      ///< 530 5.7.0 to most commands before STARTTLS (RFC 3207 §4)
  bool auth_without_tls = false;  ///< AUTH is also offered without TLS
  bool helo_required = true;      ///< MAIL before HELO gets 503 5.5.1
  /// Restriction lists are in use: paths are read as Postfix reads them (mail/postfix_path.h), and
  /// addresses without a domain are passed on with an empty one, which the policy completes.
  bool bare_addresses = false;
  /// With bare_addresses: paths must be in angle brackets and hold nothing but an address
  /// (Postfix's strict_rfc821_envelopes).
  bool strict_envelopes = false;
  bool any_helo = false;  ///< accept any printable HELO argument; the policy judges it
  /// The driver decides each VRFY; false: 252 to all.
  bool judged_vrfy = false;
  /// The driver decides each ETRN; false: 502 to all.
  bool judged_etrn = false;
  /// Replies are collected for ServerSession::take_replies(), for a driver that rewrites their
  /// text.
  bool replies_apart = false;
};

}  // namespace postern::smtp
