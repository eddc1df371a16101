// The manual page of what scripts can call, made from the tables that register the functions.
#pragma once

#include <string>

namespace postern::dialect::vsl {

/// docs/vsl-api.md
std::string api_manual();

}  // namespace postern::dialect::vsl
