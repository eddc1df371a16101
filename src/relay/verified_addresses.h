// What address verification knows: results with their age, the questions that are open, and limits
// of how much is asked. A core without clock or socket.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <list>
#include <optional>
#include <string>
#include <unordered_map>

#include "relay/verified.h"

namespace postern::relay {

/// How long results of address verification are used.
struct VerifiedTimes {
  std::chrono::seconds positive_refresh = std::chrono::hours(7 * 24);  ///< asked again when older
  std::chrono::seconds positive_expire = std::chrono::hours(31 * 24);  ///< forgotten when older
  std::chrono::seconds negative_refresh = std::chrono::hours(3);       ///< of all other results
  std::chrono::seconds negative_expire = std::chrono::hours(3 * 24);   ///< of all other results
  bool keep_negative = true;  ///< if not, only that an address is deliverable is ever known
  /// Whether a result of this age is known still.
  bool holds(Verified::Kind kind, std::chrono::system_clock::duration age) const {
    if (kind == Verified::Kind::deliverable) return age < positive_expire;
    return keep_negative && age < negative_expire;
  }
  bool operator==(const VerifiedTimes&) const = default;
};

/// Limits of address verification.
struct VerifiedLimits {
  std::size_t results = 100'000;  ///< kept; the ones not used for longest go first
  std::size_t open = 5000;        ///< questions without a result
  /// Of these, about addresses whose hosts only DNS names: hosts of others may be as slow as they
  /// like, and must not keep those of the operator's routes from being asked.
  std::size_t foreign_open = 2500;
  /// The same, caused by one client: slow hosts must not keep the hosts of others from being asked.
  std::size_t client_open = 20;
  /// Questions in a minute that one client may cause.
  std::size_t client_rate = 100;
  /// The same about one domain, whoever causes them.
  std::size_t domain_rate = 300;
};

/// Not thread-safe. All work grows with the logarithm of the number of results at most.
class VerifiedAddresses {
 public:
  /// Times are wall clock, as results outlive the process.
  using Time = std::chrono::system_clock::time_point;
  /// What look_up() says.
  struct Found {
    const Verified* verified = nullptr;  ///< null: nothing is known; valid until the next call
    bool ask = false;                    ///< the caller must ask now, and call settle()
    bool limited = false;                ///< nothing is known, and a limit forbids to ask
  };

  /// Without results.
  explicit VerifiedAddresses(VerifiedLimits limits = {}) : limits_(limits) {}

  /// Sets the times for later questions.
  void use(const VerifiedTimes& times) { times_ = times; }

  /// What is known about an address. `client` and `domain` are counted if this must be asked.
  /// `is_foreign`: no route names the hosts of the domain.
  Found look_up(const std::string& address, const std::string& client, const std::string& domain,
                bool is_foreign, Time now);
  /// The result of a question; returns the entry to store, nullptr: none is. Valid until the next
  /// call.
  const VerifiedEntry* settle(const std::string& address, Verified verified, Time now);
  /// Ends a question that was not asked: nothing is known from it.
  void give_up(const std::string& address);
  /// Takes a stored result, unless one is known or it has expired.
  void restore(const std::string& address, VerifiedEntry entry, Time now);

  /// The result for an address, whatever its age; nullptr: none. Valid until the next call.
  const VerifiedEntry* find(const std::string& address) const;
  /// Number of results.
  std::size_t size() const { return entries_.size(); }
  /// Number of questions without result.
  std::size_t open() const { return open_.size(); }

 private:
  struct Kept {
    VerifiedEntry entry;
    std::list<std::string>::iterator place;  ///< in `used_`
    Time refused{};                          ///< when asking again gave no better result
  };
  /// Questions of the current minute, by client or domain.
  class Rate {
   public:
    /// Counts one more; false: there were `most`.
    bool take(const std::string& who, std::size_t most, Time now);

   private:
    Time begun_{};
    std::unordered_map<std::string, std::size_t> count_;
  };
  /// A question without a result.
  struct Open {
    std::string client;  ///< whose question it is
    bool is_foreign = false;
  };
  bool may_ask(const std::string& client, const std::string& domain, bool is_foreign, Time now);
  Kept& put(const std::string& address, VerifiedEntry entry);
  void forget(std::unordered_map<std::string, Kept>::iterator at);

  VerifiedLimits limits_;
  VerifiedTimes times_;
  std::unordered_map<std::string, Kept> entries_;
  std::list<std::string> used_;                 ///< addresses, the one used last in front
  std::unordered_map<std::string, Open> open_;  ///< by the address that is asked about
  std::size_t open_foreign_ = 0;                ///< of these
  std::unordered_map<std::string, std::size_t> open_of_client_;
  Rate by_client_;
  Rate by_domain_;
};

}  // namespace postern::relay
