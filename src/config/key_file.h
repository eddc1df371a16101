// Private key files: created once, never overwritten, readable by the owner only.
#pragma once

#include <string>

#include "base/error.h"
#include "base/secret.h"

namespace postern::app {

/// Creates a file of mode 0600. Fault::conflict: it exists. After an error there is no file.
Result<void> write_key(const std::string& file, const Secret& pem);

/// The same in place of a file that may exist, in one step; there is none with a part of the text.
/// The name is not flushed. The old file stays after an error: Fault::denied, Fault::permanent.
Result<void> replace_key(const std::string& file, const Secret& pem);

}  // namespace postern::app
