// Question: does SPF allow the client to use the sender's domain?
#pragma once

#include <string>
#include <string_view>

#include "policy/evidence.h"

namespace postern::policy::questions {

/// What SPF (RFC 7208 §2.6) means to a decision. Borrows the result.
struct Spf {
  enum class Says {
    authorised,  ///< pass
    nothing,     ///< none, neutral
    doubts,      ///< softfail
    forbids,     ///< fail
    unanswered,  ///< temperror, or not found out: a later attempt may be decided
    broken,      ///< permerror: the domain's record cannot be used
  };
  Says says = Says::unanswered;
  const mailauth::spf::Result* result = nullptr;  ///< null: not found out

  /// For the trace.
  std::string words() const;
};
Spf spf(const Evidence& evidence);
Spf spf(const mailauth::spf::Result& result);

/// The domain that SPF is asked about: with a null reverse-path the HELO name (RFC 7208 §2.4).
std::string_view spf_domain(const Evidence& evidence);

/// RFC 7208 §9.1: the term that decided, or what went wrong. Borrows the result; each may be empty.
struct SpfCause {
  bool is_problem = false;
  std::string_view text;
};
SpfCause cause_of(const mailauth::spf::Result& result);

}  // namespace postern::policy::questions
