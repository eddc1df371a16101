#include "gateway/connection.h"

#include <sodium.h>

#include "base/text.h"
#include "net/counted.h"
#include "policy/questions/client_in.h"
#include "smtp/command_text.h"
#include "telemetry/log.h"

namespace postern::gateway {
namespace asio = boost::asio;
namespace log = telemetry::log;

namespace {

/// Octets of replies that the client has not read, above which no command is read.
constexpr std::size_t max_output = 64 * 1024;
constexpr std::chrono::seconds farewell_time{2};
/// The memory of an idle session (bench/memory.py), with small buffers.
constexpr std::uint64_t session_memory = 12 * 1024;
constexpr std::uint64_t small_buffers = 4 * 1024;
constexpr std::uint64_t tls_memory = 48 * 1024;

telemetry::Turned reason_of(Admission::Refusal refusal) {
  switch (refusal) {
    case Admission::Refusal::too_many_sessions:
      return telemetry::Turned::limit;
    case Admission::Refusal::too_many_from_address:
      return telemetry::Turned::address_limit;
    case Admission::Refusal::too_many_new:
      return telemetry::Turned::rate;
  }
  return telemetry::Turned::limit;
}

std::string_view result_of(const smtp::Reply& reply) {
  return reply.positive() ? "accepted" : reply.temporary() ? "deferred" : "rejected";
}

smtp::Reply service_closing(smtp::EnhancedCode enhanced, std::string text) {
  return {.code = 421, .enhanced = enhanced, .text = std::move(text)};
}

smtp::Reply too_many_connections() {
  return service_closing({4, 7, 0}, "too many connections, try again later");
}

smtp::Reply no_memory() {
  return service_closing({4, 3, 2}, "system resources are used up, try again later");
}

}  // namespace

Connection::Connection(asio::ip::tcp::socket socket,
                       std::shared_ptr<const ListenerSettings> settings, Services& services,
                       Admission& admission, Loop& loop, Room room)
    : stream_(std::move(socket)),
      settings_(std::move(settings)),
      room_(room),
      admission_(admission),
      loop_(loop),
      metrics_(telemetry::metrics().listener(settings_->name)),
      options_(settings_->session),
      session_(options_),
      transaction_(settings_, services),
      charge_(services.resources.memory()),
      deadline_(loop.deadlines, stream_),
      started_(Clock::now()) {
  transaction_.wait_by([this](std::chrono::seconds time) { return let_wait(time); });
  transaction_.leave_by(
      [this] { return stream_.cancelled() || loop_.draining || stream_.peer_left(); });
  boost::system::error_code error;
  const auto remote = stream_.socket().remote_endpoint(error);
  if (!error) {
    policy::SessionFacts& facts = transaction_.session();
    facts.client_ip = net::from_asio(remote.address());
    facts.client_port = remote.port();
    facts.connected = std::chrono::system_clock::now();
    if (const auto local = stream_.socket().local_endpoint(error); !error) {
      facts.server_ip = net::from_asio(local.address());
      facts.server_port = local.port();
    }
  }
}

Task<void> Connection::run() {
  metrics_.connected();
  try {
    const bool identified = co_await read_proxy_header();
    if (!identified) {
      metrics_.turned_away(telemetry::Turned::proxy);
    } else {
      Admission::Answer admitted{.ticket = {}, .refusal = Admission::Refusal::too_many_sessions};
      if (room_ != Room::none) {
        const IpAddress client = transaction_.session().client_ip;
        admitted = admission_.admit(client);
        Admission::Shared shared = admission_.shared(client);
        if (!admitted.refusal) {
          const SharedLimits::Answer beyond =
              co_await net::counted(shared.limits, shared.limit, std::move(shared.key));
          if (beyond) admitted = {.ticket = {}, .refusal = Admission::Refusal::too_many_new};
        }
      }
      if (admitted.refusal) {
        end_ = "refused";
        metrics_.turned_away(reason_of(*admitted.refusal));
        co_await farewell(too_many_connections());
      } else if (!charge()) {
        end_ = "refused";
        metrics_.turned_away(telemetry::Turned::limit);
        co_await farewell(no_memory());
      } else {
        ticket_ = std::move(admitted.ticket);
        stream_.watch(ticket_.waits());
        transaction_.watch(ticket_.waits());
        co_await converse();
      }
    }
  } catch (const std::exception& error) {
    end_ = "error";
    log::error("session.error")
        .field("session", transaction_.session().id)
        .field("error", error.what());
  }
  transaction_.aborted();
  stream_.close();
  const auto& tls = transaction_.session().tls;
  metrics_.ended(tls ? std::string_view(tls->version) : std::string_view(), end_,
                 Clock::now() - started_);
  log_end();
}

Task<bool> Connection::greet() {
  options_.starttls =
      settings_->tls == ListenerTls::starttls || settings_->tls == ListenerTls::required;
  options_.mechanisms = transaction_.mechanisms();
  options_.replies_apart = settings_->rewrites();
  const IpAddress& client = transaction_.session().client_ip;
  options_.xclient = policy::questions::client_in(client, settings_->xclient_from).yes;
  if (settings_->tls == ListenerTls::implicit) {
    const bool secured = co_await handshake();
    if (!secured) co_return false;
    if (lacks_certificate()) co_return true;
  }
  if (settings_->pregreet_wait.count() > 0) {
    co_await pause(settings_->pregreet_wait);
    // RFC 5321 §4.3.1: the client waits for the greeting.
    if (stream_.input_waiting()) {
      telemetry::protocol_error(smtp::ProtocolError::early_talker);
      turn_away(telemetry::Turned::early_talker,
                {.code = 554, .enhanced = {5, 5, 0}, .text = "you spoke before the greeting"});
      co_return true;
    }
  }
  if (loop_.draining) {
    turn_away(telemetry::Turned::draining, service_closing({4, 3, 2}, "shutting down"));
    co_return true;
  }
  const smtp::Reply refusal = co_await transaction_.connected();
  if (refusal.code != 0) {
    telemetry::metrics().dialogue().reply(static_cast<std::size_t>(policy::Stage::connect),
                                          refusal.code, refusal.enhanced.klass,
                                          refusal.enhanced.subject, refusal.enhanced.detail);
    session_.turn_away(refusal);
  } else {
    session_.greet();
  }
  if (settings_->rewrites()) co_await speak({});
  co_return true;
}

Task<void> Connection::converse() {
  const bool greeted = co_await greet();
  bool open = greeted;
  while (open && !session_.closed() && !ticket_.lost()) {
    smtp::Event event = session_.next();
    // A chunk is a view into what was read: it goes before somebody waits.
    if (const auto* chunk = std::get_if<smtp::Chunk>(&event)) {
      transaction_.chunk(chunk->bytes);
      ticket_.received(chunk->bytes.size());
    }
    if (settings_->rewrites()) co_await speak({});
    if (std::holds_alternative<smtp::Chunk>(event)) continue;
    count_violations();  // before the replies are written: a client that has read them is counted
    if (std::holds_alternative<smtp::NeedInput>(event)) {
      open = co_await flush();
      if (session_.closed()) {  // a rewriter has made 421 or 521 of a refusal (RFC 5321 §3.8)
        end_ = "refused";
        continue;
      }
      if (open && !charge()) {
        turn_away(telemetry::Turned::limit, no_memory());
        continue;
      }
      if (open) open = co_await read_more();
      continue;
    }
    if (const auto* closed = std::get_if<smtp::Closed>(&event)) {
      const bool quit = closed->reason == smtp::Closed::Reason::quit;
      end_ = quit ? "quit" : "refused";
      if (quit) telemetry::metrics().dialogue().command(telemetry::Verb::quit, 221);
      transaction_.aborted();  // before the last reply: a client that has read it finds the trace
      break;
    }
    fresh_wait_ = true;
    transaction_.session().early_talker = session_.early_talker();
    session_.keep_input();  // the loop's read buffer is shared: other sessions read while this one
                            // waits
    if (!charge()) {
      turn_away(telemetry::Turned::limit, no_memory());
      continue;
    }
    const std::string command = settings_->rewrites() ? smtp::command_text(event) : std::string();
    co_await handle(std::move(event));
    if (settings_->rewrites()) co_await speak(command);
    if (session_.output_size() > max_output && !ticket_.lost()) open = co_await flush();
  }
  count_violations();
  if (ticket_.lost()) {
    co_await leave_place();
    co_return;
  }
  if (!greeted) co_return;
  if (stream_.cancelled()) {
    if (deadline_.expired()) {
      end_ = "timeout";
    } else if (loop_.draining) {
      end_ = "shutdown";
    }
    co_await farewell(loop_.draining && !deadline_.expired()
                          ? service_closing({4, 3, 2}, "shutting down")
                          : service_closing({4, 4, 2}, "timeout, closing the connection"));
    co_return;
  }
  const bool flushed = co_await flush();
  if (!flushed && end_ == "quit") end_ = "dropped";
}

Task<void> Connection::leave_place() {
  stream_.watch(nullptr);
  end_ = "replaced";
  metrics_.turned_away(telemetry::Turned::replaced);
  transaction_.aborted();
  co_await farewell(service_closing({4, 3, 2},
                                    "the connection is needed for another client, try "
                                    "again later"));
}

bool Connection::charge() {
  const std::uint64_t held = session_.held();
  return charge_.set(session_memory + (tls_begun_ ? tls_memory : 0) + held -
                     std::min(held, small_buffers));
}

void Connection::count_violations() {
  for (const smtp::ProtocolError kind : session_.take_protocol_errors()) {
    telemetry::protocol_error(kind);
  }
  for (const smtp::Reply& reply : session_.take_own_refusals()) {
    transaction_.log_own_refusal(reply);
  }
}

void Connection::turn_away(telemetry::Turned why, const smtp::Reply& reply) {
  metrics_.turned_away(why);
  transaction_.log_own_refusal(reply);
  session_.refuse(reply);
}

void Connection::count(policy::Stage stage, telemetry::Verb verb, const smtp::Reply& reply) {
  telemetry::DialogueMetrics& dialogue = telemetry::metrics().dialogue();
  dialogue.command(verb, reply.code);
  dialogue.reply(static_cast<std::size_t>(stage), reply.code, reply.enhanced.klass,
                 reply.enhanced.subject, reply.enhanced.detail);
}

void Connection::answer(policy::Stage stage, telemetry::Verb verb, const smtp::Reply& reply) {
  count(stage, verb, reply);
  session_.reply(reply);
}

Task<void> Connection::speak(std::string command) {
  std::vector<smtp::Given> replies = session_.take_replies();
  if (replies.empty()) co_return;
  session_.keep_input();  // as in converse(): hooks may suspend
  for (smtp::Given& one : replies) {
    std::optional<std::string> answered = command.empty() ? std::move(one.command) : command;
    if (answered->empty()) answered.reset();
    const smtp::Reply said =
        one.as_is ? one.reply : co_await transaction_.rewritten(one.reply, std::move(answered));
    session_.write(said);
    if (said.closes()) break;
  }
}

Task<void> Connection::handle(smtp::Event event) {
  using policy::Stage;
  using telemetry::Verb;
  if (auto* helo = std::get_if<smtp::Helo>(&event)) {
    const Verb verb = helo->extended ? Verb::ehlo : Verb::helo;
    std::vector<std::string> extensions;
    if (helo->extended && transaction_.speaks_at_helo()) extensions = session_.extensions();
    const smtp::Reply refusal = co_await transaction_.helo(std::move(*helo), std::move(extensions));
    if (refusal.code != 0 && (!refusal.positive() || verb == Verb::helo)) {
      answer(Stage::helo, verb, refusal);
    } else {
      count(Stage::helo, verb, {.code = 250, .enhanced = {}, .text = {}});
      const auto offered = transaction_.take_offered();
      if (offered && verb == Verb::ehlo) {
        session_.accept(*offered);
      } else {
        session_.accept();
      }
    }
  } else if (auto* mail = std::get_if<smtp::Mail>(&event)) {
    const smtp::Reply reply = co_await transaction_.mail(std::move(*mail));
    const bool too_late = loop_.draining && reply.code < 400;
    answer(Stage::mail, Verb::mail, too_late ? service_closing({4, 3, 2}, "shutting down") : reply);
  } else if (auto* rcpt = std::get_if<smtp::Rcpt>(&event)) {
    const smtp::Reply reply = co_await transaction_.rcpt(std::move(*rcpt));
    answer(Stage::rcpt, Verb::rcpt, reply);
  } else if (auto* vrfy = std::get_if<smtp::Vrfy>(&event)) {
    const smtp::Reply reply = co_await transaction_.vrfy(std::move(*vrfy));
    answer(Stage::rcpt, Verb::other, reply);
  } else if (auto* etrn = std::get_if<smtp::Etrn>(&event)) {
    const smtp::Reply reply = co_await transaction_.etrn(std::move(*etrn));
    answer(Stage::rcpt, Verb::other, reply);
  } else if (std::holds_alternative<smtp::Data>(event)) {
    co_await begin_message();
  } else if (const auto* end = std::get_if<smtp::EndOfData>(&event)) {
    deadline_.set(Clock::time_point::max());  // the delivery has its own time limits
    const smtp::Reply reply = co_await transaction_.end_of_data(end->size);
    if (reply.positive()) ticket_.accepted();
    metrics_.message(result_of(reply), end->size);
    answer(Stage::message, Verb::data, reply);
  } else if (std::holds_alternative<smtp::Aborted>(event)) {
    transaction_.aborted();
  } else if (std::holds_alternative<smtp::StartTls>(event)) {
    telemetry::metrics().dialogue().command(Verb::starttls, 220);
    co_await start_tls();
  } else if (auto* auth = std::get_if<smtp::Auth>(&event)) {
    co_await answer_auth(std::move(*auth));
  } else if (auto* scram = std::get_if<smtp::ScramName>(&event)) {
    co_await answer_scram(std::move(*scram));
  } else if (const auto* xclient = std::get_if<smtp::Xclient>(&event)) {
    const smtp::Reply reply = co_await apply_xclient(*xclient);
    answer(Stage::connect, Verb::other, reply);
  }
}

Task<void> Connection::begin_message() {
  const smtp::Reply refusal = co_await transaction_.data();
  if (refusal.code != 0) {
    answer(policy::Stage::data, telemetry::Verb::data, refusal);
    co_return;
  }
  session_.proceed();
  data_started_ = block_started_ = Clock::now();
  data_octets_ = block_octets_ = 0;
}

Task<void> Connection::answer_auth(smtp::Auth event) {
  deadline_.set(Clock::time_point::max());
  const Clock::time_point came = Clock::now();
  const smtp::Reply reply = co_await transaction_.auth(std::move(event));
  if (reply.permanent()) co_await pause(auth_delay(came));
  answer(policy::Stage::auth, telemetry::Verb::auth, reply);
}

/// The time until a whole number of delays has passed since the command came: the time of a failure
/// does not tell whether the account exists.
std::chrono::milliseconds Connection::auth_delay(Clock::time_point came) const {
  const auto step = settings_->auth_failure_delay;
  if (step.count() <= 0) return step;
  const auto took = std::chrono::duration_cast<std::chrono::milliseconds>(Clock::now() - came);
  return step - took % step;
}

Task<void> Connection::answer_scram(smtp::ScramName event) {
  deadline_.set(Clock::time_point::max());
  const Clock::time_point came = Clock::now();
  const auto keys = co_await transaction_.scram_keys(std::move(event));
  if (!keys) {
    if (keys.error().permanent()) co_await pause(auth_delay(came));
    answer(policy::Stage::auth, telemetry::Verb::auth, keys.error());
    co_return;
  }
  std::array<char, 18> nonce;
  randombytes_buf(nonce.data(), nonce.size());
  session_.scram(*keys, base64_encode({nonce.data(), nonce.size()}));
}

Task<smtp::Reply> Connection::apply_xclient(const smtp::Xclient& event) {
  transaction_.forget_session();
  policy::SessionFacts& facts = transaction_.session();
  // Script state and decisions belong to the previous client.
  facts.script.reset();
  // From the first XCLIENT on, the proxy's own address, which may be in a trusted network, is not
  // used any more. Attributes of a later XCLIENT are added (Postfix XCLIENT_README).
  if (event.address || !speaks_for_another_) {
    if (facts.proxy_from.empty()) {
      facts.proxy_from = with_port(facts.client_ip, facts.client_port);
    }
    facts.client_ip = event.address.value_or(IpAddress::unknown());
    if (!facts.client_ip.is_known()) facts.client_port = 0;
  }
  speaks_for_another_ = true;
  if (const auto refusal = ticket_.move(facts.client_ip)) {
    metrics_.turned_away(reason_of(*refusal));
    co_return too_many_connections();
  }
  if (event.helo) facts.helo = *event.helo;
  if (event.login) {
    facts.auth = policy::Authentication{
        .username = *event.login, .mechanism = "XCLIENT", .granted = {}, .authz_id = *event.login};
  }
  // The session returns to the state after connect (Postfix XCLIENT_README): the rules of that
  // stage judge the new client.
  smtp::Reply refusal = co_await transaction_.connected();
  if (refusal.code >= 400) {
    refusal.after = smtp::After::close;
    co_return refusal;
  }
  co_return smtp::Reply{.code = 220, .enhanced = {}, .text = options_.hostname + " ESMTP Postern"};
}

Task<void> Connection::farewell(smtp::Reply reply) {
  if (cut_off_ || (tls_begun_ && !transaction_.session().tls)) co_return;
  stream_.rearm();
  session_.refuse(reply);
  deadline_.restart(Clock::now() + farewell_time);
  const std::string output = session_.take_output();
  co_await stream_.write(output);
}

void Connection::log_end() const {
  const policy::SessionFacts& facts = const_cast<Connection*>(this)->transaction_.session();
  auto line = log::info("session.end");
  if (!line) return;
  line.field("session", facts.id)
      .field("listener", facts.listener)
      .field("client_ip", facts.client_ip)
      .field("client_port", facts.client_port)
      .field("helo", facts.helo)
      .field("end", end_)
      .field("messages", transaction_.messages())
      .field("duration_ms", Clock::now() - started_);
  if (facts.tls) line.field("tls", facts.tls->version);
  if (facts.auth) line.field("auth_id", facts.auth->username);
}

}  // namespace postern::gateway
