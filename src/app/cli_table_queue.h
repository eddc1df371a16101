#pragma once

#include <span>

#include "app/cli.h"

namespace postern::app {

/// The parts of commands() and families() that look after the queue.
std::span<const CommandSpec> queue_commands();
std::span<const FamilySpec> queue_families();

}  // namespace postern::app
