// What to do about what PostgreSQL refuses, for everybody who shows its errors.
#pragma once

#include <string>

#include "base/error.h"

namespace postern::cluster {

/// What people do about an error of Database::connect() or of a statement. Empty: nothing is known.
/// `is_owner`: the session is that of `--owner`.
std::string advice_on(const Error& error, bool is_owner = false);
/// Whether it stays as it is until people mend it: a wrong password, database or right. False as
/// well while a server starts, or a host that took the role is a standby.
bool lasts(const Error& error);

}  // namespace postern::cluster
