// One delivery attempt: the hosts in order, until each recipient has a result that stands.
#pragma once

#include <optional>

#include "smtp/client_session.h"

namespace postern::smtp {

/// Puts the results of connections together. Pure; the driver dials.
class DeliveryAttempt {
 public:
  struct Dial {
    std::size_t host = 0;      ///< in the order of the route
    bool without_tls = false;  ///< the handshake just failed at level may
    bool again = false;        ///< the same host, for recipients it had no room for
  };

  /// `message` must outlive the attempt.
  DeliveryAttempt(const OutboundMessage& message, std::size_t hosts);

  /// Whom to dial now, for remaining(); nullopt: the attempt is over.
  std::optional<Dial> next() const;
  /// The message for those who still want a host. Stays as it is until the next call of any
  /// function below.
  const OutboundMessage& remaining() const { return remaining_; }
  /// No connection: refused, unreachable, timed out.
  void unreachable(std::string_view why);
  /// A connection for remaining() is done.
  void finished(const std::vector<RecipientResult>& results, const DeliveryDone& done);

  /// One for each recipient of the message; those of class none are still open.
  const std::vector<RecipientResult>& results() const { return results_; }

 private:
  const OutboundMessage& message_;
  std::size_t hosts_;
  Dial dial_;
  std::size_t dials_here_ = 0;
  std::vector<std::size_t> open_;     ///< recipients of remaining_, as of message_
  std::vector<std::size_t> lacking_;  ///< hosts that lacked something, for each recipient
  OutboundMessage remaining_;
  std::vector<RecipientResult> results_;
};

}  // namespace postern::smtp
