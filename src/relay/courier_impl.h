// The state that the files of Courier share: that of all messages, and that of one attempt.
#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <string_view>
#include <vector>

#include "relay/attempt_memory.h"
#include "relay/courier.h"
#include "relay/idle_connections.h"
#include "relay/route_tables.h"
#include "smtp/client_attempt.h"

namespace postern::relay {

/// The two parts of an address, as views.
struct Envelope {
  std::string_view local_part;  ///< the text before the last "@"; all of it without one
  std::string_view domain;      ///< the text after it
};

/// Splits an address at its last "@".
inline Envelope split_address(std::string_view address) {
  const std::size_t at = address.rfind('@');
  if (at == std::string_view::npos) return {address, {}};
  return {address.substr(0, at), address.substr(at + 1)};
}

/// A configuration and what is derived from it. A running attempt keeps the setup it began with.
struct Setup {
  /// `given` is not null.
  explicit Setup(std::shared_ptr<const RelayConfig> given);
  /// The configuration.
  std::shared_ptr<const RelayConfig> config;
  /// Parallel to RelayConfig::settings; without the families that have no source address.
  std::vector<RoutingConfig> routing;
};

/// The implementation of Courier.
class Courier::Impl {
 public:
  /// As for Courier.
  Impl(std::shared_ptr<const RelayConfig> config, dns::Resolver& resolver, CourierOptions options);

  /// As Courier::attempt().
  Task<AttemptReport> attempt(const smtp::OutboundMessage& message, TextSource source,
                              std::chrono::steady_clock::time_point until);

  /// As Courier::use().
  void use(std::shared_ptr<const RelayConfig> config) {
    setup_ = std::make_shared<Setup>(std::move(config));
  }
  /// The idle connections.
  IdleConnections& idle() { return idle_; }

 private:
  friend class Attempt;

  /// An attempt for recipients that share a destination.
  class Attempt;

  std::shared_ptr<const Setup> setup_;
  dns::Resolver& resolver_;
  CourierOptions options_;
  std::mt19937_64 engine_{std::random_device{}()};
  IdleConnections idle_;
  Memory memory_;
  FamilyHealth v4_;
  FamilyHealth v6_;
};

/// An attempt for recipients that share a destination, from the plan to the last reply.
class Courier::Impl::Attempt {
 public:
  /// The monotonic clock.
  using Clock = std::chrono::steady_clock;

  /// The references must outlive the attempt. `way` is that of all recipients, found in `setup`.
  Attempt(Impl& courier, std::shared_ptr<const Setup> setup, Way way,
          const smtp::OutboundMessage& message, const TextSource& source, Clock::time_point until)
      : courier_(courier),
        way_(std::move(way)),
        setup_(std::move(setup)),
        message_(message),
        source_(source),
        until_(until) {}

  /// Runs the attempt. Call it once.
  Task<AttemptReport> run();

 private:
  /// An address to connect to, of a planned host.
  struct Place {
    const Target* target = nullptr;
    std::size_t group = 0;
    std::size_t host = 0;  ///< index in the order of the plan
    IpAddress address;
  };
  /// A source of the pool, null for the system's choice; `usable` is false when there is none.
  struct Egress {
    bool usable = true;
    const EgressSource* source = nullptr;
  };

  void settle_all(const smtp::RecipientResult& result);
  void plan(const Routed& routed);
  void prefer_open_connections();
  /// Whether the operator named the host, so that its wish for a password is no fault of the mail.
  bool is_named_host(const Target& target) const {
    return target.fallback || way_.route->kind == Route::Kind::hosts;
  }
  TlsLevel level_of(const Target& target) const;
  /// Draws one source for each family in an attempt, and another when that cannot be used.
  Egress egress_for(bool v4) {
    auto& drawn = v4 ? egress_v4_ : egress_v6_;
    if (!drawn) drawn = choose_egress(v4);
    return *drawn;
  }
  Egress choose_egress(bool v4) const;
  Host host_for(const Place& place, const Egress& egress, bool without_tls) const;
  Task<void> dial(smtp::DeliveryAttempt& attempt, smtp::DeliveryAttempt::Dial next);
  Task<bool> converse(smtp::DeliveryAttempt& attempt, OpenConnection open, const std::string& key,
                      bool named, ConnectionReport entry);
  void no_connection_to(smtp::DeliveryAttempt& attempt, ConnectionReport entry,
                        const DialFailure& failure);
  void learn(const Conversation& conversation);

  bool knows(const std::string& what) const { return courier_.memory_.knows(what, Clock::now()); }
  void note(const std::string& what, Clock::duration how_long) {
    courier_.memory_.note(what, how_long, Clock::now());
  }

  Impl& courier_;
  const Way way_;  ///< of all recipients; of `setup_`
  const std::shared_ptr<const Setup> setup_;
  const smtp::OutboundMessage& message_;
  const TextSource& source_;
  const Clock::time_point until_;
  const RouteSettings* settings_ = nullptr;
  std::vector<Place> places_;
  std::size_t first_fallback_ = 0;  ///< index in places_; its size: there is none
  std::optional<Egress> egress_v4_;
  std::optional<Egress> egress_v6_;
  AttemptReport report_;
  std::size_t sessions_ = 0;
  bool pushed_back_ = false;
  bool answered_ = false;
};

}  // namespace postern::relay
