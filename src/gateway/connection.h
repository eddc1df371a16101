// The driver of one connection: reads octets, feeds the session, asks the transaction, writes what
// the session says. It knows sockets and time; the protocol is the session's.
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

/// What the connections of one event loop share.
struct Loop {
  boost::asio::io_context& context;
  net::Deadlines deadlines;
  bool draining = false;  ///< shutting down: no new transactions
};

class Connection {
 public:
  /// Whether the listener has room for one more; with none it is told so and closed.
  enum class Room : std::uint8_t { some, none };
  Connection(boost::asio::ip::tcp::socket socket, std::shared_ptr<const ListenerSettings> settings,
             Services& services, Admission& admission, Loop& loop, Room room = Room::some);
  /// From the first octet to the last. Never throws.
  Task<void> run();

 private:
  using Clock = net::Deadlines::Clock;

  /// Reads the PROXY header where the listener wants one. False: close without a word.
  Task<bool> read_proxy_header();
  Task<bool> handshake();
  Task<void> converse();
  Task<bool> greet();
  /// Answers one event of the session.
  Task<void> handle(smtp::Event event);
  /// Gives what the session said to the rewriter, which there is, and the client its words. They
  /// answer `command`, or, where it is empty, what the session says that they do.
  Task<void> speak(std::string command);
  Task<void> answer_auth(smtp::Auth event);
  Task<void> answer_scram(smtp::ScramName event);
  std::chrono::milliseconds auth_delay(Clock::time_point came) const;
  Task<void> begin_message();
  Task<void> start_tls();
  Task<bool> flush();
  Task<bool> read_more();
  Task<void> pause(std::chrono::milliseconds time);
  Task<void> farewell(smtp::Reply reply);
  Task<smtp::Reply> apply_xclient(const smtp::Xclient& event);
  /// Answers the event in hand and counts command and reply.
  void answer(policy::Stage stage, telemetry::Verb verb, const smtp::Reply& reply);
  void count(policy::Stage stage, telemetry::Verb verb, const smtp::Reply& reply);
  /// Ends the session before it began.
  void turn_away(telemetry::Turned why, const smtp::Reply& reply);
  void set_read_deadline();
  void wait_for_client();
  /// Charges what the session keeps beside its transaction. False: there is no memory left.
  bool charge();
  void log_end() const;

  net::Stream stream_;
  std::shared_ptr<const ListenerSettings> settings_;
  const Room room_;
  Admission& admission_;
  Loop& loop_;
  telemetry::ListenerMetrics& metrics_;
  smtp::ServerOptions options_;  ///< this connection's copy: what it may be offered
  smtp::ServerSession session_;
  Transaction transaction_;
  Admission::Ticket ticket_;
  MemoryCharge charge_;
  bool tls_begun_ = false;
  bool lost_place_ = false;  ///< to another session
  net::Deadlines::Entry deadline_;
  Clock::time_point started_;
  Clock::time_point data_started_;
  Clock::time_point waiting_since_;
  std::uint64_t data_octets_ = 0;
  std::uint64_t block_octets_ = 0;
  Clock::time_point block_started_;
  std::size_t delayed_errors_ = 0;
  bool fresh_wait_ = true;
  bool speaks_for_another_ = false;  ///< the peer sent XCLIENT
  std::string_view end_ = "dropped";
};

}  // namespace postern::gateway
