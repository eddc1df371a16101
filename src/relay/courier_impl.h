// What the files of Courier share: all messages' state, and one attempt's.
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
#include "smtp/client_attempt.h"

namespace postern::relay {

/// An address in its parts, which are views of it.
struct Envelope {
  std::string_view local_part;
  std::string_view domain;
};

inline Envelope split_address(std::string_view address) {
  const std::size_t at = address.rfind('@');
  if (at == std::string_view::npos) return {address, {}};
  return {address.substr(0, at), address.substr(at + 1)};
}

/// A configuration with what follows from it. Attempts that run keep the one they began with.
struct Setup {
  explicit Setup(std::shared_ptr<const RelayConfig> given);
  std::shared_ptr<const RelayConfig> config;
  std::vector<RoutingConfig> routing;  ///< for each of RelayConfig::settings: less its families
};

class Courier::Impl {
 public:
  Impl(std::shared_ptr<const RelayConfig> config, dns::Resolver& resolver, CourierOptions options);

  Task<AttemptReport> attempt(const smtp::OutboundMessage& message, TextSource source,
                              std::chrono::steady_clock::time_point until);

  void use(std::shared_ptr<const RelayConfig> config) {
    setup_ = std::make_shared<Setup>(std::move(config));
  }
  IdleConnections& idle() { return idle_; }

 private:
  friend class Trip;

  /// The attempt of recipients that go the same way.
  class Trip;

  std::shared_ptr<const Setup> setup_;
  dns::Resolver& resolver_;
  CourierOptions options_;
  std::mt19937_64 engine_{std::random_device{}()};
  IdleConnections idle_;
  Memory memory_;
  FamilyHealth v4_;
  FamilyHealth v6_;
};

/// The attempt of recipients that go the same way, from its plan to the last answer.
class Courier::Impl::Trip {
 public:
  using Clock = std::chrono::steady_clock;

  Trip(Impl& courier, const smtp::OutboundMessage& message, const TextSource& source,
       Clock::time_point until)
      : courier_(courier),
        setup_(courier.setup_),
        message_(message),
        source_(source),
        until_(until) {}

  Task<AttemptReport> run();

 private:
  /// An address to dial, of a host of the plan.
  struct Place {
    const Target* target = nullptr;
    std::size_t group = 0;
    std::size_t host = 0;  ///< in the order of the plan
    IpAddress address;
  };
  /// A source of the pool, nullopt for the machine's choice; or that none can be had.
  struct Egress {
    bool usable = true;
    const EgressSource* source = nullptr;
  };

  void settle_all(const smtp::RecipientResult& result);
  void plan(const Routed& routed);
  void prefer_open_connections();
  TlsLevel level_of(const Target& target) const;
  /// One draw for each family of an attempt, and another when what was drawn cannot be had.
  Egress egress_for(bool v4) {
    auto& drawn = v4 ? egress_v4_ : egress_v6_;
    if (!drawn) drawn = choose_egress(v4);
    return *drawn;
  }
  Egress choose_egress(bool v4) const;
  Host host_for(const Place& place, const Egress& egress, bool without_tls) const;
  Task<void> dial(smtp::DeliveryAttempt& attempt, smtp::DeliveryAttempt::Dial next);
  Task<bool> converse(smtp::DeliveryAttempt& attempt, OpenConnection open, const std::string& key,
                      ConnectionReport entry);
  void no_connection_to(smtp::DeliveryAttempt& attempt, ConnectionReport entry,
                        const DialFailure& failure);
  void learn(const Conversation& conversation);

  bool knows(const std::string& what) const { return courier_.memory_.knows(what, Clock::now()); }
  void note(const std::string& what, Clock::duration how_long) {
    courier_.memory_.note(what, how_long, Clock::now());
  }

  Impl& courier_;
  const std::shared_ptr<const Setup> setup_;
  const smtp::OutboundMessage& message_;
  const TextSource& source_;
  const Clock::time_point until_;
  const RouteSettings* settings_ = nullptr;
  std::vector<Place> places_;
  std::optional<Egress> egress_v4_;
  std::optional<Egress> egress_v6_;
  AttemptReport report_;
  std::size_t sessions_ = 0;
  bool pushed_back_ = false;
  bool answered_ = false;
};

}  // namespace postern::relay
