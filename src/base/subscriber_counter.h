// Rate limits of clients and of their networks.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string_view>

#include "base/window_counter.h"

namespace postern {

/// Two WindowCounters: events by subscriber_key(), and by network_of_key() of the same keys, so
/// that a customer with many /64 has no more than the limit of one network. Thread-safe.
class SubscriberCounter {
 public:
  /// The clock of all `now` arguments.
  using Clock = WindowCounter::Clock;
  /// How many clients' limits a network has, where no limit of its own is given.
  static constexpr std::uint64_t clients_of_network = 3;
  /// Which limits an event counts against.
  enum class Against { client_and_network, client };
  /// Which limit is reached.
  enum class Over { none, client, network };

  /// Counts nothing until set_limits() sets a limit.
  SubscriberCounter() = default;
  /// `limit` events of a client are allowed per `window`, and three times as many of a network; 0:
  /// no limit. See WindowCounter.
  SubscriberCounter(std::uint64_t limit, Clock::duration window)
      : by_client_(limit, window), by_network_(limit * clients_of_network, window) {}

  /// See WindowCounter::set_limits().
  void set_limits(std::uint64_t of_client, std::uint64_t of_network, Clock::duration window,
                  Clock::duration lockout);
  /// Which limit the client or its network has reached. Counts nothing.
  Over exceeded(std::string_view client, Clock::time_point now);
  /// Counts one event.
  void add(std::string_view client, Clock::time_point now);
  /// Counts one event if the limits allow it; nullopt: they do. Otherwise the seconds to wait, at
  /// least 1.
  std::optional<std::uint64_t> take(std::string_view client,
                                    Against against = Against::client_and_network,
                                    Clock::time_point now = Clock::now());
  /// Removes one event that turned out to be harmless; `against` as when it was counted.
  void give_back(std::string_view client, Against against = Against::client_and_network);

 private:
  WindowCounter by_client_;
  WindowCounter by_network_;
};

}  // namespace postern
