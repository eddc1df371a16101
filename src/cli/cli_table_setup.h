#pragma once

#include <span>

#include "cli/cli.h"

namespace postern::app {

/// `postern setup`; a part of commands().
std::span<const CommandSpec> setup_commands();

}  // namespace postern::app
