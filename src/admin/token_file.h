#pragma once

#include <string>

#include "base/error.h"
#include "base/secret.h"

namespace postern::admin {

/// A random token, GET /metrics' for one, kept in the file `path` (mode 0600): read when the file
/// is there, else made. Prometheus takes the file as `credentials_file`. Fault::permanent when it
/// can be neither read nor written.
Result<Secret> token_file(const std::string& path);

}  // namespace postern::admin
