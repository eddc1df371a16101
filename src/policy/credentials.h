// AUTH comes before RCPT, so the policy is not known yet: the user name is looked up in all
// policies and the password is compared with a limited number of hashes (docs/webhook-policies.md).
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/secret.h"

namespace postern::policy {

class Directory;

/// One hash to compare a password with.
struct PasswordTry {
  Secret hash;  ///< bcrypt
  std::string
      account;  ///< owner of the hash, whose share of the hashing threads it uses; empty: made up
  std::map<std::string, std::uint64_t> opens;  ///< policy id to stamp, as Authentication::granted
};

/// The hashing of one AUTH. Made on the event loop, run on hashing threads.
struct PasswordCheck {
  std::string username;  ///< without a "%pol_..." that selects a policy
  bool known = false;    ///< a policy has this user name
  std::vector<PasswordTry>
      tries;  ///< each distinct hash once, oldest first; made-up hashes if not known
  std::vector<Secret> spellings;  ///< of the password; empty: bcrypt cannot distinguish it, refuse
};

/// Plans at most max_hashes_per_auth hashes; for an unknown user name made-up ones, so that the
/// time does not tell.
PasswordCheck plan_password_check(const Directory& directory, std::string_view username,
                                  const Secret& password);

/// For Credential::stamp: changes with the hash and does not disclose it. Keyed per process.
std::uint64_t credential_stamp(const Secret& hash);

}  // namespace postern::policy
