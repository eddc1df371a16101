#include "smtp/server_session.h"

#include <cassert>
#include <utility>

#include "base/text.h"
#include "smtp/session_state.h"

namespace postern::smtp {

Event ServerSession::State::advance() {
  assert(asked == Asked::nothing && "an event was not answered");
  for (;;) {
    if (closing) {
      input = {};
      return Closed{*closing};
    }
    std::optional<Event> event;
    switch (phase) {
      case Phase::command:
      case Phase::sasl:
        event = read_line();
        break;
      case Phase::data:
        event = read_data();
        break;
      case Phase::chunk:
        event = read_chunk();
        break;
      case Phase::handshake:
        event = NeedInput{};
        break;
    }
    if (event) return std::move(*event);
  }
}

/// Queues a reply. Counts errors; the error beyond the limit ends the session.
void ServerSession::State::say(std::uint16_t code, EnhancedCode enhanced, std::string_view text) {
  // RFC 5321 §4.5.3.1.10: "too many recipients" is a limit of the server, not an error of the
  // client, until the client has exceeded it by as many recipients again.
  const bool own_limit = code == 452 && enhanced == EnhancedCode{4, 5, 3};
  if (own_limit && ++recipients_over > options.limits.recipients && !closing) {
    close(Closed::Reason::limit);
    code = 421;
    enhanced = {4, 7, 0};
  } else if (code >= 400 && !own_limit && count_error()) {
    return;
  }
  if (code >= 400 && !driver_answers) own_refusals.push_back({code, enhanced, std::string(text)});
  queue(code, enhanced, text);
  if ((code == 421 || code == 521) && !closing) close(Closed::Reason::policy);
}

/// Every reply to a command is queued here. 334 is a SASL challenge.
void ServerSession::State::queue(std::uint16_t code, EnhancedCode enhanced, std::string_view text,
                                 bool as_is) {
  if (!options.replies_apart) return append_wire(output, code, enhanced, text);
  if (!apart) apart = std::make_unique<Apart>();
  apart->replies.push_back({.reply = {code, enhanced, std::string(text)},
                            .command = apart->command,
                            .as_is = as_is || code == 334});
}

/// True if this error was beyond the limit and has been answered with 421.
bool ServerSession::State::count_error() {
  if (++errors <= options.limits.errors || closing) return false;
  note(ProtocolError::too_many_errors);
  own_refusals.push_back({421, {4, 7, 0}, "too many errors"});
  queue(421, {4, 7, 0}, "too many errors");
  close(Closed::Reason::too_many_errors);
  return true;
}

void ServerSession::State::close(Closed::Reason reason) {
  if (!closing) closing = reason;
}

void ServerSession::State::reset_transaction() {
  in_transaction = false;
  smtputf8 = false;
  recipients = 0;
  recipients_over = 0;
  chunks = 0;
  chunked = false;
  message_begun = false;
}

/// RFC 5321 §4.1.4: an accepted one resets like RSET; after a refused one the state is as before.
void ServerSession::State::greet() {
  reset_transaction();
  greeted = true;
  extended = asked_extended;
}

/// RFC 3207 §4.2: everything learnt before the handshake is discarded, except the counters.
void ServerSession::State::reset_session() {
  reset_transaction();
  phase = Phase::command;
  exchange.clear();
  greeted = false;
  extended = false;
  authenticated = false;
}

void ServerSession::State::answered(const Reply& reply) {
  driver_answers = true;
  apply(reply);
  driver_answers = false;
}

void ServerSession::State::apply(const Reply& reply) {
  const Asked question = asked;
  asked = Asked::nothing;
  const bool yes = reply.positive();
  switch (question) {
    case Asked::helo:
      if (yes) greet();
      break;
    case Asked::auth:
      authenticated = reply.code == 235;
      // Any negative reply is a failure. If it closes the session anyway, the limit is not
      // reported.
      if (reply.permanent() && !reply.closes() && reply.after == After::go_on)
        return say_failed_auth(reply);
      break;
    case Asked::scram:
      phase = Phase::command;
      exchange.clear();
      asked_bearer = false;
      if (reply.permanent()) return say_failed_auth(reply);
      break;
    case Asked::mail:
      in_transaction = yes;
      smtputf8 = yes && asked_smtputf8;
      break;
    case Asked::rcpt:
      if (yes) ++recipients;
      break;
    case Asked::chunk:
      if (!yes && !reply.closes()) {
        driver_refused_chunk = true;
        chunk_refusal = reply;  // sent after its octets (RFC 3030 §2), which end the transaction
        return;
      }
      break;
    case Asked::end_of_data:
      if (yes) ++messages;
      junk_commands = 0;
      swallowed_octets = 0;
      reset_transaction();
      break;
    case Asked::xclient:
      if (yes) {
        reset_session();
        authenticated = asked_login;
      }
      break;
    case Asked::vrfy:
    case Asked::data:
    case Asked::nothing:
      break;
  }
  say(reply);
}

ServerSession::ServerSession(const ServerOptions& options)
    : state_(std::make_unique<State>(options)) {
  static_assert(sizeof(State) < 1024, "ten thousand idle sessions are to cost 10 MB at most");
}
ServerSession::~ServerSession() = default;
ServerSession::ServerSession(ServerSession&&) noexcept = default;

void ServerSession::greet() {
  state_->queue(
      220, {},
      state_->options.hostname +
          (state_->options.banner.empty() ? " ESMTP Postern" : " ESMTP " + state_->options.banner));
}

void ServerSession::turn_away(const Reply& reply) {
  if (state_->closing) return;
  state_->queue(reply.code, reply.enhanced, reply.text);
  state_->turned_away = true;
  if (reply.closes() || reply.after != After::go_on) part(reply.after);
}

bool ServerSession::early_talker() const { return state_->early_talker; }

void ServerSession::refuse(const Reply& reply) {
  if (state_->closing) return;
  reply.append_wire(state_->output);
  state_->close(Closed::Reason::policy);
}

void ServerSession::feed(std::string_view bytes) {
  assert(state_->input.empty() && "feed() before NeedInput");
  if (state_->phase == State::Phase::handshake || state_->closing) return;
  state_->input = bytes;
  state_->input_kept = false;
}

void ServerSession::keep_input() {
  if (state_->input_kept || state_->input.empty()) return;
  state_->kept.assign(state_->input);
  state_->input = state_->kept;
  state_->input_kept = true;
}

Event ServerSession::next() { return state_->advance(); }

void ServerSession::reply(const Reply& reply) {
  // 1xx and 3xx would make the client wait; such an answer is a bug of the caller.
  const unsigned kind = reply.code / 100u;
  if (kind != 2 && kind != 4 && kind != 5) return state_->answered(reply_for(Fault::bug));
  state_->answered(reply);
  if (reply.closes() || reply.after != After::go_on) part(reply.after);
}

std::vector<Given> ServerSession::take_replies() {
  return state_->apart ? std::exchange(state_->apart->replies, {}) : std::vector<Given>();
}

void ServerSession::write(const Reply& said) {
  said.append_wire(state_->output);
  if (said.closes() || said.after != After::go_on) state_->close(Closed::Reason::policy);
}

void ServerSession::part(After after) {
  if (state_->closing) return;
  if (after == After::close_with_421) {
    state_->driver_answers = true;
    state_->say(421, {4, 7, 0}, state_->options.hostname + " disconnecting due to previous error");
  }
  state_->close(Closed::Reason::policy);
}

void ServerSession::accept() {
  assert(state_->asked == State::Asked::helo);
  state_->asked = State::Asked::nothing;
  state_->greet();
  state_->say_extensions();
}

void ServerSession::accept(const std::vector<std::string>& extensions) {
  assert(state_->asked == State::Asked::helo && state_->asked_extended);
  state_->asked = State::Asked::nothing;
  state_->greet();
  std::string text = state_->options.hostname;
  for (const std::string& one : extensions) text += "\n" + one;
  state_->queue(250, {}, text, true);
}

std::vector<std::string> ServerSession::extensions() const {
  std::vector<std::string> found;
  if (!state_->asked_extended) return found;
  const std::string lines = state_->extension_lines();
  for (const std::string_view line : split(std::string_view(lines).substr(1), '\n')) {
    found.emplace_back(line);
  }
  return found;
}

void ServerSession::scram(const ScramKeys& keys, std::string_view nonce) {
  assert(state_->asked == State::Asked::scram);
  state_->asked = State::Asked::nothing;
  state_->say(334, {}, state_->exchange.challenge(keys, nonce).text);
}

void ServerSession::proceed() {
  assert(state_->asked == State::Asked::data || state_->asked == State::Asked::chunk);
  const bool chunk = state_->asked == State::Asked::chunk;
  state_->asked = State::Asked::nothing;
  state_->message_begun = true;
  if (chunk) return;
  state_->reader =
      DataReader(DataReader::Framing::dots, state_->options.bare_newline, state_->options.limits);
  state_->phase = State::Phase::data;
  state_->say(354, {}, "end with <CRLF>.<CRLF>");
}

void ServerSession::tls_started(ChannelBindings bindings) {
  state_->reset_session();
  state_->input = {};
  state_->tls = true;
  state_->bindings.reset();
  if (!bindings.exporter.empty() || !bindings.server_end_point.empty())
    state_->bindings = std::make_unique<ChannelBindings>(std::move(bindings));
}

std::string ServerSession::take_output() {
  std::string out;
  out.swap(state_->output);
  return out;
}

std::size_t ServerSession::output_size() const { return state_->output.size(); }
bool ServerSession::closed() const { return state_->closing.has_value(); }
bool ServerSession::input_waiting() const { return !state_->input.empty(); }
bool ServerSession::in_tls() const { return state_->tls; }
bool ServerSession::authenticated() const { return state_->authenticated; }
bool ServerSession::esmtp() const { return state_->extended; }
std::vector<ProtocolError> ServerSession::take_protocol_errors() {
  return std::exchange(state_->protocol_errors, {});
}
std::vector<Reply> ServerSession::take_own_refusals() {
  return std::exchange(state_->own_refusals, {});
}
std::size_t ServerSession::errors() const { return state_->errors; }
bool ServerSession::in_data() const { return state_->message_begun; }
bool ServerSession::in_transaction() const { return state_->in_transaction; }

std::size_t ServerSession::held() const {
  // The AUTH exchange keeps at most two decoded lines.
  const std::size_t exchange =
      state_->phase == State::Phase::sasl ? 2 * state_->options.limits.auth_line : 0;
  std::size_t octets =
      state_->kept.capacity() + state_->output.capacity() + state_->lines.held() + exchange;
  if (state_->apart) {
    for (const Given& one : state_->apart->replies) octets += sizeof one + one.reply.text.size();
  }
  return octets;
}

void ServerSession::shrink() {
  state_->lines.shrink();
  if (state_->output.empty()) std::string().swap(state_->output);
  if (state_->input.empty()) std::string().swap(state_->kept);
}

}  // namespace postern::smtp
