// The driver of one connection: reads octets, feeds the session, calls the transaction, writes the
// session's replies. It handles sockets and time; smtp::ServerSession handles the protocol.
#pragma once

#include <memory>
#include <string_view>

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>

#include "base/task.h"
#include "gateway/admission.h"
#include "gateway/settings.h"
#include "gateway/transaction.h"
#include "net/deadlines.h"
#include "net/stream.h"
#include "smtp/server_session.h"
#include "telemetry/smtp_metrics.h"

namespace postern::gateway {

/// What the connections of one event loop share. Only that loop's thread uses it.
struct Loop {
  boost::asio::io_context& context;  ///< outlives the connections
  net::Deadlines deadlines;          ///< of this loop's connections
  bool draining = false;             ///< shutting down: no new transactions begin
};

/// One SMTP client. Lives on the event loop that accepted it, and is used by its thread only.
class Connection {
 public:
  /// Whether the listener has a free connection; without one, the client gets 421 and the
  /// connection is closed.
  enum class Room : std::uint8_t { some, none };
  /// `services`, `admission` and `loop` outlive the connection.
  Connection(boost::asio::ip::tcp::socket socket, std::shared_ptr<const ListenerSettings> settings,
             Services& services, Admission& admission, Loop& loop, Room room = Room::some);
  /// Serves the connection from the first octet to the last, then closes it. Never throws.
  Task<void> run();

 private:
  using Clock = net::Deadlines::Clock;

  /// Reads the PROXY header if the listener requires one. False: close without a reply.
  Task<bool> read_proxy_header();
  Task<bool> handshake();
  Task<void> converse();
  Task<bool> greet();
  /// Handles one event of the session.
  Task<void> handle(smtp::Event event);
  /// Passes the session's replies through the rewriter, which must exist. They answer `command` or,
  /// if that is empty, the command that the session names with each.
  Task<void> speak(std::string command);
  Task<void> answer_auth(smtp::Auth event);
  Task<void> answer_scram(smtp::ScramName event);
  std::chrono::milliseconds auth_delay(Clock::time_point came) const;
  Task<void> begin_message();
  Task<void> start_tls();
  Task<bool> flush();
  Task<bool> read_more();
  Task<void> pause(std::chrono::milliseconds time);
  /// Lets the client wait, as a rule says; less if it leaves, or has waited for a command's time.
  Task<void> let_wait(std::chrono::seconds time);
  /// Refuses a client whose certificate is required, and missing or not trusted. True: it was.
  bool lacks_certificate();
  /// Another session has the place of this one.
  Task<void> leave_place();
  /// The last reply, where a reply can be said: not amid a handshake or another reply.
  Task<void> farewell(smtp::Reply reply);
  Task<smtp::Reply> apply_xclient(const smtp::Xclient& event);
  /// Answers the current event and counts the command and the reply.
  void answer(policy::Stage stage, telemetry::Verb verb, const smtp::Reply& reply);
  void count(policy::Stage stage, telemetry::Verb verb, const smtp::Reply& reply);
  /// Counts what the client did against the protocol since the last call.
  void count_violations();
  /// Ends the session with a reply before it begins.
  void turn_away(telemetry::Turned why, const smtp::Reply& reply);
  void set_read_deadline();
  /// Charges what the session keeps beside its transaction. False: there is no memory left.
  bool charge();
  void log_end() const;

  net::Stream stream_;
  std::shared_ptr<const ListenerSettings> settings_;
  const Room room_;
  Admission& admission_;
  Loop& loop_;
  telemetry::ListenerMetrics& metrics_;
  smtp::ServerOptions options_;  ///< this connection's own copy, since offers depend on the client
  smtp::ServerSession session_;
  Transaction transaction_;
  Admission::Ticket ticket_;
  MemoryCharge charge_;
  bool tls_begun_ = false;
  bool cut_off_ = false;  ///< a part of what was said was not written
  net::Deadlines::Entry deadline_;
  Clock::time_point started_;
  Clock::time_point data_started_;
  Clock::time_point waiting_since_;
  std::uint64_t data_octets_ = 0;
  std::uint64_t block_octets_ = 0;
  Clock::time_point block_started_;
  std::chrono::milliseconds waited_{0};  ///< in let_wait()
  std::size_t delayed_errors_ = 0;
  bool fresh_wait_ = true;
  bool speaks_for_another_ = false;  ///< the client sent XCLIENT
  std::string_view end_ = "dropped";
};

}  // namespace postern::gateway
