#pragma once

#include <span>

#include "app/cli.h"

namespace postern::app {

/// The part of commands() that compares a draft with what happened.
std::span<const CommandSpec> replay_commands();

}  // namespace postern::app
