// One delivery attempt: the hosts in order, until each recipient has a result that stands.
#pragma once

#include <optional>

#include "smtp/client_session.h"

namespace postern::smtp {

/// Puts the results of connections together. Pure; the driver dials.
class DeliveryAttempt {
 public:
  struct Dial {
    std::size_t host = 0;      ///< in the order of the attempt
    bool without_tls = false;  ///< the handshake just failed at level may
    bool again = false;        ///< the same host, for recipients it had no room for
  };

  /// `message` must outlive the attempt.
  DeliveryAttempt(const OutboundMessage& message, std::size_t hosts);
  /// The same where hosts have several addresses: one element for each place to dial, equal for the
  /// addresses of one host, which stand together. Dial::host counts these places. What a host
  /// lacked at one address it is not asked for at another.
  DeliveryAttempt(const OutboundMessage& message, std::vector<std::size_t> host_of_place);

  /// Whom to dial now, for remaining(); nullopt: the attempt is over.
  std::optional<Dial> next() const;
  /// The message for those who still want a host. Stays as it is until the next call of any
  /// function below.
  const OutboundMessage& remaining() const { return remaining_; }
  /// No connection: refused, unreachable, timed out; or no address to dial from.
  void unreachable(std::string_view why, EnhancedCode enhanced = {4, 4, 1});
  /// A connection for remaining() is done.
  void finished(const std::vector<RecipientResult>& results, const DeliveryDone& done);
  /// No further host is dialled: the limits of the attempt are reached. Its hosts are those that
  /// were.
  void end();

  /// One for each recipient of the message; those of class none are still open.
  const std::vector<RecipientResult>& results() const { return results_; }
  /// The call of finished() or unreachable(), counted from 0, that each result comes from.
  const std::vector<std::size_t>& calls() const { return calls_of_; }

 private:
  void advance(bool to_next_host);
  void conclude();

  const OutboundMessage& message_;
  std::vector<std::size_t> host_of_place_;
  Dial dial_;
  std::size_t dials_here_ = 0;
  std::size_t calls_ = 0;
  std::size_t hosts_ = 0;          ///< that were dialled
  std::vector<std::size_t> open_;  ///< recipients of remaining_, as of message_
  struct Lack {
    std::size_t hosts = 0;  ///< that lacked something
    std::size_t last = SIZE_MAX;
  };
  std::vector<Lack> lacking_;  ///< for each recipient
  OutboundMessage remaining_;
  std::vector<RecipientResult> results_;
  std::vector<std::size_t> calls_of_;
};

}  // namespace postern::smtp
