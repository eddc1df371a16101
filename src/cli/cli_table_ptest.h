#pragma once

#include <span>

#include "cli/cli.h"

namespace postern::app {

/// `postern test`.
std::span<const CommandSpec> ptest_commands();

}  // namespace postern::app
