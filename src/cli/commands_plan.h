// The subcommand that compares two versions of a configuration.
#pragma once

#include "cli/commands.h"

namespace postern::app {

/// `postern plan`.
int run_plan(const Arguments& arguments, Streams& streams);

}  // namespace postern::app
