// What a client session knows; private to the room.
#pragma once

#include <deque>

#include "smtp/client_session.h"

namespace postern::smtp {

/// What the last EHLO reply offers (RFC 5321 §4.1.1.1). Nothing after HELO.
struct ServerOffers {
  bool starttls = false;
  bool pipelining = false;
  bool eightbit = false;  ///< 8BITMIME, or SMTPUTF8 which needs it (RFC 6531 §3.1)
  bool smtputf8 = false;
  bool chunking = false;
  bool dsn = false;
  bool requiretls = false;
  bool size = false;
  std::uint64_t size_limit = 0;        ///< 0: none known
  std::uint64_t recipients_limit = 0;  ///< LIMITS RCPTMAX (RFC 9422), 0: none
  std::uint64_t mails_limit = 0;       ///< LIMITS MAILMAX
  std::vector<std::string> auth;

  static ServerOffers from(const ServerReply& reply);
};

struct ClientSession::State {
  enum class Phase : std::uint8_t {
    greeting,
    ehlo,
    helo,
    starttls,
    handshake,
    auth,
    transaction,
    text,  ///< of DATA or BDAT
    idle,  ///< done, the connection may be used again
    over,
  };
  enum class Asked : std::uint8_t { reset, mail, rcpt, data, lone_dot, end_of_data };
  /// A command whose reply is to come.
  struct Expected {
    Asked what;
    std::size_t recipient = 0;
  };

  explicit State(const ClientOptions& given) : options(given) {}

  const ClientOptions& options;
  const OutboundMessage* message = nullptr;
  std::vector<RecipientResult> results;
  DeliveryDone done;
  Phase phase = Phase::greeting;
  ReplyReader reader;
  std::string out;
  bool taken = true;  ///< what take_output() gave is written
  std::size_t replies = 0;
  bool tls = false;
  bool authenticated = false;
  bool greeted_as_us = false;
  ServerOffers offers;
  std::optional<ClientAuth> auth;

  // The transactions of this delivery.
  std::vector<std::size_t> waiting;  ///< recipients that no transaction had yet
  std::vector<std::size_t> put_off;  ///< by 452 in this transaction
  std::size_t rounds = 0;            ///< transactions because of 452
  std::size_t transactions = 0;      ///< on this connection
  bool dirty = false;                ///< MAIL was taken and no message ended it: RSET first

  // This transaction.
  std::vector<std::size_t> current;
  std::vector<std::size_t> accepted;
  std::deque<Expected> pending;
  std::size_t next_recipient = 0;  ///< in `current`
  bool mail_sent = false;
  bool mail_taken = false;
  bool mail_refused = false;
  bool data_sent = false;
  bool full = false;  ///< 452: no more RCPT
  bool bare = false;  ///< MAIL without its optional parameters, after 555
  bool bare_next = false;
  bool smtputf8 = false;
  bool chunked = false;
  bool delivered = false;
  std::uint64_t offset = 0;  ///< of the text handed in
  bool line_start = true;
  char last_octet = 0;
  bool end_sent = false;     ///< the end of the message is in the output
  bool end_written = false;  ///< ... and is written

  // client_session.cc
  void on_reply(const ServerReply& reply);
  void on_greeting(const ServerReply& reply);
  void on_ehlo(const ServerReply& reply);
  void on_helo(const ServerReply& reply);
  void on_starttls(const ServerReply& reply);
  void on_auth(const ServerReply& reply);
  void say_ehlo();
  void after_ehlo();
  void begin_auth();
  void no_tls(std::string_view text, const ServerReply* reply = nullptr);
  void protocol_error(std::string_view text);
  /// Every recipient without a result gets this one; the connection is over.
  void fail(const RecipientResult& result, bool polite);
  void close(bool polite);
  void keep_to_this_host();
  bool requires_tls() const { return message->requiretls && !message->reverse_path.empty(); }

  // client_transaction.cc
  void begin_delivery();
  bool fits_host();
  void begin_transaction();
  void pump();
  std::string mail_command();
  std::string rcpt_command(std::size_t recipient) const;
  bool data_may_go() const;
  void on_transaction(const ServerReply& reply);
  void on_mail(const ServerReply& reply);
  void on_rcpt(const ServerReply& reply, std::size_t recipient);
  void on_data(const ServerReply& reply);
  void on_end_of_data(const ServerReply& reply);
  void on_early_reply(const ServerReply& reply);
  void begin_text();
  void add_text(std::string_view octets);
  void end_text();
  void finish_transaction();
  void settle_accepted(const RecipientResult& result);
  void on_lost(std::string_view text);
};

/// The result a reply stands for. `klass` may be milder than the reply's own: its enhanced code
/// then says so.
RecipientResult result_of(const ServerReply& reply, ResultClass klass, bool next_host);
ResultClass class_of(const ServerReply& reply);
/// One that we found ourselves.
RecipientResult own_result(EnhancedCode enhanced, std::string_view text, bool next_host);
/// The host lacks what the message needs; permanent unless another host has it.
RecipientResult lacking_result(std::uint16_t subject, std::uint16_t detail, std::string_view text);
/// The address as RCPT or MAIL names it without SMTPUTF8: a domain with U-labels gets A-labels
/// (RFC 6531 §3.2). nullopt: its local part is not ASCII.
std::optional<std::string> ascii_address(std::string_view address);

}  // namespace postern::smtp
