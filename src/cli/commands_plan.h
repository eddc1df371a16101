// The subcommand that compares two versions of a configuration.
#pragma once

#include "cli/commands.h"

namespace postern::app {

/// `postern plan`.
int run_plan(const Arguments& arguments, Streams& streams);
/// `postern check --against OLD`, once `after` is known to load: the same with its --allow.
int run_check_against(const std::string& before, const std::string& after,
                      const Arguments& arguments, Streams& streams);

}  // namespace postern::app
