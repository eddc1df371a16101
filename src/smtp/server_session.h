// The SMTP server as a value: bytes in, events out, replies in, bytes out. It knows no socket, no
// clock and no policy, and it never waits (docs/decisions/0004-sans-io-cores.md).
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
#include "smtp/limits.h"
#include "smtp/reply.h"
#include "smtp/scram.h"

namespace postern::smtp {

/// The session has used up its input: write take_output(), read, feed().
struct NeedInput {};
/// HELO or EHLO with a syntactically fit argument. Answer with accept() or reply().
struct Helo {
  std::string name;       ///< as the client wrote it, at most 255 octets
  bool extended = false;  ///< EHLO
};
/// STARTTLS was accepted: output holds the 220. Write it, drop every octet read but not fed, do the
/// handshake, call tls_started(). All state is new afterwards but the counters (RFC 3207 §4.2).
struct StartTls {};
/// SCRAM of this account has begun. Answer with scram(), also for a name that nobody has, or
/// reply().
struct ScramName {
  std::string authz_id;  ///< empty when the client named none
  std::string authn_id;
};
/// What SCRAM has proved.
enum class Proof : std::uint8_t { none, right, wrong };
/// Credentials, complete. Answer with reply(): 235 makes the session authenticated.
struct Auth {
  std::string mechanism;      ///< "PLAIN", in capitals
  std::string authz_id;       ///< RFC 4616; empty when the client named none
  std::string authn_id;       ///< of OAUTHBEARER authz_id
  Secret password;            ///< of OAUTHBEARER the token, of SCRAM empty
  Proof proof = Proof::none;  ///< of SCRAM; then only the wrong are to be refused
};
/// MAIL with its parameters checked. Answer with reply().
struct Mail {
  std::optional<mail::Mailbox> reverse_path;  ///< nullopt: the null reverse-path
  std::optional<std::uint64_t> size;          ///< SIZE= (RFC 1870)
  bool smtputf8 = false;                      ///< RFC 6531
  bool body_8bitmime = false;                 ///< RFC 6152
  bool requiretls = false;                    ///< RFC 8689
  std::string ret;    ///< RET= (RFC 3461 §4.3) octet for octet; empty: not given
  std::string envid;  ///< ENVID= (RFC 3461 §4.4), xtext
};
/// RCPT. Answer with reply(); a positive one adds the recipient.
struct Rcpt {
  mail::Mailbox forward_path;  ///< `<Postmaster>` arrives as postmaster@hostname
  std::string notify;          ///< NOTIFY= (RFC 3461 §4.1) octet for octet; empty: not given
  std::string orcpt;           ///< ORCPT= (RFC 3461 §4.2), xtext
};
/// VRFY of an address, where ServerOptions::judged_vrfy asks. Answer with reply().
struct Vrfy {
  mail::Mailbox mailbox;  ///< `Postmaster` has no domain
  bool in_transaction = false;
};
/// ETRN of a domain (RFC 1985), where ServerOptions::judged_etrn asks. Answer with reply().
struct Etrn {
  std::string domain;
};
/// DATA, or the first BDAT, with a recipient accepted: the message begins. Answer DATA with
/// proceed() or reply(); after a negative reply to BDAT its octets are swallowed.
struct Data {
  bool chunked = false;  ///< BDAT (RFC 3030)
};
/// A piece of the message: dots unstuffed, CRLF line ends. Valid until the next call on the
/// session. It needs no answer.
struct Chunk {
  std::string_view bytes;
};
/// The message is whole and within limits. Answer with reply(): this is the promise.
struct EndOfData {
  std::uint64_t size = 0;  ///< octets handed out in chunks
};
/// The transaction ended without a message: RSET, EHLO again, a refused or broken message. What was
/// kept for it can go. `reply` is what the client is told, for the log; code 0 when nothing.
struct Aborted {
  Reply reply;
};
/// XCLIENT attributes (a peer the driver trusts). Answer with reply(); a 220 restarts the session.
struct Xclient {
  std::optional<IpAddress> address;  ///< nullopt: nothing is said of it
  std::optional<std::string> name;
  std::optional<std::string> helo;
  std::optional<std::string> login;
};
/// The session is over: write take_output() and close. Nothing follows.
struct Closed {
  enum class Reason { quit, too_many_errors, protocol, policy, auth_failures, limit } reason;
};

using Event = std::variant<NeedInput, Helo, StartTls, ScramName, Auth, Mail, Rcpt, Vrfy, Etrn, Data,
                           Chunk, EndOfData, Aborted, Xclient, Closed>;

/// A reply that the session gave, where ServerOptions::replies_apart.
struct Given {
  Reply reply;
  /// The command that it answers, without credentials; "": none, or none that is known.
  std::string command;
  bool as_is = false;  ///< a list of extensions or a SASL challenge: clients' programs read it
};

/// One SMTP dialogue. Single-threaded; small while idle: its buffers are given back when empty.
class ServerSession {
 public:
  /// `options` must outlive the session.
  explicit ServerSession(const ServerOptions& options);
  ~ServerSession();
  ServerSession(ServerSession&&) noexcept;

  /// Queues the 220 greeting. Not called for a connection that is refused: use refuse().
  void greet();
  /// Queues `reply` in the greeting's place: RFC 5321 §3.1, every command but QUIT is then
  /// 503 5.7.0. 421 and 521 end the session.
  void turn_away(const Reply& reply);
  /// Queues `reply` as the last one and ends the session; nothing when it is over.
  void refuse(const Reply& reply);

  /// Takes what was read. Call only after NeedInput. `bytes` must stay readable until next() says
  /// NeedInput, StartTls or Closed: lines and chunks are views into it. Of what is not yet a line a
  /// copy is kept.
  void feed(std::string_view bytes);
  /// Takes a copy of what is left of the fed octets, so that their buffer may be used again: for a
  /// driver that shares it between sessions and waits before it answers. Costs nothing when the
  /// input is used up or already kept.
  void keep_input();
  /// What happened next. After an event that wants an answer, answer before calling again.
  Event next();
  /// Answers the last event that wants one. 421 ends the session.
  void reply(const Reply& reply);
  /// Where ServerOptions::replies_apart: what was said since the last call, in order. The driver
  /// queues each with write(). The session has acted on it already.
  std::vector<Given> take_replies();
  /// Queues such a reply, or the same in other words of its class; one that parts is the last.
  void write(const Reply& said);
  /// Answers Helo with the standard greeting and the extension list.
  void accept();
  /// The same with another list; what the session takes stays as it is.
  void accept(const std::vector<std::string>& extensions);
  /// What accept() is about to offer: "PIPELINING", "SIZE 26214400". Empty for HELO.
  std::vector<std::string> extensions() const;
  /// Answers ScramName. `nonce`: random, printable, without a comma. The keys of a name that nobody
  /// has are made up and match no password.
  void scram(const ScramKeys& keys, std::string_view nonce);
  /// Answers Data: 354 for DATA, nothing for BDAT.
  void proceed();
  /// The handshake after StartTls (or of an implicit TLS listener, before greet()) is done.
  /// `bindings`: what SCRAM-SHA-256-PLUS may be bound to.
  void tls_started(ChannelBindings bindings = {});
  /// What is to be written now; empties the buffer.
  std::string take_output();
  /// Octets waiting to be written: the driver writes before feeding more when this is large.
  std::size_t output_size() const;
  bool closed() const;

  /// Input is waiting behind the command just answered or asked about (RFC 2920): evidence for
  /// reject_unauth_pipelining.
  bool input_waiting() const;
  /// The client has sent commands behind one it has to wait for (RFC 2920 §3.1), now or before.
  bool early_talker() const;
  bool in_tls() const;
  bool authenticated() const;
  bool esmtp() const;
  /// Replies with 4xx/5xx so far; from Limits::soft_errors on the driver delays each.
  std::size_t errors() const;
  /// A message is on its way (354 or BDAT was said, no final reply yet).
  bool in_data() const;
  /// From a MAIL that was accepted to its message's end, RSET or EHLO.
  bool in_transaction() const;
  /// Gives back memory that an idle session does not need.
  void shrink();
  /// Octets that it keeps of what was read and of what is to be written.
  std::size_t held() const;

 private:
  void part(After after);

  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace postern::smtp
