// crypt(3), as libxcrypt does it. A call takes a good part of a second of CPU: it belongs on a
// worker thread.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

#include "base/secret.h"

namespace postern::policy {

/// What libxcrypt makes of the password with these settings (a salt, or a whole hash): nullopt when
/// it does not know them, or the password is longer than it takes. The password holds no NUL.
std::optional<Secret> crypt_text(const Secret& password, const Secret& settings);

/// Whether the parameters that a hash names make one password take more than about a second or 256
/// MiB: whoever may write one could hold up all logins.
bool takes_too_long(std::string_view hash);

/// About what this machine takes for such a hash, from a measurement of bcrypt that the first call
/// makes (some 50 ms). 0: no hash that is known here.
std::chrono::milliseconds expected_time(std::string_view hash);

/// From now on too_dear_here() finds fault with hashes that take longer; 0, as at first: with none.
/// One limit for the process, which has one processor.
void set_longest_hash(std::chrono::milliseconds longest);
/// What is wrong with the hash on this machine, as the end of a sentence: "takes about 3.4 s here,
/// ..."; nullopt: nothing.
std::optional<std::string> too_dear_here(std::string_view hash);

}  // namespace postern::policy
