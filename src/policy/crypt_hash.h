// Password hashes in the text forms of crypt(5) and of Argon2. Each call takes a good part of a
// second of CPU: it belongs on a worker thread.
#pragma once

#include <optional>
#include <string_view>

#include "base/secret.h"

namespace postern::policy {

/// What libxcrypt makes of the password with these settings (a salt, or a whole hash): nullopt when
/// it does not know them. The password holds no NUL.
std::optional<Secret> crypt_text(const Secret& password, const Secret& settings);

/// Whether `hash` is that of `password`: bcrypt (`$2a$ $2b$ $2y$`), SHA-crypt (`$5$ $6$`), yescrypt
/// (`$y$`), scrypt (`$7$`), Argon2 (`$argon2id$ $argon2i$`). False for everything else: what is no
/// hash, the forms that are broken (DES, MD5), and hashes that would take more than some seconds or
/// 1 GiB.
bool verify_hash(const Secret& password, const Secret& hash);

}  // namespace postern::policy
