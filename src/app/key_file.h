// Private key files: created once, never overwritten, readable by the owner only.
#pragma once

#include <string>
#include <tl/expected.hpp>

#include "app/commands.h"
#include "base/error.h"
#include "base/secret.h"
#include "mailauth/dkim/sign.h"

namespace postern::app {

/// Creates a file of mode 0600. Fault::conflict: it exists. After an error there is no file.
Result<void> write_key(const std::string& file, const Secret& pem);

/// Reads a key for a command; warns if other users may read it. After an error, which is printed,
/// the value is the exit code.
tl::expected<mailauth::dkim::SigningKey, int> read_key(const std::string& file,
                                                       const Arguments& arguments,
                                                       Streams& streams);

}  // namespace postern::app
