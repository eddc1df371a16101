// AUTH comes before RCPT, so the policy is not known yet: the name is looked up over all policies
// and the password is tried against a bounded number of hashes (docs/webhook-policies.md).
#pragma once

#include <functional>
#include <optional>
#include <string_view>
#include <vector>

#include "base/secret.h"
#include "policy/directory.h"
#include "policy/evidence.h"

namespace postern::policy {

/// Password hashes computed for one AUTH at most: a name that many tenants use costs no more.
inline constexpr std::size_t max_hashes_per_auth = 4;

/// What a hashing thread has to do for one AUTH. Made on the event loop, where the directory is
/// cheap to ask; worked off by `check_password` on a worker thread.
struct PasswordCheck {
  std::string username;                  ///< without the policy selector
  std::vector<CredentialMatch> matches;  ///< oldest first
  Secret dummy;                          ///< hashed instead when nothing matches the name
  bool hash = true;                      ///< false: no password bcrypt could tell apart; refuse
};

PasswordCheck plan_password_check(const Directory& directory, std::string_view username,
                                  const Secret& password);

using VerifyPassword = std::function<bool(const Secret& password, const Secret& hash)>;

/// The policies the password opens, as Authentication::granted keeps them; nullopt when it opens
/// none. An unknown name costs one hash, like a known one. Each distinct hash is tried once.
std::optional<std::map<std::string, std::uint64_t>> check_password(const PasswordCheck& check,
                                                                   const Secret& password,
                                                                   const VerifyPassword& verify);
/// The same with bcrypt.
std::optional<std::map<std::string, std::uint64_t>> check_password(const PasswordCheck& check,
                                                                   const Secret& password);

/// A number that differs when the hash does, for Credential::stamp. The hash cannot be told from
/// it.
std::uint64_t credential_stamp(const Secret& hash);

}  // namespace postern::policy
