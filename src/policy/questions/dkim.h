// Question: does a DKIM signature vouch for the message?
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "policy/domain_set.h"
#include "policy/evidence.h"

namespace postern::policy::questions {

/// What the signatures, any one of which will do, mean to a decision. Borrows the results.
struct Dkim {
  enum class Says {
    vouched,     ///< an acceptable signature (mailauth::dkim::SignatureResult) of a wanted domain
    unanswered,  ///< a key could not be fetched, or nothing was found out: later it may be vouched
    unacceptable,  ///< a signature verifies, but is not acceptable or of another domain
    unverified,    ///< no signature verifies
  };
  Says says = Says::unanswered;
  const mailauth::dkim::Results* results = nullptr;  ///< null: not found out

  /// For the trace.
  std::string words() const;
};
/// `domains`: whose signatures count; null or empty: anybody's.
Dkim dkim(const Evidence& evidence, const DomainSet* domains = nullptr);

/// The same of one signature.
Dkim::Says says(const mailauth::dkim::SignatureResult& signature,
                const DomainSet* domains = nullptr);
/// The d= of signatures that vouch, from the top.
std::vector<std::string> vouching_domains(const Evidence& evidence);
/// Of the first `most` signatures the one to tell of: the first that Authentication-Results call a
/// pass, else the last. Null without any.
const mailauth::dkim::SignatureResult* telling_signature(const mailauth::dkim::Results& results,
                                                         std::size_t most);

}  // namespace postern::policy::questions
