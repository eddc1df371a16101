// Question: does the message belong to its author's domain, and what does that domain ask for?
#pragma once

#include <string>

#include "policy/evidence.h"

namespace postern::policy::questions {

/// What DMARC (RFC 7489 §6.6.2) means to a decision. Borrows the result.
struct Dmarc {
  enum class Says {
    vouched,          ///< an aligned identifier passed
    no_record,        ///< the author's domain publishes no policy
    no_author,        ///< From is missing, or can be read in several ways
    unanswered,       ///< DNS did not answer (unless p=none), or nothing was found out
    asks_nothing,     ///< not vouched for, p=none
    asks_quarantine,  ///< not vouched for, p=quarantine
    asks_reject,      ///< not vouched for, p=reject
  };
  Says says = Says::unanswered;
  /// SPF, DKIM or DMARC got no answer from DNS: a later attempt may be vouched for.
  bool may_change = true;
  const mailauth::dmarc::Result* result = nullptr;  ///< null: not found out

  /// For the trace.
  std::string words() const;
};
/// pct= is no way around the policy, as in RFC 9989, which has dropped it.
Dmarc dmarc(const Evidence& evidence);

}  // namespace postern::policy::questions
