#pragma once

#include <string>

#include "base/error.h"
#include "base/secret.h"

namespace postern::app {

/// The password in a file of one line, at most 4096 octets. Fault::permanent: it cannot be read, or
/// holds something else.
Result<Secret> password_in(const std::string& file);
/// All of a file of secrets, at most 4096 octets. Fault::permanent: it cannot be read, is empty or
/// longer.
Result<Secret> secrets_in(const std::string& file);

}  // namespace postern::app
