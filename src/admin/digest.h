#pragma once

#include <string>
#include <string_view>

#include "base/secret.h"
#include "base/hmac.h"
#include "base/sha256.h"

namespace postern::admin {

/// Octets from the system's cryptographic generator.
std::string random_bytes(std::size_t n);
/// Compares secrets; the time depends only on the lengths.
bool equal_in_constant_time(std::string_view a, std::string_view b);

}  // namespace postern::admin
