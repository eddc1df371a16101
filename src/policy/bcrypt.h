// bcrypt for mail credentials, by libxcrypt. A call takes about a quarter of a second of CPU:
// make it on a worker thread.
#pragma once

#include <string_view>

#include "base/error.h"
#include "base/secret.h"

namespace postern::policy {

/// log2 of the rounds.
inline constexpr int default_bcrypt_cost = 12;
/// Octets of a password that bcrypt reads; longer passwords are refused, not truncated.
inline constexpr std::size_t max_bcrypt_password = 72;

/// Whether `hash` is `$2a$`, `$2b$` or `$2y$`, two digits of cost, 22 characters of salt and 31 of
/// digest in bcrypt's alphabet. `$2x$`, which marks hashes of a broken implementation, is refused.
bool is_bcrypt(std::string_view hash);
/// The cost of a well-formed hash, else 0.
int bcrypt_cost(const Secret& hash);

/// Whether bcrypt distinguishes this password from all others: 1 to 72 octets without NUL.
bool is_hashable(const Secret& password);
/// Whether `hash` is the hash of `password`. False at once if `hash` is not bcrypt or `password` is
/// not hashable; otherwise the time depends on the cost only.
bool bcrypt_verify(const Secret& password, const Secret& hash);
/// A `$2y$` hash with a random salt. `cost`: 4 to 31.
Result<Secret> bcrypt_hash(const Secret& password, int cost = default_bcrypt_cost);
/// A well-formed hash of this cost that matches no known password.
Secret unmatched_hash(int cost);

}  // namespace postern::policy
