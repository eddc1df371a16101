#pragma once

#include <span>

#include "cli/cli.h"

namespace postern::app {

/// Commands that import another server's configuration; a part of commands().
std::span<const CommandSpec> import_commands();
/// The families of import_commands().
std::span<const FamilySpec> import_families();

}  // namespace postern::app
