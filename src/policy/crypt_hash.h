// crypt(3), as libxcrypt does it. A call takes a good part of a second of CPU: it belongs on a
// worker thread.
#pragma once

#include <optional>
#include <string_view>

#include "base/secret.h"

namespace postern::policy {

/// What libxcrypt makes of the password with these settings (a salt, or a whole hash): nullopt when
/// it does not know them, or the password is longer than it takes. The password holds no NUL.
std::optional<Secret> crypt_text(const Secret& password, const Secret& settings);

/// Whether the parameters that a hash names make one password take more than about a second or 256
/// MiB: whoever may write one could hold up all logins.
bool takes_too_long(std::string_view hash);

}  // namespace postern::policy
