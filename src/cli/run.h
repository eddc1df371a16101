#pragma once

#include <string>
#include <vector>

#include "cli/commands.h"

namespace postern::app {

/// The whole program: parses the command line, runs the subcommand, returns its exit code.
int run(int argc, char** argv);
/// The same for the words after "postern"; does not catch exceptions.
int run_line(const std::vector<std::string>& words, Streams& streams);

}  // namespace postern::app
