#pragma once

#include <span>

#include "app/cli.h"

namespace postern::app {

/// The part of commands() that takes over what another server had.
std::span<const CommandSpec> import_commands();
std::span<const FamilySpec> import_families();

}  // namespace postern::app
