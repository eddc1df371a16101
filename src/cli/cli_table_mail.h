#pragma once

#include <span>

#include "cli/cli.h"

namespace postern::app {

/// Commands about mail itself: keys, signatures, DNS records; a part of commands().
std::span<const CommandSpec> mail_commands();
/// The families of mail_commands().
std::span<const FamilySpec> mail_families();

}  // namespace postern::app
