// The SMTP client as a value: what a server says in, what to say and what became of each recipient
// out. One connection to one address; which host comes next is DeliveryAttempt's. It knows no
// socket and no clock, and it never waits (docs/decisions/0004-sans-io-cores.md).
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

/// What a connection must have before anything of a message is said. Decided before it is opened
/// and never lowered on it.
enum class TlsLevel : std::uint8_t {
  none,     ///< STARTTLS is not used
  may,      ///< used if it can be had, with any certificate
  encrypt,  ///< needed, with any certificate
  verify,   ///< needed, and tls_started() says that the driver verified the peer
};

/// One host as the route sees it. Must outlive the session.
struct ClientOptions {
  std::string ehlo_name = "localhost";  ///< a host name or an address literal
  TlsLevel tls = TlsLevel::may;
  bool chunking = false;                         ///< BDAT inside TLS where it is offered (RFC 3030)
  bool send_8bit = false;                        ///< 8-bit octets to a host without 8BITMIME
  bool send_utf8_headers = false;                ///< UTF-8 header fields to a host without SMTPUTF8
  std::optional<ClientCredentials> credentials;  ///< AUTH is needed; at level verify only
  bool auth_insecure = false;                    ///< AUTH below level verify too
};

/// What the session waits for: the driver's timer.
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
/// How long, at most, from the last octet written to the whole reply: RFC 5321 §4.5.3.2.
std::chrono::seconds time_limit(ClientWait wait);
/// For one write of text to be taken (RFC 5321 §4.5.3.2.5), and for a handshake.
inline constexpr std::chrono::seconds text_time_limit{180};
inline constexpr std::chrono::seconds handshake_time_limit{60};

/// Write take_output(), call written(), read, feed().
struct NeedReply {
  ClientWait wait;
};
/// Write take_output(), call written(), and hand in the octets of the message from `offset` on,
/// `room` at most, by text(). What the server says meanwhile is fed at once: it may end the text.
struct NeedText {
  std::uint64_t offset = 0;
  std::size_t room = 0;
};
/// The server said 220 to STARTTLS: do the handshake, then tls_started() or tls_failed().
struct NeedTls {};
/// Every recipient has its result. Write take_output(); unless `reusable`, close.
struct DeliveryDone {
  bool reusable = false;             ///< deliver() may be called again, or quit()
  bool retry_without_tls = false;    ///< level may: dial this address again, with level none
  bool same_host = false;            ///< MAILMAX (RFC 9422): dial again for those without result
  bool chunking_failed = false;      ///< lost in BDAT: use DATA with this host for a day
  bool credentials_refused = false;  ///< ours; somebody should be told
  bool dsn_offered = false;          ///< the host reports success itself (RFC 3461 §5.2.2)
  bool greeted = false;              ///< the host let us in: a session, not only a connection
  /// MAIL had a reply, or was not said since the host cannot take the message: what became of it
  /// is the message's own affair.
  bool mail_answered = false;
};

using ClientEvent = std::variant<NeedReply, NeedText, NeedTls, DeliveryDone>;

/// Why a connection ended without the session wanting it.
enum class Lost : std::uint8_t { closed, timeout };

/// One dialogue. Single-threaded. Memory is bounded by the number of recipients and by a reply and
/// a piece of text, whatever the message's size.
class ClientSession {
 public:
  /// Octets of text in one piece.
  static constexpr std::size_t text_piece = 65536;
  /// Replies to RCPT on their way (RFC 2920): with more than these, DATA is not sent ahead.
  static constexpr std::size_t pipelined_recipients = 100;
  /// Further transactions for recipients put off with 452.
  static constexpr std::size_t put_off_rounds = 20;
  /// Transactions on one connection.
  static constexpr std::size_t max_transactions = 100;

  explicit ClientSession(const ClientOptions& options);
  ~ClientSession();
  ClientSession(ClientSession&&) noexcept;

  /// Begins a delivery: before anything else, or after DeliveryDone with `reusable`. `message` must
  /// outlive it and have a recipient at least.
  void deliver(const OutboundMessage& message);
  /// What happened next. After DeliveryDone the same again until deliver().
  ClientEvent next() const;
  /// What to write now; empties the buffer.
  std::string take_output();
  /// All that take_output() gave has been written: from here on, the end of a message that was
  /// among it may have arrived.
  void written();
  /// Takes what was read; nothing of it is referred to afterwards.
  void feed(std::string_view bytes);
  /// The connection is gone, or the time for what next() said is up.
  void lost(Lost why);
  /// Answers NeedText: 1 to `room` octets.
  void text(std::string_view octets);
  /// Answers NeedText: the octets cannot be had. Nothing is delivered.
  void text_failed();
  /// Answers NeedTls, or is called before deliver() on a port with implicit TLS.
  /// At level verify: the peer is who it should be.
  void tls_started();
  /// Answers NeedTls: handshake or verification failed; `why` in one sentence.
  void tls_failed(std::string_view why);
  /// Ends a connection that is reusable; nothing is waited for.
  void quit();

  /// One for each recipient of the message, in its order.
  const std::vector<RecipientResult>& results() const;
  bool in_tls() const;
  /// Replies taken so far: a time limit holds for a whole reply, not for its octets.
  std::size_t replies() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace postern::smtp
