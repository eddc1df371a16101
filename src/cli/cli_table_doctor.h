#pragma once

#include <span>

#include "cli/cli.h"

namespace postern::app {

/// `postern doctor`; a part of commands().
std::span<const CommandSpec> doctor_commands();

}  // namespace postern::app
