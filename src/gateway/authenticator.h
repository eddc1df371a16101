// Who signs in: guesses are counted, verifiers asked in their order.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <set>
#include <span>
#include <string>
#include <vector>

#include "base/ip.h"
#include "base/known_clients.h"
#include "base/shared_pointer.h"
#include "base/task.h"
#include "base/window_counter.h"
#include "policy/verifier.h"
#include "smtp/server_session.h"

namespace postern::gateway {

/// Failures that are allowed within `window`; the last one of them locks for `lockout`, whatever
/// the password. 0: no limit.
struct AuthLimits {
  std::uint64_t failures_per_address = 10;  ///< an IPv4 address or IPv6 /64
  std::uint64_t failures_per_subnet = 30;   ///< an IPv4 /24 or IPv6 /48
  std::uint64_t failures_per_account = 50;  ///< of Verifier::accounts_of(), known or not
  std::chrono::milliseconds window = std::chrono::minutes(10);
  std::chrono::milliseconds lockout = std::chrono::minutes(10);
  CidrSet exempt;  ///< no limit by address or subnet for these
};

/// Thread-safe.
class Authenticator {
 public:
  using Verifiers = policy::Verifiers;
  struct Result {
    enum class Kind {
      accepted,
      refused,      ///< 535, one text for every cause
      throttled,    ///< 454, nobody was asked
      unavailable,  ///< 454: somebody could not say
    } kind = Kind::refused;
    policy::Authentication identity;   ///< when accepted
    std::optional<smtp::Reply> reply;  ///< a verifier's own words for a refusal
    std::string known_name;            ///< when refused: the name, where an account has it
    /// When unavailable: who could not say, and why. Holds no secret.
    std::string verifier = {};
    std::string trouble = {};
  };

  /// `salt_key`: SCRAM salts that are not stored come of it; empty: random. Kept over restarts it
  /// hides which names are made up.
  explicit Authenticator(AuthLimits limits, std::string salt_key = {});

  /// From the next attempt on these hold; what was counted stays.
  void set_limits(AuthLimits limits);

  /// From the next attempt on these are asked, in this order.
  void set_verifiers(std::shared_ptr<const Verifiers> verifiers);
  bool serves(std::string_view mechanism) const;
  /// What can be offered, words between blanks; empty: nothing.
  std::string mechanisms() const;

  /// The first that accepts wins, the first that refuses ends it. What each said is added to
  /// `steps`. An authorisation identity other than the authenticated one is refused unless the
  /// verifier granted it.
  Task<Result> verify(smtp::Auth attempt, policy::Evidence& evidence, policy::Gatherer& gatherer,
                      std::vector<policy::Step>& steps);

  /// Keys for a SCRAM exchange; for a name nobody knows such as look like somebody's, the same ones
  /// each time, whoever else signs in (RFC 5802 §5.1). The error is
  /// `throttled`, `unavailable`, or `refused` of what SASLprep refuses as a name.
  Task<tl::expected<policy::ScramKeys, Result::Kind>> scram_keys(std::string name, IpAddress client,
                                                                 std::vector<policy::Step>& steps);

 private:
  /// What a name's failures are counted by: one entry for each account it may stand for.
  using Accounts = std::set<std::string>;

  static Accounts accounts_of(const std::string& name, const Verifiers& verifiers);
  /// Whether nobody is asked. A client that guesses at this name have locked out, but that signed
  /// in with it before, is asked about again: `only`.
  bool is_locked(const IpAddress& client, const Accounts& accounts,
                 std::optional<policy::AskedBefore>& only, std::vector<policy::Step>& steps);
  void note_success(const IpAddress& client, const Accounts& accounts, policy::AskedBefore opened);
  void note_failure(const IpAddress& client, const Accounts& accounts);
  std::string salt_of(const std::string& account) const;

  SharedPointer<const CidrSet> exempt_;
  const std::string salt_key_;
  WindowCounter by_address_;
  WindowCounter by_subnet_;
  WindowCounter by_account_;
  KnownClients<policy::AskedBefore> known_;
  SharedPointer<const Verifiers> verifiers_;
};

/// The names that steps of AUTH have: of verifiers, and of what the authenticator itself judges.
std::span<const std::string_view> auth_check_names();
using policy::step_of;

}  // namespace postern::gateway
