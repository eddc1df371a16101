// The manual page of the API, made from the tables that register the functions.
#pragma once

#include <string>

namespace postern::dialect::vsl {

/// The text of docs/vsl-api.md.
std::string api_manual();

}  // namespace postern::dialect::vsl
