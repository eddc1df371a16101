// One delivery attempt: tries the hosts in order until each recipient has a final result.
#pragma once

#include <optional>

#include "smtp/client_session.h"

namespace postern::smtp {

/// Combines the results of connections. Sans-I/O: the driver dials. For one thread at a time.
class DeliveryAttempt {
 public:
  /// The next connection to make.
  struct Dial {
    std::size_t host = 0;      ///< index of the place to dial
    bool without_tls = false;  ///< the TLS handshake has just failed at level `may`
    bool again = false;        ///< the same host again, for recipients beyond its limits
  };

  /// One address per host. `message` must outlive the attempt.
  DeliveryAttempt(const OutboundMessage& message, std::size_t hosts);
  /// For hosts with several addresses: one element per address (place), equal for the addresses of
  /// one host, which are adjacent. Dial::host is an index of this vector. A missing feature counts
  /// once per host, not per address.
  DeliveryAttempt(const OutboundMessage& message, std::vector<std::size_t> host_of_place);

  /// The next connection, for remaining(); nullopt: the attempt is over.
  std::optional<Dial> next() const;
  /// The message with the recipients that still need a host. Unchanged until the next call of a
  /// non-const function.
  const OutboundMessage& remaining() const { return remaining_; }
  /// Reports that no connection could be made: refused, unreachable, timed out, or no local
  /// address.
  void unreachable(std::string_view why, EnhancedCode enhanced = {4, 4, 1});
  /// Reports the end of a connection: one result for each recipient of remaining().
  void finished(const std::vector<RecipientResult>& results, const DeliveryDone& done);
  /// Goes on with a later place; those before it are not dialled. Nothing if the attempt is over.
  void skip_to(std::size_t place);
  /// Ends the attempt at its limits. Only hosts that were dialled count as its hosts.
  void end();

  /// One for each recipient of the message; class `none`: still open.
  const std::vector<RecipientResult>& results() const { return results_; }
  /// For each result, the index (from 0) of the call of finished() or unreachable() that gave it.
  const std::vector<std::size_t>& calls() const { return calls_of_; }

 private:
  void advance(bool to_next_host);
  bool is_dialled() const;
  void conclude();

  const OutboundMessage& message_;
  std::vector<std::size_t> host_of_place_;
  Dial dial_;
  std::size_t dials_here_ = 0;
  std::size_t calls_ = 0;
  std::size_t hosts_ = 0;          ///< dialled, including the current one
  std::vector<std::size_t> open_;  ///< indexes in message_ of the recipients of remaining_
  struct Lack {
    std::size_t hosts = 0;  ///< that lack a feature
    std::size_t last = SIZE_MAX;
  };
  std::vector<Lack> lacking_;  ///< per recipient
  OutboundMessage remaining_;
  std::vector<RecipientResult> results_;
  std::vector<std::size_t> calls_of_;
};

}  // namespace postern::smtp
