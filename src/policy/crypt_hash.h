// crypt(3), by libxcrypt. A call takes a good part of a second of CPU: make it on a worker
// thread.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

#include "base/secret.h"

namespace postern::policy {

/// libxcrypt's hash of the password with these settings (a salt or a whole hash). nullopt if
/// libxcrypt does not support the settings or the password is too long for it. The password must
/// not contain NUL.
std::optional<Secret> crypt_text(const Secret& password, const Secret& settings);

/// Whether the parameters in the hash make one password take more than about 1 s or 256 MiB. Such a
/// hash could block all logins.
bool takes_too_long(std::string_view hash);

/// Estimated time of one comparison on this machine, from a bcrypt measurement that the first call
/// makes (about 50 ms). 0: unknown kind of hash.
std::chrono::milliseconds expected_time(std::string_view hash);

/// Sets the limit of too_dear_here(); 0, the default: no limit. One limit for the process.
void set_longest_hash(std::chrono::milliseconds longest);
/// Why the hash is too expensive on this machine, as the end of a sentence: "takes about 3.4 s
/// here, ..."; nullopt: it is not.
std::optional<std::string> too_dear_here(std::string_view hash);

}  // namespace postern::policy
