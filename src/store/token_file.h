#pragma once

#include <string>

#include "base/error.h"
#include "base/secret.h"

namespace postern::store {

/// Reads a token or a key from the first line of `path`. If the file does not exist, it is created
/// (mode 0600) with 32 random octets in base64url. Prometheus reads the token of GET /metrics from
/// it (`credentials_file`). Fault::permanent if it can be neither read nor written, or has fewer
/// than 16 octets. Blocks on the disk.
Result<Secret> token_file(const std::string& path);

}  // namespace postern::store
