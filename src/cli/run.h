#pragma once

#include <string>
#include <vector>

#include "cli/commands.h"

namespace postern::app {

/// The whole program: parses the command line, runs the subcommand, returns its exit code.
int run(int argc, char** argv);
/// The same for the words after "postern"; does not catch exceptions. `own_process`: commands that
/// read what others wrote put the sandbox on the process.
int run_line(const std::vector<std::string>& words, Streams& streams, bool own_process = false);

}  // namespace postern::app
