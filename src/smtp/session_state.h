// Inside ServerSession: the state machine, and who answers what.
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

struct ServerSession::State {
  /// What the next octets are.
  enum class Phase : std::uint8_t { command, sasl, data, chunk, handshake };
  /// The event the driver has yet to answer.
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

  explicit State(const ServerOptions& server_options) : options(server_options) {}

  // server_session.cc: the pump and the replies.
  Event advance();
  std::optional<Event> starve();
  void say(std::uint16_t code, EnhancedCode enhanced, std::string_view text);
  void say(const Reply& reply) { say(reply.code, reply.enhanced, reply.text); }
  void queue(std::uint16_t code, EnhancedCode enhanced, std::string_view text, bool as_is = false);
  void note_command(const CommandView& command);
  bool count_error();
  void close(Closed::Reason reason);
  void answered(const Reply& reply);
  void reset_transaction();
  void reset_session();

  // session_commands.cc: lines.
  std::optional<Event> read_line();
  std::optional<Event> command(std::string_view line);
  std::optional<Event> dispatch(const CommandView& command);
  bool refused_by_octets(std::string_view line, const CommandView& command);
  bool refused_by_pipelining(Verb verb);
  std::optional<Event> leave_transaction();
  std::optional<Event> hello(const CommandView& command);
  std::optional<Event> mail(std::string_view argument);
  std::optional<Event> rcpt(std::string_view argument);
  std::optional<Event> vrfy(std::string_view argument);
  std::optional<Event> etrn(std::string_view argument);
  std::optional<Event> reset(std::string_view argument);
  std::optional<Event> quit(std::string_view argument);
  std::optional<Event> starttls(std::string_view argument);
  std::optional<Event> auth(std::string_view argument);
  std::optional<Event> sasl(AuthExchange::Step step);
  std::string mechanisms() const;
  void say_failed_auth(const Reply& reply);
  std::optional<Event> xclient(std::string_view argument);
  bool is_junk();
  mail::Bare bare() const {
    return options.bare_addresses ? mail::Bare::allowed : mail::Bare::refused;
  }
  Offered offered() const;
  void junk(std::uint16_t code, EnhancedCode enhanced, std::string_view text);
  std::string extension_lines() const;
  void say_extensions();

  // session_data.cc: messages.
  std::optional<Event> data(std::string_view argument);
  std::optional<Event> bdat(std::string_view argument);
  std::optional<Event> read_data();
  std::optional<Event> read_chunk();
  std::optional<Event> end_of_chunk();
  std::optional<Event> swallow_chunk();
  std::optional<Reply> message_fault() const;
  Event finish_message();
  Event abort(const Reply& reply, std::optional<Closed::Reason> close_reason);

  const ServerOptions& options;
  std::string_view input;  ///< what feed() was given, less what is used up
  std::string kept;        ///< owns `input` after keep_input()
  bool input_kept = false;
  std::string output;
  /// Where ServerOptions::replies_apart.
  struct Apart {
    std::vector<Given> replies;
    std::string command;  ///< the one in hand
  };
  std::unique_ptr<Apart> apart;
  LineReader lines;
  AuthExchange exchange;
  std::unique_ptr<ChannelBindings> bindings;  ///< of the TLS connection
  DataReader reader;

  std::optional<Reply> chunk_refusal;  ///< said when the refused chunk's octets are swallowed
  std::uint64_t chunk_left = 0;
  std::uint64_t chunk_size = 0;
  std::uint64_t swallowed_octets = 0;  ///< of refused chunks, since the last message
  std::size_t recipients = 0;
  std::size_t recipients_over = 0;  ///< refused with 452 4.5.3 in this transaction
  std::size_t chunks = 0;
  std::size_t errors = 0;
  std::size_t junk_commands = 0;
  std::size_t auth_failures = 0;
  std::size_t messages = 0;

  std::optional<Closed::Reason> closing;
  Phase phase = Phase::command;
  Asked asked = Asked::nothing;
  bool tls = false;
  bool greeted = false;         ///< HELO or EHLO was accepted
  bool extended = false;        ///< it was EHLO
  bool asked_extended = false;  ///< the HELO asked about is EHLO
  bool asked_smtputf8 = false;  ///< the MAIL asked about has SMTPUTF8
  bool asked_bearer = false;    ///< the credentials asked about are an OAUTHBEARER token
  bool asked_login = false;     ///< the XCLIENT asked about names a login
  bool authenticated = false;
  bool in_transaction = false;
  bool smtputf8 = false;
  bool chunked = false;  ///< BDAT has begun this message
  bool chunk_last = false;
  bool turned_away = false;    ///< the greeting was a refusal
  bool early_talker = false;   ///< see ServerSession::early_talker()
  bool message_begun = false;  ///< Data was answered, no final reply yet
};

}  // namespace postern::smtp
