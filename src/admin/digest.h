#pragma once

#include <string>
#include <string_view>

#include "base/secret.h"
#include "base/hmac.h"
#include "base/sha256.h"

namespace postern::admin {

std::string random_bytes(std::size_t n);
bool equal_in_constant_time(std::string_view a, std::string_view b);

}  // namespace postern::admin
