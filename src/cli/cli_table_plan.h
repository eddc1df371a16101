#pragma once

#include <span>

#include "cli/cli.h"

namespace postern::app {

/// Commands that prove what an edit does; a part of commands().
std::span<const CommandSpec> plan_commands();

}  // namespace postern::app
