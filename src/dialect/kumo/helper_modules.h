// Helper modules of KumoMTA that policies require: those whose work has its home in Postern's
// configuration, policy_utils, and dkim_sign.
#pragma once

#include <span>

#include "dialect/kumo/api.h"

namespace postern::dialect::kumo {

std::span<const Module> helper_modules();

}  // namespace postern::dialect::kumo
