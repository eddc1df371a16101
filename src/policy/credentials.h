// AUTH comes before RCPT, so the policy is not known yet: the name is looked up over all policies
// and the password is tried against a bounded number of hashes (docs/webhook-policies.md).
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/secret.h"
#include "policy/directory.h"
#include "policy/evidence.h"

namespace postern::policy {

/// One hash that a password is compared with.
struct PasswordTry {
  Secret hash;
  std::string account;  ///< whose hash it is, and who waits for it; empty: a stranger's
  std::map<std::string, std::uint64_t> opens;  ///< as Authentication::granted
};

/// What hashing threads have to do for one AUTH. Made on the event loop, where the directory is
/// cheap to ask.
struct PasswordCheck {
  std::string username;            ///< without the policy selector
  bool known = false;              ///< some policy has this name
  std::vector<PasswordTry> tries;  ///< each hash once, the oldest first; of a stranger made up
  std::vector<Secret> spellings;   ///< of the password; empty: bcrypt cannot tell it apart, refuse
};

PasswordCheck plan_password_check(const Directory& directory, std::string_view username,
                                  const Secret& password);

using VerifyPassword = std::function<bool(const Secret& password, const Secret& hash)>;

/// The policies the password opens, as Authentication::granted keeps them; nullopt when it opens
/// none. The gateway does the same piece by piece, on worker threads.
std::optional<std::map<std::string, std::uint64_t>> check_password(const PasswordCheck& check,
                                                                   const VerifyPassword& verify);

/// A number that differs when the hash does, for Credential::stamp. The hash cannot be told from
/// it.
std::uint64_t credential_stamp(const Secret& hash);

}  // namespace postern::policy
