// Verification of credentials. The gateway limits guesses and asks its verifiers in order.
#pragma once

#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "base/secret.h"
#include "base/task.h"
#include "policy/session.h"
#include "smtp/reply.h"
#include "smtp/scram.h"

namespace postern::policy {

class Inquiry;
struct Evidence;
struct Step;

/// An earlier successful authentication of a client.
struct AskedBefore {
  std::string verifier;          ///< Verifier::name() of the verifier that accepted
  std::set<std::string> opened;  ///< ids of the policies; empty for verifiers without policies
};

/// One attempt: user name and password (PLAIN, LOGIN), or a token (OAUTHBEARER).
struct AuthAttempt {
  std::string mechanism;  ///< in capitals: "PLAIN"
  std::string authz_id;   ///< as the client sent it; empty: none
  /// User name, not empty; for OAUTHBEARER the authzid of the GS2 header, which may be empty.
  std::string authn_id;
  Secret password;  ///< password or token, not empty
  /// The name is locked after wrong guesses, except for what this client opened with it before:
  /// only that verifier is asked, and only for these policies.
  std::optional<AskedBefore> only;
};

/// The answer of a verifier.
struct AuthAnswer {
  enum class Kind {
    unknown,      ///< no such user here: the next verifier is asked
    refused,      ///< 535; counts as a wrong guess
    unavailable,  ///< could not be determined: 454 4.7.0, does not count as a guess
    accepted,
  };
  Kind kind = Kind::unknown;  ///< of answer
  /// If accepted. An authorization identity that differs from the authentication identity is valid
  /// only if the verifier set it here (RFC 4616 §2, docs/decisions/0033).
  Authentication identity;
  /// A refusal in place of the standard one.
  std::optional<smtp::Reply> reply;
  /// For log and trace; without secrets.
  std::string detail;
  /// If refused: the user name certainly exists, so it is not a password typed in the wrong field.
  bool known = false;
};

/// Keys of a SCRAM account.
using smtp::ScramKeys;

/// A source of identities. Thread-safe; must outlive the sessions.
class Verifier {
 public:
  virtual ~Verifier() = default;
  /// Its word in traces: "policies", "lua", "ldap". Static.
  virtual std::string_view name() const = 0;
  /// Whether it supports the mechanism; EHLO offers only supported ones.
  virtual bool serves(std::string_view mechanism) const = 0;
  /// Judges the attempt. Requests to other programs are added to the evidence, its steps to
  /// `steps`. The arguments must outlive the task. Does not throw for trouble: that is
  /// `unavailable`.
  virtual Task<AuthAnswer> verify(const AuthAttempt& attempt, Inquiry& inquiry,
                                  std::vector<Step>& steps) const = 0;
  /// Takes the time that verify() would take, for verifiers that compare passwords themselves.
  /// Called after another verifier has refused, so that the time does not tell which one knows the
  /// name.
  virtual Task<void> spend(const AuthAttempt& attempt, const Evidence& evidence) const;
  /// The accounts that a user name stands for: guesses for names with a common account count
  /// together. If the verifier asks others, includes what they make of the name. Never empty; by
  /// default the name itself.
  virtual std::vector<std::string> accounts_of(const std::string& authn_id) const {
    return {authn_id};
  }
  /// The SCRAM keys of an account; those of a plain password are computed with `salt`. nullopt: no
  /// such account; an error is `unavailable`.
  virtual Task<Result<std::optional<ScramKeys>>> scram_keys(std::string authn_id,
                                                            std::string salt) const;
  /// Iteration count of its accounts' keys, and of the keys that are made up for unknown ones.
  virtual std::uint32_t scram_iterations() const { return smtp::ScramKeys().iterations; }
};

/// In the order in which they are asked; none is null.
using Verifiers = std::vector<std::shared_ptr<const Verifier>>;

/// The step for a verifier's answer. `name` must be static.
Step step_of(std::string_view name, std::string origin, const AuthAnswer& answer);

/// The last verifier that was asked, and its answer.
struct Asked {
  AuthAnswer answer;    ///< `unknown` if none was asked
  std::string_view by;  ///< Verifier::name(); empty: none supports the mechanism
};
/// Asks the verifiers that support the mechanism, in order, until one accepts or is unavailable;
/// after a refusal the others only spend(). An exception counts as `unavailable`. Each adds a step,
/// or one is made of its answer. All arguments must outlive the task.
Task<Asked> ask_in_order(const Verifiers& verifiers, const AuthAttempt& attempt, Inquiry& inquiry,
                         std::vector<Step>& steps);

}  // namespace postern::policy
