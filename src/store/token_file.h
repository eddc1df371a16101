#pragma once

#include <string>

#include "base/error.h"
#include "base/secret.h"

namespace postern::store {

/// A random token, GET /metrics' for one, or a key, kept in the file `path` (mode 0600): read when
/// the file is there, else made. Prometheus takes the file as `credentials_file`. Fault::permanent
/// when it can be neither read nor written.
Result<Secret> token_file(const std::string& path);

}  // namespace postern::store
