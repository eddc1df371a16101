#pragma once

#include "config/config.h"
#include "explain/options.h"

namespace postern::app {

/// Prints the explanation and returns an ExitCode as int. `config` is loaded. Blocks.
int explain(const Config& config, const ExplainOptions& options);

}  // namespace postern::app
