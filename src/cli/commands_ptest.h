#pragma once

#include "cli/commands.h"

namespace postern::app {

/// `postern test`.
int run_test(const Arguments& arguments, Streams& streams);

}  // namespace postern::app
