// The `kumo` library: tables of host functions, one file lib_*.cc each. A row is the registration
// and the manual at once.
#pragma once

#include <stdexcept>
#include <utility>
#include <vector>

#include "base/error.h"
#include "script/bind.h"

namespace postern::dialect::kumo {

script::HostTable crypto_functions();
script::HostTable digest_functions();
script::HostTable dns_functions();
script::HostTable encode_functions();
script::HostTable http_functions();
script::HostTable log_functions();
script::HostTable regex_functions();
script::HostTable secrets_functions();
script::HostTable serde_functions();
script::HostTable sqlite_functions();
script::HostTable string_functions();
script::HostTable time_functions();
script::HostTable uuid_functions();
script::HostTable version_functions();

/// All of them.
std::vector<script::HostTable> library();

/// The value; without one its sentence becomes an error of the script.
template <class T>
T value_of(Result<T> result) {
  if (!result) throw std::runtime_error(result.error().message);
  if constexpr (!std::is_void_v<T>) return std::move(*result);
}

/// No function of the library makes a text of more octets: memory of the host's functions is not
/// the script's, so each of them bounds its own.
inline constexpr std::size_t largest_text = 16u << 20;
/// Nor a list of more elements.
inline constexpr std::size_t longest_list = 1'000'000;

}  // namespace postern::dialect::kumo
