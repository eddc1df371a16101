// The sans-I/O SMTP server (docs/decisions/0004-sans-io-cores.md): octets in, events out; answers
// in, octets out. It has no socket, clock or policy, and never blocks.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/ip.h"
#include "base/secret.h"
#include "mail/address.h"
#include "smtp/command.h"
#include "smtp/limits.h"
#include "smtp/protocol_error.h"
#include "smtp/reply.h"
#include "smtp/scram.h"

namespace postern::smtp {

/// The input is used up: write take_output(), read, call feed().
struct NeedInput {};
/// HELO or EHLO with an acceptable argument. Answer with accept() or reply(). accept() also ends an
/// open transaction (RFC 5321 §4.1.4), for which no Aborted event follows.
struct Helo {
  std::string name;       ///< as the client sent it, at most 255 octets
  bool extended = false;  ///< EHLO
};
/// STARTTLS was accepted; the output ends with its 220. Write the output, discard octets that were
/// read but not fed, do the handshake, and call tls_started(), which resets the session except for
/// its counters (RFC 3207 §4.2).
struct StartTls {};
/// A client begins SCRAM (RFC 5802) for this account. Answer with scram(), also for an unknown
/// account, or with reply().
struct ScramName {
  std::string authz_id;  ///< empty: the client gave none
  std::string authn_id;  ///< the account
};
/// The result of SCRAM; `none` for other mechanisms.
enum class Proof : std::uint8_t { none, right, wrong };
/// Complete credentials. Answer with reply(): 235 authenticates the session.
struct Auth {
  std::string mechanism;      ///< in capitals: "PLAIN"
  std::string authz_id;       ///< authorization identity (RFC 4616 §2); empty: the client gave none
  std::string authn_id;       ///< the account; for OAUTHBEARER the same as authz_id
  Secret password;            ///< for OAUTHBEARER the token, for SCRAM empty
  Proof proof = Proof::none;  ///< for SCRAM; `wrong` must be rejected
};
/// VRFY of an address; only with ServerOptions::judged_vrfy. Answer with reply().
struct Vrfy {
  mail::Mailbox mailbox;        ///< `Postmaster` has no domain
  bool in_transaction = false;  ///< after an accepted MAIL
};
/// ETRN of a domain (RFC 1985 §5); only with ServerOptions::judged_etrn. Answer with reply().
struct Etrn {
  std::string domain;  ///< as the client sent it
};
/// DATA or the first BDAT, with at least one recipient: a message begins. Answer with proceed() or
/// reply(). After a negative reply to BDAT, its octets are discarded.
struct Data {
  bool chunked = false;  ///< BDAT (RFC 3030 §2)
};
/// A piece of the message, with stuffed dots removed and CRLF line ends. Needs no answer.
struct Chunk {
  std::string_view bytes;  ///< valid until the next call on the session
};
/// The message is complete and within the limits. Answer with reply(): a positive reply accepts
/// responsibility for it (RFC 5321 §6.1).
struct EndOfData {
  std::uint64_t size = 0;  ///< octets of all chunks
};
/// The transaction ended without a message: RSET, STARTTLS, or a rejected or malformed message.
/// Its data can be released. Needs no answer.
struct Aborted {
  Reply reply;  ///< sent to the client, for the log; code 0: none
};
/// XCLIENT attributes of a trusted peer. Answer with reply(); 220 restarts the session.
struct Xclient {
  std::optional<IpAddress> address;  ///< nullopt: not given
  std::optional<std::string> name;   ///< confirmed host name
  std::optional<std::string> helo;   ///< HELO name
  std::optional<std::string> login;  ///< authenticated account
};
/// The session is over: write take_output() and close. It is the last event.
struct Closed {
  /// Why the server ended it; `quit`: the client did.
  enum class Reason { quit, too_many_errors, protocol, policy, auth_failures, limit } reason;
};

/// What next() returns.
using Event = std::variant<NeedInput, Helo, StartTls, ScramName, Auth, Mail, Rcpt, Vrfy, Etrn, Data,
                           Chunk, EndOfData, Aborted, Xclient, Closed>;

/// A reply of the session; only with ServerOptions::replies_apart.
struct Given {
  Reply reply;  ///< as the session chose it
  /// The command that it answers, without credentials; "": none, or an unknown command.
  std::string command;
  bool as_is = false;  ///< an extension list or SASL challenge, which clients parse
};

/// One SMTP session. For one thread at a time. Needs little memory while idle: empty buffers are
/// released.
class ServerSession {
 public:
  /// `options` must outlive the session.
  explicit ServerSession(const ServerOptions& options);
  ~ServerSession();
  ServerSession(ServerSession&&) noexcept;

  /// Queues the 220 greeting. To reject a connection, call turn_away() or refuse() instead.
  void greet();
  /// Queues `reply` instead of the greeting. Every command except QUIT then gets 503 5.7.0
  /// (RFC 5321 §3.1). 421 and 521 end the session.
  void turn_away(const Reply& reply);
  /// Queues `reply` as the last one and ends the session. Does nothing if it is over.
  void refuse(const Reply& reply);

  /// Takes octets from the client. Call only after NeedInput. `bytes` must stay valid until next()
  /// returns NeedInput, StartTls or Closed, because lines and chunks are views into it. An
  /// incomplete line is copied.
  void feed(std::string_view bytes);
  /// Copies the rest of the input, so that its buffer may be reused: for a driver that shares the
  /// buffer between sessions and waits before it answers. Does nothing if the input is used up or
  /// already copied.
  void keep_input();
  /// The next event. An event that needs an answer must be answered first.
  Event next();
  /// Answers the last event. 421 ends the session. A code other than 2xx, 4xx and 5xx becomes 451.
  void reply(const Reply& reply);
  /// With ServerOptions::replies_apart: the replies since the last call, in order. The session has
  /// already acted on them; the driver queues each with write().
  std::vector<Given> take_replies();
  /// Queues a reply of take_replies(). Its text may differ, its code only among refusals, or
  /// within its class. A reply that ends the session is the last one.
  void write(const Reply& said);
  /// Answers Helo with 250 and the extension list.
  void accept();
  /// As above, with another list. Does not change which extensions the session accepts.
  void accept(const std::vector<std::string>& extensions);
  /// The extensions that accept() offers: "PIPELINING", "SIZE 26214400". Empty for HELO.
  std::vector<std::string> extensions() const;
  /// Answers ScramName. `nonce` is random and printable, without comma. For an unknown account,
  /// pass made-up keys that match no password.
  void scram(const ScramKeys& keys, std::string_view nonce);
  /// Answers Data: sends 354 for DATA, nothing for BDAT.
  void proceed();
  /// The TLS handshake is done: after StartTls, or before greet() on an implicit TLS listener.
  /// `bindings`: the channel bindings for SCRAM-SHA-256-PLUS.
  void tls_started(ChannelBindings bindings = {});
  /// The octets to write now; clears the buffer.
  std::string take_output();
  /// Octets that wait to be written. The driver should write before it feeds more if this is large.
  std::size_t output_size() const;
  /// Whether the session is over.
  bool closed() const;

  /// Input follows the command that was just answered or reported (RFC 2920 §3.1): for
  /// reject_unauth_pipelining.
  bool input_waiting() const;
  /// The client has pipelined after a command that must be the last of a group (RFC 2920 §3.1), now
  /// or earlier.
  bool early_talker() const;
  /// After tls_started().
  bool in_tls() const;
  /// AUTH succeeded.
  bool authenticated() const;
  /// EHLO was accepted.
  bool esmtp() const;
  /// Error replies (4xx and 5xx) so far; from Limits::soft_errors on, the driver delays each.
  std::size_t errors() const;
  /// What the client did against the protocol since the last call, in order, for metrics.
  std::vector<ProtocolError> take_protocol_errors();
  /// The error replies since the last call, in order, that the session gave by itself and not as an
  /// answer of the driver: to commands that it did not pass on, and to messages that break a rule
  /// of form. For the log.
  std::vector<Reply> take_own_refusals();
  /// A message is being received: after 354 or BDAT, before the final reply.
  bool in_data() const;
  /// From an accepted MAIL to the end of the message, RSET or EHLO.
  bool in_transaction() const;
  /// Releases memory that an idle session does not need.
  void shrink();
  /// Octets of memory for input and output.
  std::size_t held() const;

 private:
  void part(After after);

  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace postern::smtp
