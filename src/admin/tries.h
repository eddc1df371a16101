// Tries that are counted before they are judged.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/shared_counts.h"
#include "base/subscriber_counter.h"
#include "base/window_counter.h"

namespace postern::admin {

/// Tries by key in a window, of this gateway or of all of a cluster. Thread-safe.
class Tries {
 public:
  /// `shared` is borrowed; null: there is no cluster. `kind`: a word that no other object has.
  Tries(SharedCounts* shared, std::string_view kind, std::uint64_t limit,
        std::chrono::milliseconds window)
      : shared_(shared),
        limit_{.kind = kind, .most = limit, .window = window},
        own_(limit, window) {}

  /// Counts a try if it is allowed; nullopt: it is. Otherwise the seconds to wait, at least 1. In a
  /// cluster it waits for the database, a tenth of a second at most: not for an event loop.
  std::optional<std::uint64_t> take(const std::string& key);
  /// Takes back a try that was allowed.
  void give_back(const std::string& key);
  /// Counts all tries that are left. Waits as take() does, once for all of them.
  void use_up(const std::string& key);

 private:
  SharedCounts* const shared_;
  const SharedCounts::Limit limit_;
  WindowCounter own_;
};

/// Tries of clients: by subscriber_key(), and by its network. See SubscriberCounter.
class ClientTries {
 public:
  /// See Tries. `of_network`: a kind, too.
  ClientTries(SharedCounts* shared, std::string_view of_client, std::string_view of_network,
              std::uint64_t limit, std::chrono::milliseconds window)
      : by_client_(shared, of_client, limit, window),
        by_network_(shared, of_network, limit * SubscriberCounter::clients_of_network, window) {}

  /// See Tries::take().
  std::optional<std::uint64_t> take(const std::string& client, SubscriberCounter::Against against);
  /// Takes back a try that was allowed; `against` as when it was counted.
  void give_back(const std::string& client, SubscriberCounter::Against against);

 private:
  Tries by_client_;
  Tries by_network_;
};

}  // namespace postern::admin
