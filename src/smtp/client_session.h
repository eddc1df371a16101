// The sans-I/O SMTP client (docs/decisions/0004-sans-io-cores.md): server octets in, commands and a
// result for each recipient out. It handles one connection to one address and never blocks;
// DeliveryAttempt chooses the next host.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "smtp/client_auth.h"
#include "smtp/outbound.h"

namespace postern::smtp {

/// The TLS requirement of a connection. It is fixed before the connection is opened and never
/// lowered during it.
enum class TlsLevel : std::uint8_t {
  none,     ///< STARTTLS is not used
  may,      ///< used if offered, with any certificate
  encrypt,  ///< required, with any certificate
  verify,   ///< required; the driver calls tls_started() only for a verified peer
};

/// The options for one next hop. Must outlive the session.
struct ClientOptions {
  std::string ehlo_name = "localhost";  ///< a host name or an address literal
  /// The TLS requirement.
  TlsLevel tls = TlsLevel::may;
  bool chunking = false;           ///< BDAT inside TLS if offered (RFC 3030 §2)
  bool send_8bit = false;          ///< send 8-bit octets to a host without 8BITMIME
  bool send_utf8_headers = false;  ///< send UTF-8 header fields to a host without SMTPUTF8
  std::optional<ClientCredentials> credentials;  ///< AUTH is required; only at level verify
  bool auth_insecure = false;                    ///< allow AUTH below level verify
};

/// The reply that the session waits for; selects the driver's timer (time_limit()).
enum class ClientWait : std::uint8_t {
  greeting,
  ehlo,
  starttls,
  auth,
  mail,
  rcpt,
  data,
  end_of_data,
  reset,
};
/// The longest time from the last octet written to the complete reply (RFC 5321 §4.5.3.2).
std::chrono::seconds time_limit(ClientWait wait);
/// The time limit of one write of message text (RFC 5321 §4.5.3.2.5).
inline constexpr std::chrono::seconds text_time_limit{180};
/// The time limit of a TLS handshake.
inline constexpr std::chrono::seconds handshake_time_limit{60};

/// Write take_output(), call written(), read, and call feed().
struct NeedReply {
  /// Selects the timer.
  ClientWait wait;
};
/// Write take_output(), call written(), and pass up to `room` octets of the message, from `offset`
/// on, to text(). Feed octets of the server at once: a reply may end the transfer.
struct NeedText {
  /// In octets of the message as stored.
  std::uint64_t offset = 0;
  /// In octets, at least 1.
  std::size_t room = 0;
};
/// The server accepted STARTTLS: do the handshake, then call tls_started() or tls_failed().
struct NeedTls {};
/// The delivery on this connection has ended: results() is final. Write take_output(); close the
/// connection unless `reusable`.
struct DeliveryDone {
  bool reusable = false;           ///< the connection is good: deliver() or quit() may be called
  bool retry_without_tls = false;  ///< level may: dial this address again with level none
  /// The host takes no more transactions on this connection (MAILMAX, RFC 9422 §4.1), and some
  /// recipients have no result: dial the same host again for these.
  bool same_host = false;
  bool chunking_failed = false;      ///< lost during BDAT: use DATA with this host for a day
  bool credentials_refused = false;  ///< the host rejected our AUTH credentials: tell the operator
  bool dsn_offered = false;          ///< the host offers DSN: it reports success (RFC 3461 §5.2.2)
  bool greeted = false;              ///< the host sent a positive greeting
  /// MAIL got a reply, or was not sent because the host cannot take the message: the result
  /// concerns the message, not the host.
  bool mail_answered = false;
};

/// What the driver must do next; next() returns it.
using ClientEvent = std::variant<NeedReply, NeedText, NeedTls, DeliveryDone>;

/// Why a connection ended unexpectedly.
enum class Lost : std::uint8_t { closed, timeout };

/// One connection. For one thread at a time. Memory is bounded by the number of recipients plus one
/// reply and one piece of text, independent of the message size.
class ClientSession {
 public:
  /// Octets of message text per piece.
  static constexpr std::size_t text_piece = 65536;
  /// The limit of RCPT replies outstanding (RFC 2920 §3.1): with more recipients, DATA is not
  /// pipelined.
  static constexpr std::size_t pipelined_recipients = 100;
  /// The limit of further transactions for recipients deferred with 452.
  static constexpr std::size_t put_off_rounds = 20;
  /// The limit of transactions on one connection.
  static constexpr std::size_t max_transactions = 100;

  /// `options` must outlive the session.
  explicit ClientSession(const ClientOptions& options);
  ~ClientSession();
  ClientSession(ClientSession&&) noexcept;

  /// Starts a delivery: first of all, or after DeliveryDone with `reusable`. `message` must have a
  /// recipient and outlive the delivery.
  void deliver(const OutboundMessage& message);
  /// The next action. Repeats DeliveryDone until deliver().
  ClientEvent next() const;
  /// The octets to write now; clears the buffer.
  std::string take_output();
  /// Everything from take_output() is written. From now on, an end of message that it contained may
  /// have arrived.
  void written();
  /// Takes octets from the server and keeps no reference to them.
  void feed(std::string_view bytes);
  /// The connection is closed, or the timer of the last event has expired.
  void lost(Lost why);
  /// Answers NeedText with 1 to `room` octets.
  void text(std::string_view octets);
  /// Answers NeedText: the message cannot be read. Nothing is delivered.
  void text_failed();
  /// Answers NeedTls; with implicit TLS, call it before deliver(). At level verify it asserts that
  /// the peer is verified.
  void tls_started();
  /// Answers NeedTls: the handshake or the verification failed. `why` is one sentence.
  void tls_failed(std::string_view why);
  /// Queues QUIT on a reusable connection; its reply is not awaited.
  void quit();

  /// One for each recipient of the message, in order.
  const std::vector<RecipientResult>& results() const;
  /// Whether the connection uses TLS.
  bool in_tls() const;
  /// Replies received so far. Time limits apply to a complete reply: restart the timer when this
  /// changes.
  std::size_t replies() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace postern::smtp
