// KumoMTA's helper modules: those that Postern's configuration replaces, policy_utils, and
// dkim_sign.
#pragma once

#include <span>

#include "dialect/kumo/api.h"

namespace postern::dialect::kumo {

/// These modules.
std::span<const Module> helper_modules();

}  // namespace postern::dialect::kumo
