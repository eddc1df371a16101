// The subcommands that import another server's configuration. They need no gateway.
#pragma once

#include "cli/commands.h"

namespace postern::app {

/// `postern import postfix`.
int run_import_postfix(const Arguments& arguments, Streams& streams);
/// `postern import vsmtp`.
int run_import_vsmtp(const Arguments& arguments, Streams& streams);

}  // namespace postern::app
