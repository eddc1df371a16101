// The subcommands that take over another server's configuration. They need no gateway.
#pragma once

#include "app/commands.h"

namespace postern::app {

int run_import_postfix(const Arguments& arguments, Streams& streams);
int run_import_vsmtp(const Arguments& arguments, Streams& streams);

}  // namespace postern::app
