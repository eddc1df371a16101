#pragma once

#include <span>

#include "app/cli.h"

namespace postern::app {

/// The part of commands() that is about mail itself: keys, signatures, records in DNS.
std::span<const CommandSpec> mail_commands();
std::span<const FamilySpec> mail_families();

}  // namespace postern::app
