#pragma once

#include "cli/commands.h"

namespace postern::app {

/// `postern setup`. Asks on `streams.err` and reads answers from `streams.in` if that is a
/// terminal.
int run_setup(const Arguments& arguments, Streams& streams);

}  // namespace postern::app
