// Messages that another program has, for `delegate`. A message comes back with a secret number, so
// that no sender can enter in the middle of the rules.
#pragma once

#include <chrono>
#include <list>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>

#include <boost/json/value.hpp>

#include "policy/verdict.h"

namespace postern::dialect::vsl {

/// The header field of a delegated message. It must be removed from all mail from elsewhere.
inline constexpr std::string_view delegation_field = "X-VSMTP-DELEGATION";

/// A directive that delegates.
struct Delegation {
  policy::Stage stage = policy::Stage::queued;  ///< of the directive
  std::string directive;                        ///< its name
  bool operator==(const Delegation&) const = default;
};

/// For records.
boost::json::value json_of(const Delegation& delegation);
/// The value of json_of(). Throws what Boost.JSON throws for other values.
Delegation delegation_of(const boost::json::value& value);

/// The numbers of delegated messages. They are in memory only: a message that comes back after a
/// restart is treated as an unknown client's. Safe from any thread; there is one per process.
class Delegations {
 public:
  using Clock = std::chrono::steady_clock;          ///< monotonic
  static constexpr std::chrono::hours lifetime{1};  ///< of a number
  /// The most numbers at a time; after that the oldest is dropped.
  static constexpr std::size_t most = 100'000;

  /// A new number, as the field's value: `sent; stage=postq; directive="scan"; id="..."`.
  std::string issue(Delegation delegation, Clock::time_point now = Clock::now());
  /// The directive that a value was issued for; each number works once. nullopt: unknown, already
  /// redeemed, or older than `lifetime`. Everything but the number is ignored.
  std::optional<Delegation> redeem(std::string_view value, Clock::time_point now = Clock::now());
  std::size_t outstanding() const;  ///< how many numbers are in use

 private:
  struct Out {
    std::string number;
    Delegation delegation;
    Clock::time_point until;
  };
  void forget_first();

  mutable std::mutex mutex_;
  std::list<Out> out_;  ///< the oldest first
  std::unordered_map<std::string_view, std::list<Out>::iterator> by_number_;
};

}  // namespace postern::dialect::vsl
