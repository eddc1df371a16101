// The subcommand that decides recorded traffic again with a draft.
#pragma once

#include "cli/commands.h"

namespace postern::app {

/// `postern replay`.
int run_replay(const Arguments& arguments, Streams& streams);

}  // namespace postern::app
