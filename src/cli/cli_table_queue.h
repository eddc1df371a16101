#pragma once

#include <span>

#include "cli/cli.h"

namespace postern::app {

/// Commands that manage the queue; a part of commands().
std::span<const CommandSpec> queue_commands();
/// The families of queue_commands().
std::span<const FamilySpec> queue_families();

}  // namespace postern::app
