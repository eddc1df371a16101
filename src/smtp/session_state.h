// The state machine inside ServerSession; internal to this module.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "smtp/auth_exchange.h"
#include "smtp/command.h"
#include "smtp/data_reader.h"
#include "smtp/line_reader.h"
#include "smtp/server_session.h"

namespace postern::smtp {

/// Member functions are grouped by the file that implements them.
struct ServerSession::State {
  /// How the next octets are parsed.
  enum class Phase : std::uint8_t { command, sasl, data, chunk, handshake };
  /// The event that the driver must answer.
  enum class Asked : std::uint8_t {
    nothing,
    helo,
    scram,
    auth,
    mail,
    rcpt,
    vrfy,
    data,
    chunk,
    end_of_data,
    xclient
  };

  /// `server_options` outlives the session.
  explicit State(const ServerOptions& server_options) : options(server_options) {}

  // server_session.cc: the pump and the replies.
  /// Runs until there is an event.
  Event advance();
  /// Handles exhausted input.
  std::optional<Event> starve();
  /// Queues a reply; counts errors. A 4xx or 5xx is for take_own_refusals(), unless the driver
  /// answers.
  void say(std::uint16_t code, EnhancedCode enhanced, std::string_view text);
  void say(const Reply& reply) { say(reply.code, reply.enhanced, reply.text); }
  /// Queues a reply without counting it.
  void queue(std::uint16_t code, EnhancedCode enhanced, std::string_view text, bool as_is = false);
  /// For take_protocol_errors().
  void note(ProtocolError kind) { protocol_errors.push_back(kind); }
  /// Queues a reply to a violation, which it notes.
  void say(ProtocolError kind, std::uint16_t code, EnhancedCode enhanced, std::string_view text) {
    note(kind);
    say(code, enhanced, text);
  }
  /// Queues the reply to a command that the grammar does not have or the session does not want.
  void say_unparsed(const Reply& reply);
  /// Remembers the current command for take_replies().
  void note_command(const CommandView& command);
  /// Counts an error; true: the limit ended the session.
  bool count_error();
  /// Sets the reason; next() gives Closed once the input is handled.
  void close(Closed::Reason reason);
  /// Applies the answer of the driver.
  void answered(const Reply& reply);
  /// The part of answered() that changes the state.
  void apply(const Reply& reply);
  /// Forgets the transaction.
  void reset_transaction();
  /// HELO or EHLO was accepted.
  void greet();
  /// Forgets everything but the counters.
  void reset_session();

  // session_commands.cc: lines.
  /// Reads one line and handles it.
  std::optional<Event> read_line();
  /// Ends the session for an octet that no line has.
  std::optional<Event> end_for_octet(ProtocolError kind);
  /// Ends the session of a client that does not speak SMTP.
  std::optional<Event> end_for_other_protocol();
  /// Handles one command line, without CRLF.
  std::optional<Event> command(std::string_view line);
  /// Calls the function of the verb.
  std::optional<Event> dispatch(const CommandView& command);
  /// Rejects non-ASCII octets outside addresses; true: rejected.
  bool refused_by_octets(std::string_view line, const CommandView& command);
  /// Rejects early input if configured; true: rejected.
  bool refused_by_pipelining(Verb verb);
  /// Reports Aborted for a command that ends the transaction.
  std::optional<Event> leave_transaction();
  /// HELO and EHLO.
  std::optional<Event> hello(const CommandView& command);
  /// Each handles one command's argument.
  std::optional<Event> mail(std::string_view argument);
  std::optional<Event> rcpt(std::string_view argument);
  std::optional<Event> vrfy(std::string_view argument);
  std::optional<Event> etrn(std::string_view argument);
  std::optional<Event> reset(std::string_view argument);
  std::optional<Event> quit(std::string_view argument);
  std::optional<Event> starttls(std::string_view argument);
  std::optional<Event> auth(std::string_view argument);
  /// Handles a step of AUTH.
  std::optional<Event> sasl(AuthExchange::Step step);
  /// The mechanisms of the EHLO line.
  std::string mechanisms() const;
  /// Sends a failed AUTH's reply; counts it.
  void say_failed_auth(const Reply& reply);
  std::optional<Event> xclient(std::string_view argument);
  /// Counts a command that makes no progress; true: the limit ended the session.
  bool is_junk();
  /// The extensions offered now, and how paths are read.
  Offered offered() const;
  /// Replies to a command that counts as junk.
  void junk(std::uint16_t code, EnhancedCode enhanced, std::string_view text);
  /// The EHLO reply after its first line.
  std::string extension_lines() const;
  /// Queues the reply to HELO or EHLO.
  void say_extensions();

  // session_data.cc: messages.
  /// DATA.
  std::optional<Event> data(std::string_view argument);
  /// `refusal`: of a chunk whose octets are read and ignored (RFC 3030 §2).
  std::optional<Event> bdat(std::string_view argument, std::optional<Reply> refusal = {});
  /// Reads message octets after DATA.
  std::optional<Event> read_data();
  /// Reads message octets of a chunk.
  std::optional<Event> read_chunk();
  /// Ends a chunk.
  std::optional<Event> end_of_chunk();
  /// Discards the octets of a rejected chunk.
  std::optional<Event> swallow_chunk();
  /// The reply to a message that breaks a rule, which it notes; nullopt: it breaks none.
  std::optional<Reply> message_fault();
  /// Ends the message: EndOfData, or a rejection.
  Event finish_message();
  /// Ends the transaction with a reply.
  Event abort(const Reply& reply, std::optional<Closed::Reason> close_reason);

  const ServerOptions& options;  ///< outlives the session
  std::string_view input;        ///< the rest of the octets passed to feed()
  std::string kept;              ///< owns `input` after keep_input()
  bool input_kept = false;       ///< `kept` owns `input`
  std::string output;            ///< to be written
  /// Only with ServerOptions::replies_apart.
  struct Apart {
    std::vector<Given> replies;
    std::string command;  ///< the current command
  };
  std::unique_ptr<Apart> apart;                ///< null until first used
  std::vector<ProtocolError> protocol_errors;  ///< since take_protocol_errors()
  std::vector<Reply> own_refusals;             ///< since take_own_refusals()
  bool driver_answers = false;                 ///< the reply that is queued is the driver's
  LineReader lines;
  AuthExchange exchange;
  std::unique_ptr<ChannelBindings> bindings;  ///< of the TLS connection; null: none
  DataReader reader;

  bool driver_refused_chunk = false;   ///< the next member is the driver's
  std::optional<Reply> chunk_refusal;  ///< sent once the octets of the rejected chunk are discarded
  std::uint64_t chunk_left = 0;        ///< octets of the current chunk that are not read yet
  std::uint64_t chunk_size = 0;        ///< octets of the current chunk
  std::uint64_t swallowed_octets = 0;  ///< of rejected chunks since the last message
  std::size_t recipients = 0;          ///< accepted in this transaction
  std::size_t recipients_over = 0;     ///< rejected with 452 4.5.3 in this transaction
  std::size_t chunks = 0;              ///< BDAT commands of this message
  std::size_t errors = 0;              ///< error replies in this session
  std::size_t junk_commands = 0;       ///< since the last message
  std::size_t auth_failures = 0;       ///< in this session
  std::size_t messages = 0;            ///< accepted in this session

  std::optional<Closed::Reason> closing;  ///< the session ends with this reason
  Phase phase = Phase::command;           ///< how `input` is parsed
  Asked asked = Asked::nothing;           ///< the pending event
  bool tls = false;                       ///< the connection uses TLS
  bool greeted = false;                   ///< HELO or EHLO was accepted
  bool extended = false;                  ///< EHLO was accepted
  bool asked_extended = false;            ///< the pending HELO is EHLO
  bool asked_smtputf8 = false;            ///< the pending MAIL has SMTPUTF8
  bool asked_bearer = false;              ///< the pending credentials are an OAUTHBEARER token
  bool asked_login = false;               ///< the pending XCLIENT has a LOGIN
  bool authenticated = false;             ///< AUTH succeeded
  bool in_transaction = false;            ///< MAIL was accepted
  bool smtputf8 = false;                  ///< the transaction uses SMTPUTF8
  bool chunked = false;                   ///< this message is sent with BDAT
  bool chunk_last = false;                ///< the current chunk is the last
  bool turned_away = false;               ///< the greeting was negative
  bool early_talker = false;              ///< see ServerSession::early_talker()
  bool message_begun = false;             ///< Data was answered, the final reply is not sent yet
};

}  // namespace postern::smtp
