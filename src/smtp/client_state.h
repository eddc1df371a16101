// The state of a client session; internal to this module.
#pragma once

#include <deque>

#include "smtp/client_session.h"

namespace postern::smtp {

/// The extensions in the last EHLO reply (RFC 5321 §4.1.1.1); none after HELO.
struct ServerOffers {
  bool starttls = false;               ///< not yet used on this connection
  bool pipelining = false;             ///< RFC 2920 §3.1
  bool eightbit = false;               ///< 8BITMIME, or SMTPUTF8, which requires it (RFC 6531 §3.1)
  bool smtputf8 = false;               ///< RFC 6531 §3.1
  bool chunking = false;               ///< RFC 3030 §2
  bool dsn = false;                    ///< RFC 3461 §4
  bool requiretls = false;             ///< RFC 8689 §2
  bool size = false;                   ///< RFC 1870 §4
  std::uint64_t size_limit = 0;        ///< octets; 0: not stated
  std::uint64_t recipients_limit = 0;  ///< LIMITS RCPTMAX (RFC 9422 §4.2); 0: not stated
  std::uint64_t mails_limit = 0;       ///< LIMITS MAILMAX (RFC 9422 §4.1); 0: not stated
  /// Mechanisms, as the server spells them.
  std::vector<std::string> auth;

  /// Parses an EHLO reply.
  static ServerOffers from(const ServerReply& reply);
};

/// Implemented in client_session.cc and client_transaction.cc.
struct ClientSession::State {
  enum class Phase : std::uint8_t {
    greeting,
    ehlo,
    helo,
    starttls,
    handshake,
    auth,
    transaction,
    text,  ///< sending the message by DATA or BDAT
    idle,  ///< done; the connection may be reused
    over,
  };
  /// A command in `pending`.
  enum class Asked : std::uint8_t { reset, mail, rcpt, data, lone_dot, end_of_data };
  /// A command that has no reply yet.
  struct Expected {
    Asked what;                 ///< the command
    std::size_t recipient = 0;  ///< its recipient; for rcpt
  };

  explicit State(const ClientOptions& given) : options(given) {}

  const ClientOptions& options;              ///< outlives the session
  const OutboundMessage* message = nullptr;  ///< null before deliver()
  std::vector<RecipientResult> results;      ///< one per recipient of `message`
  DeliveryDone done;                         ///< reported by next() at the end
  Phase phase = Phase::greeting;             ///< selects the handler of the next reply
  ReplyReader reader;
  std::string out;             ///< to be written
  bool taken = true;           ///< the last take_output() is written
  std::size_t replies = 0;     ///< received so far
  bool tls = false;            ///< the connection uses TLS
  bool authenticated = false;  ///< AUTH succeeded
  bool greeted_as_us = false;
  ServerOffers offers;             ///< of the last EHLO reply
  std::optional<ClientAuth> auth;  ///< the AUTH exchange

  // The transactions of this delivery.
  std::vector<std::size_t> waiting;  ///< recipients not yet in a transaction
  std::vector<std::size_t> put_off;  ///< deferred by 452 in this transaction
  std::size_t rounds = 0;            ///< transactions repeated because of 452
  std::size_t transactions = 0;      ///< on this connection
  bool dirty = false;                ///< MAIL was accepted and no message ended it: send RSET first

  // This transaction.
  /// Recipients of this transaction, as indexes in `message`.
  std::vector<std::size_t> current;
  /// Those of `current` that RCPT accepted.
  std::vector<std::size_t> accepted;
  /// Commands without reply, in order.
  std::deque<Expected> pending;
  std::size_t next_recipient = 0;  ///< index in `current`
  bool mail_sent = false;          ///< MAIL is in `out` or written
  bool mail_taken = false;         ///< MAIL was accepted
  bool mail_refused = false;       ///< MAIL was rejected
  bool data_sent = false;          ///< DATA is in `out` or written
  bool full = false;               ///< 452 was received: send no more RCPT
  bool bare = false;               ///< send MAIL without optional parameters, after 555
  bool bare_next = false;          ///< repeat the transaction with `bare`
  bool smtputf8 = false;
  bool chunked = false;      ///< this transaction uses BDAT
  bool delivered = false;    ///< the message was accepted
  std::uint64_t offset = 0;  ///< octets of the message passed to text()
  bool line_start = true;    ///< the next octet starts a line
  char last_octet = 0;       ///< the last octet passed to text()
  bool end_sent = false;     ///< the end of the message is in `out`
  bool end_written = false;  ///< the end of the message is written

  // client_session.cc
  /// Dispatches a reply by `phase`.
  void on_reply(const ServerReply& reply);
  /// Each on_ function handles the reply to one command.
  void on_greeting(const ServerReply& reply);
  void on_ehlo(const ServerReply& reply);
  void on_helo(const ServerReply& reply);
  void on_starttls(const ServerReply& reply);
  void on_auth(const ServerReply& reply);
  /// Queues EHLO.
  void say_ehlo();
  /// Continues with STARTTLS, AUTH or the delivery.
  void after_ehlo();
  /// Chooses a mechanism and queues AUTH.
  void begin_auth();
  /// Ends the delivery: TLS is required and not available.
  void no_tls(std::string_view text, const ServerReply* reply = nullptr);
  /// Ends the delivery after an invalid reply.
  void protocol_error(std::string_view text);
  /// Gives this result to every recipient without one and ends the connection.
  void fail(const RecipientResult& result, bool polite);
  /// Ends the connection; `polite`: queues QUIT first.
  void close(bool polite);
  /// Clears next_host of deferred recipients if this host accepted the message for others.
  void keep_to_this_host();
  /// Whether the message must only be sent by verified TLS; bounces are exempt (RFC 8689 §5).
  bool requires_tls() const { return message->requiretls && !message->reverse_path.empty(); }

  // client_transaction.cc
  /// Prepares the results and the first transaction.
  void begin_delivery();
  /// Checks the features that the message needs.
  bool fits_host();
  /// Starts the next transaction, or ends the delivery.
  void begin_transaction();
  /// Queues the commands that may be sent now.
  void pump();
  /// MAIL with its parameters, CRLF included.
  std::string mail_command();
  /// RCPT with its parameters, CRLF included.
  std::string rcpt_command(std::size_t recipient) const;
  /// Whether DATA or BDAT may be queued.
  bool data_may_go() const;
  /// Dispatches a reply by the first pending command.
  void on_transaction(const ServerReply& reply);
  void on_mail(const ServerReply& reply);
  void on_rcpt(const ServerReply& reply, std::size_t recipient);
  void on_data(const ServerReply& reply);
  void on_end_of_data(const ServerReply& reply);
  void on_early_reply(const ServerReply& reply);
  /// Starts the transfer of the message.
  void begin_text();
  /// Queues message octets, with dots stuffed.
  void add_text(std::string_view octets);
  /// Queues the end of the message.
  void end_text();
  /// Decides on another transaction.
  void finish_transaction();
  /// Sets the result of the accepted recipients.
  void settle_accepted(const RecipientResult& result);
  /// Ends the delivery after a lost connection.
  void on_lost(std::string_view text);
};

/// The result of a reply. `klass` may be milder than the class of the reply; the enhanced code is
/// adapted to it.
RecipientResult result_of(const ServerReply& reply, ResultClass klass, bool next_host);
/// 2xx: delivered; 4xx: temporary; 5xx: permanent.
ResultClass class_of(const ServerReply& reply);
/// A result without a reply, found by this client; temporary if `enhanced` has class 4.
RecipientResult own_result(EnhancedCode enhanced, std::string_view text, bool next_host);
/// The host lacks a feature that the message needs; permanent unless another host has it.
RecipientResult lacking_result(std::uint16_t subject, std::uint16_t detail, std::string_view text);
/// The address for MAIL or RCPT without SMTPUTF8: U-labels of the domain become A-labels
/// (RFC 6531 §3.2). nullopt: the local part is not ASCII.
std::optional<std::string> ascii_address(std::string_view address);

}  // namespace postern::smtp
