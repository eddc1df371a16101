#pragma once

#include <string>

#include "cli/commands.h"
#include "plan/edit.h"

namespace postern::app {

/// `postern plan [CONFIG] --suggest TESTS`: edits by which the tests that fail get the verdict that
/// they expect. `version`: the configuration, or the file of tests, which names one. The exit code.
int suggest_edits(const std::string& version, const std::string& tests,
                  const plan::EditOptions& options, const Arguments& arguments, Streams& streams);

}  // namespace postern::app
