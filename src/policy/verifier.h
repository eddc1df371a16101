// Who says whether credentials are right. The gateway counts guesses and asks its verifiers in
// order.
#pragma once

#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "base/secret.h"
#include "base/task.h"
#include "policy/evidence.h"
#include "policy/layer.h"
#include "policy/trace.h"
#include "smtp/reply.h"
#include "smtp/scram.h"

namespace postern::policy {

/// What a client signed in with before.
struct AskedBefore {
  std::string verifier;          ///< Verifier::name() of the one that accepted
  std::set<std::string> opened;  ///< ids of the policies; of verifiers without policies empty
};

/// One attempt with a name and a password (PLAIN, LOGIN) or a token (OAUTHBEARER).
struct AuthAttempt {
  std::string mechanism;  ///< "PLAIN", in capitals
  std::string authz_id;   ///< as the client wrote it; empty: it named none
  std::string
      authn_id;     ///< never empty; of OAUTHBEARER the authzid of the GS2 header, perhaps empty
  Secret password;  ///< the password or the token, never empty
  /// Guesses have locked the name, but not for what this client opened with it before: nobody else
  /// is asked, and for no other policies.
  std::optional<AskedBefore> only;
};

struct AuthAnswer {
  enum class Kind {
    unknown,      ///< nobody of that name here: the next verifier is asked
    refused,      ///< 535; counts as a wrong guess
    unavailable,  ///< could not be known: 454 4.7.0, counts as nothing
    accepted,
  };
  Kind kind = Kind::unknown;
  /// When accepted. An authorisation identity other than the authenticated one is honoured only
  /// because the verifier put it here (RFC 4616 §2, DESIGN §9.1).
  Authentication identity;
  /// A refusal in words of the verifier's own, instead of the standard ones.
  std::optional<smtp::Reply> reply;
  /// For log and trace; holds no secret.
  std::string detail;
  /// When refused: an account has this name for certain, so that it is no password that was typed
  /// in its place.
  bool known = false;
};

using smtp::ScramKeys;

/// Thread-safe; outlives the sessions.
class Verifier {
 public:
  virtual ~Verifier() = default;
  /// The word in traces: "policies", "lua", "ldap". Static.
  virtual std::string_view name() const = 0;
  /// Whether it can serve a mechanism at all; only such mechanisms are offered.
  virtual bool serves(std::string_view mechanism) const = 0;
  /// `evidence` is the session's; what the verifier asked others is noted there, its steps in
  /// `steps`. Throws nothing: trouble is `unavailable`.
  virtual Task<AuthAnswer> verify(const AuthAttempt& attempt, Evidence& evidence,
                                  Gatherer& gatherer, std::vector<Step>& steps) const = 0;
  /// Takes the time that verify() would take for this attempt, where it compares itself: a verifier
  /// before it has refused, and the time is not to tell which of them knows the name.
  virtual Task<void> spend(const AuthAttempt& attempt, Evidence& evidence) const;
  /// What a name comes down to when it asks for it: names that give the same are one account, whose
  /// guesses count together. Of one that asks others also what these make of it. Never empty; as
  /// long as nothing else is said, the name.
  virtual std::vector<std::string> accounts_of(const std::string& authn_id) const {
    return {authn_id};
  }
  /// SCRAM: the keys of an account; of a password in plain they are made with `salt`. The error is
  /// `unavailable`; nullopt: nobody of that name.
  virtual Task<Result<std::optional<ScramKeys>>> scram_keys(std::string authn_id,
                                                            std::string salt) const;
  /// What its accounts' keys have, and so those that are made up for a stranger.
  virtual std::uint32_t scram_iterations() const { return smtp::ScramKeys().iterations; }
};

using Verifiers = std::vector<std::shared_ptr<const Verifier>>;

/// What a verifier said, as a trace has it. `name` is static.
Step step_of(std::string_view name, std::string origin, const AuthAnswer& answer);

/// Who was asked last, and what he said.
struct Asked {
  AuthAnswer answer;
  std::string_view by;  ///< Verifier::name(); empty: nobody serves the mechanism
};
/// Asks those that serve the mechanism, in order, until one does not say `unknown`. Whatever one
/// throws is trouble: what cannot be known lets nobody in. Each leaves a step, his own or one of
/// his answer. All are borrowed.
Task<Asked> ask_in_order(const Verifiers& verifiers, const AuthAttempt& attempt, Evidence& evidence,
                         Gatherer& gatherer, std::vector<Step>& steps);

}  // namespace postern::policy
