// Private keys in files: made once, never overwritten, for their owner's eyes.
#pragma once

#include <string>
#include <tl/expected.hpp>

#include "app/commands.h"
#include "base/error.h"
#include "base/secret.h"
#include "mailauth/dkim/sign.h"

namespace postern::app {

/// Makes a file of mode 0600. Fault::conflict when it exists; nothing is left behind on an error.
Result<void> write_key(const std::string& file, const Secret& pem);

/// Reads a key for a command and warns when others may read it too. Otherwise what is wrong has
/// been printed, and the value is the exit code.
tl::expected<mailauth::dkim::SigningKey, int> read_key(const std::string& file,
                                                       const Arguments& arguments,
                                                       Streams& streams);

}  // namespace postern::app
