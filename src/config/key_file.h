// Private key files: created once, never overwritten, readable by the owner only.
#pragma once

#include <string>

#include "base/error.h"
#include "base/secret.h"

namespace postern::app {

/// Creates a file of mode 0600. Fault::conflict: it exists. After an error there is no file.
Result<void> write_key(const std::string& file, const Secret& pem);

}  // namespace postern::app
