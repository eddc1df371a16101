#pragma once

namespace postern::app {

/// The whole program: parses the command line, runs the subcommand, returns its exit code.
int run(int argc, char** argv);

}  // namespace postern::app
