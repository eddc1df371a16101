// Keys that a command line names.
#pragma once

#include <string>

#include <tl/expected.hpp>

#include "cli/commands.h"
#include "mailauth/dkim/sign.h"

namespace postern::app {

/// Reads a key for a command; warns if other users may read it. After an error, which is printed,
/// the value is the exit code.
tl::expected<mailauth::dkim::SigningKey, int> read_key(const std::string& file,
                                                       const Arguments& arguments,
                                                       Streams& streams);

}  // namespace postern::app
