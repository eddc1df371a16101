// Messages that are with another program: `delegate`. They come back under a number that nobody
// else knows, so that no sender gets into the middle of the rules.
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

/// The field that a message goes out and comes back with. It must be taken out of all mail that
/// comes from elsewhere.
inline constexpr std::string_view delegation_field = "X-VSMTP-DELEGATION";

struct Delegation {
  policy::Stage stage = policy::Stage::queued;
  std::string directive;
  bool operator==(const Delegation&) const = default;
};

/// As a record keeps it, and again. Throws what Boost.JSON throws at a value that is none.
boost::json::value json_of(const Delegation& delegation);
Delegation delegation_of(const boost::json::value& value);

/// The numbers that are out. In memory: after a restart a message that comes back is a stranger's.
/// Safe from any thread; one for the process.
class Delegations {
 public:
  using Clock = std::chrono::steady_clock;
  static constexpr std::chrono::hours lifetime{1};
  /// Numbers that are out at a time; beyond it the oldest is forgotten.
  static constexpr std::size_t most = 100'000;

  /// The field's value: `sent; stage=postq; directive="scan"; id="..."`.
  std::string issue(Delegation delegation, Clock::time_point now = Clock::now());
  /// What the field of a message that came back stands for, once. Nullopt: the value is none of
  /// ours, has been redeemed, or is too old. Only its number counts.
  std::optional<Delegation> redeem(std::string_view value, Clock::time_point now = Clock::now());
  std::size_t outstanding() const;

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
