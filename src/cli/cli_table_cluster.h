#pragma once

#include <span>

#include "cli/cli.h"

namespace postern::app {

/// Commands about several gateways over one PostgreSQL; a part of commands().
std::span<const CommandSpec> cluster_commands();
/// The family of cluster_commands().
std::span<const FamilySpec> cluster_families();

}  // namespace postern::app
