// Questions: has the client authenticated, and does its login open a webhook policy?
#pragma once

#include <string>
#include <string_view>

#include "policy/evidence.h"

namespace postern::policy::questions {

/// What the session's login says about the client. Borrows the evidence.
struct Authenticated {
  enum class As {
    nobody,
    tenant,  ///< by credentials that open webhooks and say nothing else (decision 0052)
    client,  ///< by credentials of the operator
  };
  As as = As::nobody;
  const Authentication* login = nullptr;  ///< null unless `as` is client

  explicit operator bool() const { return login != nullptr; }
  /// For the trace: "authenticated as ann".
  std::string words() const;
  /// The same if there is no login, else empty. Static.
  std::string_view words_without_login() const;
};
Authenticated authenticated(const Evidence& evidence);

/// Whether the login, a tenant's too, opens a webhook policy.
struct PolicyLogin {
  enum class Is {
    open,
    missing,          ///< there is no login
    missing_and_tls,  ///< there is none, and AUTH needs TLS first (RFC 4954 §4)
    revoked,          ///< the credential was changed or taken away since AUTH
    other,            ///< it opens other policies
    changed,          ///< the policy has another password for the name now
  };
  Is is = Is::missing;
  std::string words;
};
/// `policy_id`: empty for any policy. The candidate's policy is the one in force.
PolicyLogin opens_policy(const Evidence& evidence, std::string_view policy_id);

}  // namespace postern::policy::questions
