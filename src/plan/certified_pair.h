// The two versions that a certificate is about, as its checker reads them.
#pragma once

#include <array>
#include <set>
#include <string>
#include <vector>

#include "base/ip.h"
#include "dialect/restrictions/policy_words.h"
#include "plan/check_certificate.h"

namespace postern::plan::certified {

/// Both, OLD first.
struct CertifiedPair {
  /// The versions outlive it. Throws Wrong: one has no lists.
  CertifiedPair(const CertifiedVersion& before, const CertifiedVersion& after);

  std::array<const CertifiedVersion*, 2> versions;
  ServedSessions served;  ///< by one of them
  std::array<const dialect::restrictions::ListPolicy*, 2> lists;
  std::vector<std::string> by_settings;     ///< answers of programs that hang on parameters
  dialect::restrictions::PolicyWords told;  ///< of both, as classes are made from them
  std::set<std::string> words;  ///< all words of the definitions, in lower case, and samples of
                                ///< what patterns find
  std::set<std::string> names;  ///< these, and the domains of addresses among them
};

/// Addresses in and around a network, in the forms of tables and mynetworks: "10.1.0.0/16",
/// "[2001:db8::]/32", "10.1", "2001:db8". Empty: it is none.
std::vector<IpAddress> clients_near(const std::string& word);

}  // namespace postern::plan::certified
