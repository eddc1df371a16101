// The command grammar of RFC 5321 §4.1.1 as pure functions: from a line to its parts, or to an
// error reply. Thread-safe.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "mail/address.h"
#include "mail/postfix_path.h"
#include "smtp/reply.h"

namespace postern::smtp {

/// The commands that the server recognizes.
enum class Verb {
  unknown,
  helo,
  ehlo,
  mail,
  rcpt,
  data,
  bdat,
  rset,
  noop,
  quit,
  vrfy,
  expn,
  help,
  etrn,
  turn,
  starttls,
  auth,
  xclient,
  foreign,  ///< the first line of another protocol, such as HTTP (cross-protocol attacks, ALPACA)
};

/// The command name: "MAIL"; "" for unknown and foreign.
std::string_view to_string(Verb verb);

/// A command line, split. The view points into it.
struct CommandView {
  Verb verb = Verb::unknown;
  std::string_view argument;  ///< without blanks at the ends
};

/// Splits a line without CRLF. Verbs are case-insensitive (RFC 5321 §2.4).
CommandView parse_command(std::string_view line);

/// The extensions that the session offers; parameters of others get 555 5.5.4.
struct Offered {
  /// The size limit in octets (RFC 1870 §4); 0: none.
  std::uint64_t message_size = 0;
  bool extended = true;  ///< the session was opened with EHLO
  bool auth = false;     ///< AUTH= is accepted (RFC 4954 §5)
  bool dsn = false;      ///< RET, ENVID, NOTIFY and ORCPT are accepted (RFC 3461 §4)
  /// REQUIRETLS is offered (RFC 8689 §2), and whether the session uses TLS, which it requires.
  bool requiretls = false;
  /// Whether the session uses TLS.
  bool tls = false;
  /// Octets of a local part (RFC 5321 §4.5.3.1.1).
  std::size_t local_part = 64;
  /// Restriction lists are in use: paths are read as Postfix reads them. nullopt: by the grammar of
  /// RFC 5321 §4.1.2 alone.
  std::optional<mail::Envelopes> postfix;
};

/// MAIL with valid parameters (RFC 5321 §4.1.1.2). An event of ServerSession: answer with reply().
struct Mail {
  std::optional<mail::Mailbox> reverse_path;  ///< nullopt: the null reverse-path
  std::optional<std::uint64_t> size;          ///< SIZE= in octets (RFC 1870 §6)
  bool smtputf8 = false;                      ///< RFC 6531 §3.4
  bool body_8bitmime = false;                 ///< BODY=8BITMIME (RFC 6152 §3)
  bool requiretls = false;                    ///< RFC 8689 §2
  std::string ret;                            ///< RFC 3461 §4.3, as sent; empty: not given
  std::string envid;  ///< RFC 3461 §4.4, xtext not decoded; empty: not given
};

/// RCPT (RFC 5321 §4.1.1.3). An event of ServerSession: answer with reply(); a positive reply adds
/// the recipient.
struct Rcpt {
  mail::Mailbox forward_path;  ///< see parse_rcpt() of `<Postmaster>`
  std::string notify;          ///< RFC 3461 §4.1, as sent; empty: not given
  std::string orcpt;           ///< RFC 3461 §4.2: address type, semicolon, xtext (or RFC 6533 §3)
};

/// The parsed arguments, or the reply that rejects the command.
template <class T>
using Parsed = tl::expected<T, Reply>;

/// Parses `FROM:<path> [parameters]`.
Parsed<Mail> parse_mail(std::string_view argument, const Offered& offered);
/// Parses the argument of VRFY: `address [SMTPUTF8]`, with or without angle brackets
/// (RFC 5321 §4.1.1.6, RFC 6531 §3.7.4.2). Without the keyword the address must be ASCII.
Parsed<mail::Mailbox> parse_vrfy(std::string_view argument, const Offered& offered);
/// Parses `TO:<path> [parameters]`. `<Postmaster>` becomes postmaster@`hostname`, or has an empty
/// domain if paths are read as Postfix reads them.
Parsed<Rcpt> parse_rcpt(std::string_view argument, mail::Utf8 utf8, std::string_view hostname,
                        const Offered& offered);

/// The arguments of BDAT (RFC 3030 §2).
struct BdatArguments {
  std::uint64_t size = 0;  ///< octets of the chunk
  bool last = false;       ///< the last chunk of the message
};
/// Parses `size [LAST]` (RFC 3030 §2): at most 20 digits; nullopt: malformed, or no number of 64
/// bits.
std::optional<BdatArguments> parse_bdat(std::string_view argument);

/// Whether a HELO argument is one word that could be a host name or an address literal. Lenient on
/// purpose: whether the name is valid is decided by policy (reject_invalid_helo_hostname).
bool fit_helo_name(std::string_view name);

}  // namespace postern::smtp
