// The subcommand that decides recorded traffic again under a draft.
#pragma once

#include "app/commands.h"

namespace postern::app {

int run_replay(const Arguments& arguments, Streams& streams);

}  // namespace postern::app
