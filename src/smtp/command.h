// The command grammar of RFC 5321 §4.1.1 as pure functions: a line in, its parts or a reply out.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "mail/address.h"
#include "smtp/reply.h"

namespace postern::smtp {

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
  foreign,  ///< another protocol's first line: HTTP sent to an SMTP port (ALPACA, cross-protocol)
};

/// "MAIL"; "" of what is no command of SMTP.
std::string_view to_string(Verb verb);

/// Views into the command line.
struct CommandView {
  Verb verb = Verb::unknown;
  std::string_view argument;  ///< without blanks at both ends
};

/// `line` is without CRLF. Verbs are matched without case (RFC 5321 §2.4).
CommandView parse_command(std::string_view line);

/// What the session offers; a parameter that is not offered is refused with 555 5.5.4.
struct Offered {
  std::uint64_t message_size = 0;
  bool extended = true;  ///< EHLO was said
  bool auth = false;     ///< AUTH= is known (RFC 4954 §5)
  bool dsn = false;      ///< RET, ENVID, NOTIFY and ORCPT are known (RFC 3461)
  /// REQUIRETLS (RFC 8689) is known, and whether the session is in TLS, as it has to be.
  bool requiretls = false;
  bool tls = false;
  mail::Bare bare = mail::Bare::refused;
};

struct MailArguments {
  std::optional<mail::Mailbox> reverse_path;
  std::optional<std::uint64_t> size;
  bool smtputf8 = false;
  bool body_8bitmime = false;
  bool requiretls = false;
  std::string ret;    ///< RFC 3461 §4.3, octet for octet; empty: not given
  std::string envid;  ///< RFC 3461 §4.4, still xtext
};

struct RcptArguments {
  mail::Mailbox forward_path;
  std::string notify;  ///< RFC 3461 §4.1, octet for octet; empty: not given
  std::string orcpt;   ///< RFC 3461 §4.2: address type, semicolon, xtext (or RFC 6533 §3)
};

/// Either what was asked for, or the reply that says why not.
template <class T>
using Parsed = tl::expected<T, Reply>;

/// `FROM:<path> [parameters]`.
Parsed<MailArguments> parse_mail(std::string_view argument, const Offered& offered);
/// `address [SMTPUTF8]` (RFC 5321 §4.1.1.6, RFC 6531 §3.7.4.2), in angle brackets or not. Without
/// the keyword the address is ASCII.
Parsed<mail::Mailbox> parse_vrfy(std::string_view argument, mail::Bare bare);
/// `TO:<path> [parameters]`; `<Postmaster>` becomes postmaster@`hostname`, or stays bare where that
/// is allowed.
Parsed<RcptArguments> parse_rcpt(std::string_view argument, mail::Utf8 utf8,
                                 std::string_view hostname, const Offered& offered);

struct BdatArguments {
  std::uint64_t size = 0;
  bool last = false;
};
/// `size [LAST]` (RFC 3030 §2): digits only, at most 20, at most `max`; nullopt otherwise.
std::optional<BdatArguments> parse_bdat(std::string_view argument, std::uint64_t max);

/// One word that could be a host name or an address literal. Only what no client could mean is
/// refused; whether the name is a valid one is a question of policy (reject_invalid_helo_hostname).
bool fit_helo_name(std::string_view name);

}  // namespace postern::smtp
