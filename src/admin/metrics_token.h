#pragma once

#include <string>

#include "base/error.h"
#include "base/secret.h"

namespace postern::admin {

/// The operator's token for GET /metrics, kept in the file `path` (mode 0600): read when the file
/// is there, else made. Prometheus takes the file as `credentials_file`. Fault::permanent when it
/// can be neither read nor written.
Result<Secret> metrics_token(const std::string& path);

}  // namespace postern::admin
