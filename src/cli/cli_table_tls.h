#pragma once

#include <span>

#include "cli/cli.h"

namespace postern::app {

/// Commands about the certificates of the running gateway; a part of commands().
std::span<const CommandSpec> tls_commands();
/// The family of tls_commands().
std::span<const FamilySpec> tls_families();

}  // namespace postern::app
