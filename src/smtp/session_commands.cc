#include <fmt/core.h>

#include "base/text.h"
#include "smtp/command_text.h"
#include "smtp/session_state.h"
#include "smtp/xclient.h"

namespace postern::smtp {

std::optional<Event> ServerSession::State::starve() {
  input = {};
  return NeedInput{};
}

namespace {

/// RFC 4954 §4.
Refusal auth_line_too_long() {
  return {.reply = {500, {5, 5, 6}, "authentication line too long"},
          .violation = ProtocolError::long_line};
}

}  // namespace

std::optional<Event> ServerSession::State::read_line() {
  const LineReader::LineView line = lines.take(input, options.limits, phase == Phase::sasl);
  if (apart && phase == Phase::command && line.status != LineReader::Status::need_input) {
    apart->command.clear();
  }
  switch (line.status) {
    case LineReader::Status::need_input:
      return input.empty() ? starve() : std::nullopt;
    case LineReader::Status::line:
      if (phase == Phase::sasl) return sasl(exchange.respond(line.text));
      return command(line.text);
    case LineReader::Status::auth_too_long:
      return sasl(auth_line_too_long());
    case LineReader::Status::too_long:
      if (phase == Phase::sasl) return sasl(auth_line_too_long());
      say(ProtocolError::long_line, 500, {5, 5, 2}, "line too long");  // RFC 5321 §4.5.3.1.9
      return std::nullopt;
    case LineReader::Status::bare_lf:
      return end_for_octet(ProtocolError::bare_lf);
    case LineReader::Status::bare_cr:
      return end_for_octet(ProtocolError::bare_cr);
    case LineReader::Status::nul:
      return end_for_octet(ProtocolError::nul);
    case LineReader::Status::foreign:
      return end_for_other_protocol();
    case LineReader::Status::endless:
      close(Closed::Reason::limit);
      say(ProtocolError::long_line, 421, {4, 7, 0}, "line without end");
      return std::nullopt;
  }
  return std::nullopt;
}

/// RFC 5321 §2.3.8.
std::optional<Event> ServerSession::State::end_for_octet(ProtocolError kind) {
  close(Closed::Reason::protocol);
  say(kind, 500, {5, 5, 2}, "bare CR, LF or NUL in command");
  return std::nullopt;
}

std::optional<Event> ServerSession::State::end_for_other_protocol() {
  close(Closed::Reason::protocol);
  say(ProtocolError::other_protocol, 554, {5, 7, 0}, "this is an SMTP server");
  return std::nullopt;
}

/// 552 and 530 refuse a well-formed command.
void ServerSession::State::say_unparsed(const Reply& reply) {
  if (reply.code != 552 && reply.code != 530) note(ProtocolError::syntax);
  say(reply);
}

std::optional<Event> ServerSession::State::command(std::string_view line) {
  const CommandView command = parse_command(line);
  if (options.replies_apart && is_utf8(line)) note_command(command);
  if (refused_by_octets(line, command) || refused_by_pipelining(command.verb)) return std::nullopt;
  return dispatch(command);
}

/// Unknown commands and mechanisms are not recorded: they may be a mistyped password.
void ServerSession::State::note_command(const CommandView& command) {
  if (!apart) apart = std::make_unique<Apart>();
  apart->command = command_text(command);
  if (command.verb != Verb::auth) return;
  const std::string_view word = command.argument.substr(0, command.argument.find(' '));
  if (has_mechanism(options.mechanisms, word)) apart->command += " " + upper(word);
  if (!command.argument.empty()) apart->command += " <redacted>";
}

/// RFC 6531 §3.3: UTF-8 is allowed in addresses only, and only with SMTPUTF8.
bool ServerSession::State::refused_by_octets(std::string_view line, const CommandView& command) {
  if (is_ascii(line)) return false;
  if (!is_utf8(line)) {
    say(ProtocolError::syntax, 501, {5, 5, 2}, "command is not UTF-8");
    return true;
  }
  // MAIL and VRFY have a parameter for it; RCPT depends on MAIL.
  const Verb verb = command.verb;
  if (verb == Verb::mail || verb == Verb::rcpt || verb == Verb::foreign) return false;
  if (verb == Verb::vrfy && options.judged_vrfy) return false;
  say(ProtocolError::syntax, 550, {5, 6, 7}, "non-ASCII command needs SMTPUTF8");
  return true;
}

/// RFC 2920 §3.1: these commands, and after HELO all commands, must be the last of a group.
bool ServerSession::State::refused_by_pipelining(Verb verb) {
  if (input.empty()) return false;
  bool waits = !extended;
  switch (verb) {
    case Verb::helo:
    case Verb::ehlo:
    case Verb::data:
    case Verb::vrfy:
    case Verb::expn:
    case Verb::turn:
    case Verb::noop:
    case Verb::auth:
      waits = true;
      break;
    case Verb::quit:
    case Verb::starttls:  // the input after it is discarded
    case Verb::foreign:
      return false;
    default:
      break;
  }
  if (!waits) return false;
  early_talker = true;
  note(ProtocolError::pipelining);
  // A session that was turned away gets nothing but 503, however it speaks.
  if (!options.reject_unauth_pipelining || turned_away) return false;
  close(Closed::Reason::protocol);
  say(554, {5, 5, 0}, "SMTP protocol synchronization error");  // as smtpd_forbid_unauth_pipelining
  return true;
}

namespace {

/// RFC 3207 §4: the commands that a server which requires TLS answers without it.
bool needs_tls(Verb verb) {
  switch (verb) {
    case Verb::helo:
    case Verb::ehlo:
    case Verb::noop:
    case Verb::quit:
    case Verb::help:
    case Verb::starttls:
    case Verb::foreign:
    case Verb::unknown:
      return false;
    default:
      return true;
  }
}

}  // namespace

std::optional<Event> ServerSession::State::dispatch(const CommandView& command) {
  std::optional<Reply> refusal;
  if (turned_away && command.verb != Verb::quit) {  // RFC 5321 §3.1
    note(ProtocolError::sequence);
    refusal = Reply{503, {5, 7, 0}, "access denied"};
  } else if (options.tls_required && !tls && needs_tls(command.verb)) {
    refusal = Reply{530, {5, 7, 0}, "must issue a STARTTLS command first"};
  }
  if (refusal && command.verb == Verb::bdat) {
    return bdat(command.argument, std::move(refusal));
  }
  if (refusal) {
    say(refusal->code, refusal->enhanced, refusal->text);
    return std::nullopt;
  }
  switch (command.verb) {
    case Verb::helo:
    case Verb::ehlo:
      return hello(command);
    case Verb::mail:
      return mail(command.argument);
    case Verb::rcpt:
      return rcpt(command.argument);
    case Verb::data:
      return data(command.argument);
    case Verb::bdat:
      return bdat(command.argument);
    case Verb::rset:
      return reset(command.argument);
    case Verb::quit:
      return quit(command.argument);
    case Verb::starttls:
      return starttls(command.argument);
    case Verb::auth:
      return auth(command.argument);
    case Verb::xclient:
      return xclient(command.argument);
    case Verb::noop:
      junk(250, {2, 0, 0}, "ok");
      return std::nullopt;
    case Verb::help:
      junk(214, {2, 0, 0}, "see RFC 5321");
      return std::nullopt;
    case Verb::vrfy:
      return vrfy(command.argument);
    case Verb::etrn:
      if (options.judged_etrn) return etrn(command.argument);
      [[fallthrough]];
    case Verb::expn:
    case Verb::turn:
      say(502, {5, 5, 1}, "command not implemented");
      return std::nullopt;
    case Verb::foreign:
      return end_for_other_protocol();
    case Verb::unknown:
      say(ProtocolError::unknown_command, 500, {5, 5, 1}, "command not recognized");
      return std::nullopt;
  }
  return std::nullopt;
}

void ServerSession::State::junk(std::uint16_t code, EnhancedCode enhanced, std::string_view text) {
  if (!is_junk()) say(code, enhanced, text);
}

/// Counts a command that makes no progress; true if it was beyond the limit and has been answered.
bool ServerSession::State::is_junk() {
  if (++junk_commands <= options.limits.junk_commands) return false;
  note(ProtocolError::too_many_commands);
  return count_error();
}

std::optional<Event> ServerSession::State::hello(const CommandView& command) {
  const bool fit = options.any_helo ? is_ascii(command.argument) && !command.argument.empty()
                                    : fit_helo_name(command.argument);
  if (!fit) {
    // RFC 2034 §4: replies to HELO and EHLO have no enhanced code.
    say(ProtocolError::syntax, 501, {}, "syntax: EHLO hostname");
    return std::nullopt;
  }
  if (greeted && is_junk()) return std::nullopt;
  asked = Asked::helo;  // the transaction in progress ends if it is accepted
  asked_extended = command.verb == Verb::ehlo;
  return Helo{std::string(command.argument), asked_extended};
}

/// Reports the end of a transaction first; then the line is read again.
std::optional<Event> ServerSession::State::leave_transaction() {
  if (!in_transaction) return std::nullopt;
  reset_transaction();
  lines.again();
  return Aborted{Reply{.code = 0}};
}

/// The lines of the EHLO reply after the first, each preceded by a line feed.
std::string ServerSession::State::extension_lines() const {
  std::string text = "\nPIPELINING";
  text += fmt::format("\nSIZE {}", options.limits.message_size);
  text += "\n8BITMIME\nSMTPUTF8\nENHANCEDSTATUSCODES\nCHUNKING";
  if (options.dsn) text += "\nDSN";
  if (options.requiretls && tls) text += "\nREQUIRETLS";  // RFC 8689 §2: never outside TLS
  if (options.starttls && !tls) text += "\nSTARTTLS";
  if (offered().auth) text += "\nAUTH " + mechanisms();
  if (options.xclient) text += "\nXCLIENT NAME ADDR PROTO HELO LOGIN";
  text += fmt::format("\nLIMITS RCPTMAX={}", options.limits.recipients);  // RFC 9422 §4.2
  return text;
}

void ServerSession::State::say_extensions() {
  queue(250, {}, extended ? options.hostname + extension_lines() : options.hostname, true);
}

Offered ServerSession::State::offered() const {
  return {.message_size = options.limits.message_size,
          .extended = extended,
          .auth = options.auth && !mechanisms().empty() && (tls || options.auth_without_tls),
          .dsn = options.dsn,
          .requiretls = options.requiretls,
          .tls = tls,
          .local_part = options.limits.local_part,
          .postfix = !options.bare_addresses    ? std::nullopt
                     : options.strict_envelopes ? std::optional(mail::Envelopes::strict)
                                                : std::optional(mail::Envelopes::lenient)};
}

std::optional<Event> ServerSession::State::mail(std::string_view argument) {
  if ((!greeted && options.helo_required) || in_transaction) {
    say(ProtocolError::sequence, 503, {5, 5, 1},
        in_transaction ? "nested MAIL command" : "send HELO or EHLO first");
    return std::nullopt;
  }
  if (messages >= options.limits.messages) {
    close(Closed::Reason::limit);
    say(421, {4, 7, 0}, "too many messages in one session");
    return std::nullopt;
  }
  Parsed<Mail> parsed = parse_mail(argument, offered());
  if (!parsed) {
    say_unparsed(parsed.error());
    return std::nullopt;
  }
  asked = Asked::mail;
  asked_smtputf8 = parsed->smtputf8;
  return std::move(*parsed);
}

std::optional<Event> ServerSession::State::rcpt(std::string_view argument) {
  if (!in_transaction || chunked) {
    say(ProtocolError::sequence, 503, {5, 5, 1}, chunked ? "message has begun" : "send MAIL first");
    return std::nullopt;
  }
  if (recipients >= options.limits.recipients) {
    say(452, {4, 5, 3}, "too many recipients");  // RFC 5321 §4.5.3.1.10
    return std::nullopt;
  }
  Parsed<Rcpt> parsed = parse_rcpt(argument, smtputf8 ? mail::Utf8::allowed : mail::Utf8::refused,
                                   options.hostname, offered());
  if (!parsed) {
    say_unparsed(parsed.error());
    return std::nullopt;
  }
  asked = Asked::rcpt;
  return std::move(*parsed);
}

/// RFC 5321 §3.5.3: 252 does not reveal whether a user exists; the policy may tell whether mail is
/// relayed.
std::optional<Event> ServerSession::State::vrfy(std::string_view argument) {
  if (!options.judged_vrfy) {
    junk(252, {2, 5, 0}, "send some mail, I will try my best");
    return std::nullopt;
  }
  if (is_junk()) return std::nullopt;
  Parsed<mail::Mailbox> mailbox = parse_vrfy(argument, offered());
  if (!mailbox) {
    say_unparsed(mailbox.error());
    return std::nullopt;
  }
  asked = Asked::vrfy;
  return Vrfy{std::move(*mailbox), in_transaction};
}

std::optional<Event> ServerSession::State::etrn(std::string_view argument) {
  if (!greeted && options.helo_required) {
    say(ProtocolError::sequence, 503, {}, "send HELO or EHLO first");
    return std::nullopt;
  }
  if (in_transaction) {  // RFC 1985 §5.1
    say(ProtocolError::sequence, 503, {}, "mail transaction in progress");
    return std::nullopt;
  }
  // RFC 1985 §5.3: these replies have no enhanced codes.
  if (argument.empty() || argument.find_first_of(" \t") != std::string_view::npos) {
    say(ProtocolError::syntax, 500, {}, "syntax: ETRN domain");
    return std::nullopt;
  }
  if (argument.starts_with('@') || argument.starts_with('#')) argument.remove_prefix(1);
  // A domain or an address literal, as after the @ of a mailbox.
  auto mailbox = mail::parse_mailbox(std::string("etrn@").append(argument), mail::Utf8::refused);
  if (!mailbox || mailbox->local_part != "etrn") {
    say(ProtocolError::syntax, 501, {}, "the argument of ETRN is not a domain");
    return std::nullopt;
  }
  asked = Asked::vrfy;
  return Etrn{std::move(mailbox->domain)};
}

std::optional<Event> ServerSession::State::reset(std::string_view argument) {
  if (!argument.empty()) {
    say(ProtocolError::syntax, 501, {5, 5, 4}, "RSET takes no argument");
    return std::nullopt;
  }
  const bool aborted = in_transaction;
  reset_transaction();
  junk(250, {2, 0, 0}, "ok");
  if (!aborted) return std::nullopt;
  return Aborted{Reply{.code = 0}};
}

std::optional<Event> ServerSession::State::quit(std::string_view argument) {
  if (!argument.empty()) {
    say(ProtocolError::syntax, 501, {5, 5, 4}, "QUIT takes no argument");
    return std::nullopt;
  }
  say(221, {2, 0, 0}, "bye");
  close(Closed::Reason::quit);
  return std::nullopt;
}

std::optional<Event> ServerSession::State::starttls(std::string_view argument) {
  if (!argument.empty()) {
    say(ProtocolError::syntax, 501, {5, 5, 4}, "STARTTLS takes no argument");  // RFC 3207 §4
    return std::nullopt;
  }
  if (tls) {
    say(ProtocolError::sequence, 503, {5, 5, 1}, "TLS is active");
    return std::nullopt;
  }
  if (!options.starttls) {
    say(502, {5, 5, 1}, "STARTTLS not offered");
    return std::nullopt;
  }
  if (auto aborted = leave_transaction()) return aborted;
  say(220, {2, 0, 0}, "ready to start TLS");
  // Octets after the command were not sent through TLS and must not be executed (RFC 3207 §6,
  // CVE-2011-0411).
  input = {};
  lines.clear();
  phase = Phase::handshake;
  return StartTls{};
}

/// The mechanisms that can be offered: -PLUS needs a channel binding.
std::string ServerSession::State::mechanisms() const {
  constexpr std::string_view plus = "SCRAM-SHA-256-PLUS";
  if (bindings || !has_mechanism(options.mechanisms, plus)) return options.mechanisms;
  std::string words;
  for (const std::string_view word : split(options.mechanisms, ' ')) {
    if (word == plus) continue;
    if (!words.empty()) words += ' ';
    words += word;
  }
  return words;
}

std::optional<Event> ServerSession::State::auth(std::string_view argument) {
  const bool served = options.auth && !options.mechanisms.empty();
  const bool may_come = options.bare_addresses ? greeted || !options.helo_required : extended;
  const bool secret = tls || options.auth_without_tls;
  if (!served && options.bare_addresses) {
    say(503, {5, 5, 1}, "AUTH not offered");
  } else if (authenticated || in_transaction) {  // RFC 4954 §4
    say(ProtocolError::sequence, 503, {5, 5, 1},
        authenticated ? "already authenticated" : "AUTH not allowed now");
  } else if (!secret) {
    // RFC 4954 §6: 538 applies to mechanisms that are offered inside TLS.
    const auto unfit = served ? AuthExchange::unfit(argument, options.mechanisms) : std::nullopt;
    if (unfit && unfit->code == 501) note(ProtocolError::syntax);
    say(unfit.value_or(Reply{538, {5, 7, 11}, "encryption required, use STARTTLS first"}));
  } else if (!served) {
    say(502, {5, 5, 1}, "AUTH not offered");
  } else if (!may_come) {
    say(ProtocolError::sequence, 503, {5, 5, 1}, "AUTH not allowed now");
  } else {
    return sasl(exchange.start(argument, {mechanisms(), bindings.get()}));
  }
  return std::nullopt;
}

std::optional<Event> ServerSession::State::sasl(AuthExchange::Step step) {
  if (auto* credentials = std::get_if<Auth>(&step)) {
    phase = Phase::command;
    asked = Asked::auth;
    asked_bearer = credentials->mechanism == "OAUTHBEARER";
    return std::move(*credentials);
  }
  if (auto* name = std::get_if<ScramName>(&step)) {
    phase = Phase::sasl;
    asked = Asked::scram;
    return std::move(*name);
  }
  if (const auto* challenge = std::get_if<Challenge>(&step)) {
    phase = Phase::sasl;
    say(334, {}, challenge->text);
    return std::nullopt;
  }
  phase = Phase::command;
  exchange.clear();
  const Refusal& refusal = std::get<Refusal>(step);
  if (refusal.violation) note(*refusal.violation);
  if (refusal.counts) {
    asked_bearer = false;
    say_failed_auth(refusal.reply);
  } else {
    say(refusal.reply);
  }
  return std::nullopt;
}

/// Wrong or malformed credentials; the failure that reaches the limit ends the session.
void ServerSession::State::say_failed_auth(const Reply& reply) {
  if (++auth_failures >= options.limits.auth_failures) {
    close(Closed::Reason::auth_failures);
    say(421, {4, 7, 0}, "too many failed authentications");
  } else if (asked_bearer) {
    phase = Phase::sasl;
    say(334, {}, exchange.refuse_bearer(reply).text);
  } else {
    say(reply);
  }
}

std::optional<Event> ServerSession::State::xclient(std::string_view argument) {
  if (!options.xclient) {
    say(550, {5, 7, 0}, "XCLIENT not allowed");
    return std::nullopt;
  }
  if (in_transaction) {
    say(ProtocolError::sequence, 503, {5, 5, 1}, "mail transaction in progress");
    return std::nullopt;
  }
  Parsed<Xclient> parsed = parse_xclient(argument);
  if (!parsed) {
    say_unparsed(parsed.error());
    return std::nullopt;
  }
  asked = Asked::xclient;
  asked_login = parsed->login.has_value();
  return std::move(*parsed);
}

}  // namespace postern::smtp
