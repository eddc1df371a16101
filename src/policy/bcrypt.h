// bcrypt as mail credentials use it, done by libxcrypt. Each call takes a quarter of a second of
// CPU: it belongs on a worker thread.
#pragma once

#include <string_view>

#include "base/error.h"
#include "base/secret.h"

namespace postern::policy {

inline constexpr int default_bcrypt_cost = 12;
/// bcrypt reads no more octets of a password; longer ones are refused instead of cut.
inline constexpr std::size_t max_bcrypt_password = 72;

/// `$2a$`, `$2b$` or `$2y$`, two digits of cost, 22 of salt and 31 of digest in bcrypt's alphabet.
/// `$2x$` marks hashes of a broken implementation and is no bcrypt here.
bool is_bcrypt(std::string_view hash);
/// The cost a well-formed hash names, else 0.
int bcrypt_cost(const Secret& hash);

/// Whether bcrypt can tell this password from others: 1 to 72 octets, none of them NUL.
bool is_hashable(const Secret& password);
/// Whether `hash` is that of `password`. False, at once, for what is no bcrypt or not hashable;
/// otherwise the time depends on the cost only.
bool bcrypt_verify(const Secret& password, const Secret& hash);
/// A `$2y$` hash with a fresh salt. Cost 4 to 31.
Result<Secret> bcrypt_hash(const Secret& password, int cost = default_bcrypt_cost);
/// A well-formed hash of this cost which no known password has.
Secret unmatched_hash(int cost);

}  // namespace postern::policy
