#pragma once

#include <span>

#include "cli/cli.h"

namespace postern::app {

/// Commands that compare a draft with recorded traffic; a part of commands().
std::span<const CommandSpec> replay_commands();

}  // namespace postern::app
