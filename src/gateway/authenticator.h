// SMTP AUTH (RFC 4954 §4): limits failed attempts and asks the verifiers in their order.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <set>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "base/ip.h"
#include "base/known_clients.h"
#include "base/shared_counts.h"
#include "base/shared_pointer.h"
#include "base/subscriber_counter.h"
#include "base/task.h"
#include "base/window_counter.h"
#include "policy/verifier.h"
#include "smtp/server_session.h"

namespace postern::gateway {

/// Failed attempts that are allowed within `window`. The last one locks for `lockout`, even for the
/// right password. 0: unlimited.
struct AuthLimits {
  std::uint64_t failures_per_address = 10;  ///< an IPv4 address or IPv6 /64
  std::uint64_t failures_per_subnet = 30;   ///< an IPv4 /24 or IPv6 /48
  /// Each of Verifier::accounts_of(), even if no such account exists.
  std::uint64_t failures_per_account = 50;
  /// Of all three counters.
  std::chrono::milliseconds window = std::chrono::minutes(10);
  /// Of all three counters, from the last failure that was allowed.
  std::chrono::milliseconds lockout = std::chrono::minutes(10);
  CidrSet exempt;  ///< networks without a limit per address and subnet
};

/// Checks SMTP credentials and limits guesses. Thread-safe.
class Authenticator {
 public:
  /// The verifiers in the order in which they are asked.
  using Verifiers = policy::Verifiers;
  /// The outcome of one attempt.
  struct Result {
    /// The enumerators give the reply codes (RFC 4954 §6).
    enum class Kind {
      accepted,
      refused,      ///< 535: the same text for every cause
      throttled,    ///< 454: locked; no verifier was asked
      unavailable,  ///< 454: a verifier failed temporarily
    } kind = Kind::refused;
    policy::Authentication identity;   ///< if accepted
    std::optional<smtp::Reply> reply;  ///< a verifier's own reply to a refusal
    std::string known_name;            ///< if refused: the user name, if an account has it
    /// If unavailable: the verifier that failed, and why. Without secrets.
    std::string verifier = {};
    std::string trouble = {};
  };

  /// `salt_key`: secret from which SCRAM salts are derived when none are stored; empty: random. A
  /// key that survives restarts keeps the salts constant, so that they do not reveal unknown names.
  /// `shared` counts failures over all gateways of a cluster, and is borrowed; null: there is none.
  explicit Authenticator(AuthLimits limits, std::string salt_key = {},
                         SharedCounts* shared = nullptr);

  /// Applies from the next attempt on; the counters stay.
  void set_limits(AuthLimits limits);

  /// Applies from the next attempt on. Not null.
  void set_verifiers(std::shared_ptr<const Verifiers> verifiers);
  /// Whether a verifier serves the SASL mechanism.
  bool serves(std::string_view mechanism) const;
  /// The mechanisms that can be offered, separated by spaces; empty: none.
  std::string mechanisms() const;

  /// The first verifier that accepts or refuses decides. Each answer is added to `steps`. An
  /// authorization identity that differs from the authenticated one is refused unless the verifier
  /// granted it (RFC 4616 §2). The references outlive the task.
  Task<Result> verify(smtp::Auth attempt, policy::Inquiry& inquiry,
                      std::vector<policy::Step>& steps);

  /// Keys for a SCRAM exchange. An unknown name gets invented keys that look like real ones and
  /// have the same salt each time (RFC 5802 §5.1). The error is `throttled`, `unavailable`, or
  /// `refused` if SASLprep prohibits the name. `steps` outlives the task.
  Task<tl::expected<policy::ScramKeys, Result::Kind>> scram_keys(std::string name, IpAddress client,
                                                                 std::vector<policy::Step>& steps);

 private:
  /// The accounts that a name may stand for; each one's failures are counted.
  using Accounts = std::set<std::string>;

  static Accounts accounts_of(const std::string& name, const Verifiers& verifiers);
  /// Failures of such clients are not counted by address.
  bool is_exempt(const IpAddress& client) const;
  /// Whether no verifier is asked. If the account is locked but this client authenticated to it
  /// before, the result is false, and `only` says which credentials are checked.
  bool is_locked(const IpAddress& client, const Accounts& accounts,
                 std::optional<policy::AskedBefore>& only, std::vector<policy::Step>& steps);
  void note_success(const IpAddress& client, const Accounts& accounts, policy::AskedBefore opened);
  /// False: the failure was one too many, over all gateways.
  Task<bool> note_failure(const IpAddress& client, const Accounts& accounts);
  std::string salt_of(const std::string& account) const;

  /// What a failure counts against over all gateways, and by which key.
  using Counted = std::vector<std::pair<SharedCounts::Limit, std::string>>;
  Counted counted_of(const std::string& client) const;
  Counted counted_of_account(const std::string& account) const;
  SubscriberCounter::Over exceeded(const std::string& client, WindowCounter::Clock::time_point now);
  bool account_exceeded(const std::string& account, WindowCounter::Clock::time_point now);

  SharedCounts* const shared_;
  SharedPointer<const AuthLimits> limits_;
  const std::string salt_key_;
  SubscriberCounter by_client_;
  WindowCounter by_account_;
  KnownClients<policy::AskedBefore> known_;
  SharedPointer<const Verifiers> verifiers_;
};

/// All names that `check` has in steps of AUTH: those of verifiers and the Authenticator's own.
std::span<const std::string_view> auth_check_names();
using policy::step_of;

}  // namespace postern::gateway
