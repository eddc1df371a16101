#include "smtp/client_session.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "base/text.h"
#include "smtp/client_state.h"

namespace postern::smtp {
namespace {

std::string_view first_word(const ServerReply& reply) {
  const std::string_view line = reply.lines.front();
  return line.substr(0, line.find(' '));
}

/// `RCPTMAX=20`
std::uint64_t limit_of(std::string_view word, std::string_view name) {
  if (!istarts_with(word, name)) return 0;
  return parse_number(word.substr(name.size())).value_or(0);
}

}  // namespace

std::chrono::seconds time_limit(ClientWait wait) {
  using std::chrono::seconds;
  switch (wait) {
    case ClientWait::data:
      return seconds(120);
    case ClientWait::end_of_data:
      return seconds(600);
    case ClientWait::reset:
      return seconds(20);
    default:
      return seconds(300);
  }
}

ServerOffers ServerOffers::from(const ServerReply& reply) {
  ServerOffers offers;
  for (std::size_t i = 1; i < reply.lines.size(); ++i) {
    std::string line = reply.lines[i];
    // `AUTH=PLAIN` is the form before RFC 2554.
    if (istarts_with(line, "AUTH=")) line[4] = ' ';
    const auto words = split(trim(line), ' ');
    const std::string keyword = upper(words[0]);
    if (keyword == "STARTTLS") offers.starttls = true;
    if (keyword == "PIPELINING") offers.pipelining = true;
    if (keyword == "8BITMIME") offers.eightbit = true;
    if (keyword == "SMTPUTF8") offers.smtputf8 = offers.eightbit = true;
    if (keyword == "CHUNKING") offers.chunking = true;
    if (keyword == "DSN") offers.dsn = true;
    if (keyword == "REQUIRETLS") offers.requiretls = true;
    if (keyword == "SIZE") {
      offers.size = true;
      offers.size_limit = words.size() > 1 ? parse_number(words[1]).value_or(0) : 0;
    }
    if (keyword == "AUTH") offers.auth.insert(offers.auth.end(), words.begin() + 1, words.end());
    if (keyword != "LIMITS") continue;
    for (const std::string_view word : words) {
      offers.recipients_limit = std::max(offers.recipients_limit, limit_of(word, "RCPTMAX="));
      offers.mails_limit = std::max(offers.mails_limit, limit_of(word, "MAILMAX="));
    }
  }
  return offers;
}

ResultClass class_of(const ServerReply& reply) {
  return reply.positive()    ? ResultClass::delivered
         : reply.permanent() ? ResultClass::permanent
                             : ResultClass::temporary;
}

RecipientResult result_of(const ServerReply& reply, ResultClass klass, bool next_host) {
  RecipientResult result;
  result.klass = klass;
  result.code = reply.code;
  result.enhanced = reply.enhanced();
  result.enhanced.klass = klass == ResultClass::delivered   ? 2
                          : klass == ResultClass::temporary ? 4
                                                            : 5;
  result.text = reply.text();
  result.next_host = next_host;
  return result;
}

RecipientResult own_result(EnhancedCode enhanced, std::string_view text, bool next_host) {
  RecipientResult result;
  result.klass = enhanced.klass == 5 ? ResultClass::permanent : ResultClass::temporary;
  result.enhanced = enhanced;
  result.text = printable(text);
  result.next_host = next_host;
  return result;
}

RecipientResult lacking_result(std::uint16_t subject, std::uint16_t detail, std::string_view text) {
  RecipientResult result = own_result({5, subject, detail}, text, true);
  result.lacking = true;
  return result;
}

ClientSession::ClientSession(const ClientOptions& options)
    : state_(std::make_unique<State>(options)) {}
ClientSession::~ClientSession() = default;
ClientSession::ClientSession(ClientSession&&) noexcept = default;

const std::vector<RecipientResult>& ClientSession::results() const { return state_->results; }

bool ClientSession::in_tls() const { return state_->tls; }

std::size_t ClientSession::replies() const { return state_->replies; }

std::string ClientSession::take_output() {
  if (!state_->out.empty()) state_->taken = false;
  return std::exchange(state_->out, {});
}

void ClientSession::written() {
  state_->taken = true;
  if (state_->end_sent && state_->out.empty()) state_->end_written = true;
}

void ClientSession::deliver(const OutboundMessage& message) {
  State& s = *state_;
  s.message = &message;
  s.results.assign(message.recipients.size(), {});
  s.done = {};
  s.done.greeted = s.phase == State::Phase::idle;
  if (s.phase == State::Phase::idle) s.begin_delivery();
  if (s.phase == State::Phase::over) {
    s.fail(own_result({4, 4, 2}, "the connection is gone", true), false);
  }
}

void ClientSession::quit() {
  if (state_->phase == State::Phase::idle) state_->close(true);
}

ClientEvent ClientSession::next() const {
  using Phase = State::Phase;
  const State& s = *state_;
  switch (s.phase) {
    case Phase::greeting:
      return NeedReply{ClientWait::greeting};
    case Phase::ehlo:
    case Phase::helo:
      return NeedReply{ClientWait::ehlo};
    case Phase::starttls:
      return NeedReply{ClientWait::starttls};
    case Phase::handshake:
      return NeedTls{};
    case Phase::auth:
      return NeedReply{ClientWait::auth};
    case Phase::text:
      return NeedText{s.offset, static_cast<std::size_t>(std::min<std::uint64_t>(
                                    s.message->size - s.offset, text_piece))};
    case Phase::transaction:
      switch (s.pending.front().what) {
        case State::Asked::reset:
          return NeedReply{ClientWait::reset};
        case State::Asked::mail:
          return NeedReply{ClientWait::mail};
        case State::Asked::rcpt:
          return NeedReply{ClientWait::rcpt};
        case State::Asked::data:
        case State::Asked::lone_dot:
          return NeedReply{ClientWait::data};
        case State::Asked::end_of_data:
          return NeedReply{ClientWait::end_of_data};
      }
      break;
    case Phase::idle:
    case Phase::over:
      break;
  }
  return s.done;
}

void ClientSession::feed(std::string_view bytes) {
  using Phase = State::Phase;
  State& s = *state_;
  if (bytes.empty() || s.phase == Phase::over) return;
  // Octets before the handshake, or before the first command after it, were injected: do not send
  // without TLS either (RFC 3207 §6).
  if (s.phase == Phase::handshake ||
      (s.phase == Phase::ehlo && s.tls && (!s.taken || !s.out.empty()))) {
    s.fail(own_result({4, 7, 0}, "replies were injected around STARTTLS", true), false);
    return;
  }
  if (s.phase == Phase::idle) {  // unsolicited, usually 421
    s.close(false);
    return;
  }
  while (!bytes.empty() && s.phase != Phase::over) {
    switch (s.reader.take(bytes)) {
      case ReplyReader::Status::need_input:
        return;
      case ReplyReader::Status::broken:
        s.protocol_error("a reply that is no SMTP");
        return;
      case ReplyReader::Status::reply:
        ++s.replies;
        s.on_reply(s.reader.reply());
        if (s.phase == Phase::handshake || s.phase == Phase::idle) return feed(bytes);
    }
  }
}

void ClientSession::lost(Lost why) {
  using Phase = State::Phase;
  State& s = *state_;
  if (s.phase == Phase::idle) s.close(false);
  if (s.phase == Phase::over) return;
  s.on_lost(why == Lost::timeout ? "no reply in time" : "the connection was lost");
}

void ClientSession::text(std::string_view octets) {
  if (octets.empty()) return text_failed();
  if (state_->phase == State::Phase::text) state_->add_text(octets);
}

void ClientSession::text_failed() {
  if (state_->phase != State::Phase::text) return;
  state_->fail(own_result({4, 3, 0}, "the message could not be read", false), false);
}

void ClientSession::tls_started() {
  State& s = *state_;
  s.tls = true;
  if (s.phase != State::Phase::handshake) return;
  s.reader.clear();
  s.offers = {};
  s.say_ehlo();
}

void ClientSession::tls_failed(std::string_view why) {
  State& s = *state_;
  if (s.phase != State::Phase::handshake) return;
  s.done.retry_without_tls = s.options.tls == TlsLevel::may && !s.requires_tls();
  if (s.requires_tls()) {
    s.fail(lacking_result(7, 10, why), false);
  } else {
    s.fail(own_result({4, 7, 5}, why, true), false);
  }
}

void ClientSession::State::on_reply(const ServerReply& reply) {
  // RFC 5321 §3.8: 421 may come at any time and is the last reply.
  if (reply.code == 421 && phase != Phase::text && !(phase == Phase::transaction && end_sent)) {
    if (phase == Phase::ehlo && tls) done.retry_without_tls = options.tls == TlsLevel::may;
    fail(result_of(reply, ResultClass::temporary, !mail_taken), false);
    return;
  }
  switch (phase) {
    case Phase::greeting:
      return on_greeting(reply);
    case Phase::ehlo:
      return on_ehlo(reply);
    case Phase::helo:
      return on_helo(reply);
    case Phase::starttls:
      return on_starttls(reply);
    case Phase::auth:
      return on_auth(reply);
    case Phase::transaction:
      return on_transaction(reply);
    case Phase::text:
      return on_early_reply(reply);
    case Phase::handshake:
    case Phase::idle:
    case Phase::over:
      return;
  }
}

/// RFC 5321 §3.1. A negative greeting concerns the host, not the recipients: never permanent.
void ClientSession::State::on_greeting(const ServerReply& reply) {
  if (reply.intermediate()) return protocol_error("a greeting with a 3xx code");
  if (!reply.positive()) return fail(result_of(reply, ResultClass::temporary, true), true);
  done.greeted = true;
  greeted_as_us = iequals(first_word(reply), options.ehlo_name);
  say_ehlo();
}

void ClientSession::State::say_ehlo() {
  out += "EHLO " + options.ehlo_name + "\r\n";
  phase = Phase::ehlo;
}

void ClientSession::State::on_ehlo(const ServerReply& reply) {
  if (reply.positive()) {
    if (greeted_as_us && iequals(first_word(reply), options.ehlo_name)) {
      return fail(own_result({5, 4, 6}, "the mail would loop: the host has our name", false), true);
    }
    offers = ServerOffers::from(reply);
    return after_ehlo();
  }
  if (reply.intermediate()) return protocol_error("a 3xx reply to EHLO");
  if (tls && options.tls == TlsLevel::may) done.retry_without_tls = true;
  if (reply.temporary() || done.retry_without_tls) {
    return fail(result_of(reply, ResultClass::temporary, true), true);
  }
  if (requires_tls()) {
    return fail(lacking_result(7, 10, "the host has no EHLO, so no TLS"), true);
  }
  if (options.tls >= TlsLevel::encrypt) {
    return no_tls("the host has no EHLO, so no STARTTLS", &reply);
  }
  if (options.credentials) {
    RecipientResult result = result_of(reply, ResultClass::temporary, true);
    result.enhanced = {4, 7, 4};
    return fail(result, true);
  }
  out += "HELO " + options.ehlo_name + "\r\n";
  offers = {};
  phase = Phase::helo;
}

void ClientSession::State::on_helo(const ServerReply& reply) {
  if (reply.positive()) return begin_delivery();
  if (reply.intermediate()) return protocol_error("a 3xx reply to HELO");
  fail(result_of(reply, ResultClass::temporary, true), true);
}

void ClientSession::State::after_ehlo() {
  if (!tls && options.tls != TlsLevel::none) {
    if (offers.starttls) {
      out += "STARTTLS\r\n";
      phase = Phase::starttls;
      return;
    }
    if (options.tls >= TlsLevel::encrypt) return no_tls("STARTTLS is not offered");
  }
  if (options.credentials && !authenticated) return begin_auth();
  begin_delivery();
}

void ClientSession::State::on_starttls(const ServerReply& reply) {
  if (reply.code == 220) {
    phase = Phase::handshake;
  } else if (!reply.temporary() && !reply.permanent()) {
    protocol_error("neither 220 nor a refusal to STARTTLS");
  } else if (options.tls >= TlsLevel::encrypt) {
    no_tls("STARTTLS was refused", &reply);
  } else {
    offers.starttls = false;  // RFC 3207 §4: continue as if it had not been sent
    if (options.credentials) return begin_auth();
    begin_delivery();
  }
}

/// TLS is required but not available: temporary, whatever the class of the reply.
void ClientSession::State::no_tls(std::string_view text, const ServerReply* reply) {
  RecipientResult result =
      requires_tls() ? lacking_result(7, 10, text) : own_result({4, 7, 4}, text, true);
  if (reply != nullptr) {
    result.code = reply->code;
    result.text = printable(result.text + ": " + reply->text());
  }
  fail(result, true);
}

void ClientSession::State::begin_auth() {
  const bool verified = tls && options.tls >= TlsLevel::verify;
  if (!verified && !options.auth_insecure) {
    return fail(own_result({4, 7, 0}, "no credentials without verified TLS", true), true);
  }
  auth = ClientAuth::choose(offers.auth, *options.credentials);
  if (!auth) return fail(own_result({4, 7, 0}, "no AUTH mechanism that we know", true), true);
  out += auth->command() + "\r\n";
  phase = Phase::auth;
}

/// RFC 4954 §6. The credentials are this server's: rejecting them is not the sender's fault.
void ClientSession::State::on_auth(const ServerReply& reply) {
  if (reply.code == 334) {
    const auto answer = auth->respond(reply.lines.front());
    if (!answer) {
      fail(own_result({4, 7, 0}, "the server failed its part of AUTH", true), false);
    } else {
      out += *answer + "\r\n";
    }
    return;
  }
  if (reply.intermediate()) return protocol_error("a 3xx reply to AUTH");
  if (reply.positive()) {
    if (!auth->complete()) {
      return fail(
          own_result({4, 7, 0}, "the server has not proven that it knows the password", true),
          true);
    }
    auth.reset();
    authenticated = true;
    return begin_delivery();
  }
  RecipientResult result = result_of(reply, ResultClass::temporary, true);
  if (reply.permanent()) {
    result.enhanced = {4, 7, 8};
    done.credentials_refused = true;
  }
  fail(result, true);
}

/// After the end of the message, an invalid reply may still mean that it was accepted.
void ClientSession::State::protocol_error(std::string_view text) {
  RecipientResult result = own_result({4, 5, 0}, text, !end_written);
  result.uncertain = end_written;
  fail(result, true);
}

void ClientSession::State::fail(const RecipientResult& result, bool polite) {
  // A recipient that was in no transaction cannot have been delivered.
  for (std::size_t i = 0; i < results.size(); ++i) {
    if (results[i].klass != ResultClass::none) continue;
    results[i] = result;
    if (std::find(waiting.begin(), waiting.end(), i) != waiting.end()) results[i].uncertain = false;
  }
  close(polite);
}

void ClientSession::State::close(bool polite) {
  keep_to_this_host();
  const bool quiet = phase == Phase::text || !pending.empty() || end_sent;
  if (!polite || quiet) {
    out.clear();
  } else {
    out += "QUIT\r\n";
  }
  phase = Phase::over;
  pending.clear();
  done.reusable = false;
  done.dsn_offered = offers.dsn;
}

}  // namespace postern::smtp
