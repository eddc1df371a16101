// The answers of `postern setup`: from options, else from the person at the terminal.
#pragma once

#include <tl/expected.hpp>

#include "cli/commands.h"
#include "setup/answers.h"

namespace postern::app {

/// Reads the options, and asks for what is missing if there is a terminal and no --yes. `config`:
/// the file that is to be written, beside which the service's credentials are.
tl::expected<setup::Answers, UsageError> setup_answers(const Arguments& arguments,
                                                       const std::string& config, Streams& streams);
/// Asks a question. `y`, `yes` and an empty line are a yes, whatever the case; all else, and the
/// end of the input, is a no.
bool confirmed(const std::string& question, Streams& streams);

}  // namespace postern::app
