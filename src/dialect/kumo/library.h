// The `kumo` library: one table of host functions per file lib_*.cc. A row both registers and
// documents a function.
#pragma once

#include <stdexcept>
#include <utility>
#include <vector>

#include "base/error.h"
#include "script/bind.h"

namespace postern::dialect::kumo {

script::HostTable crypto_functions();    ///< kumo.crypto
script::HostTable digest_functions();    ///< kumo.digest
script::HostTable dns_functions();       ///< kumo.dns
script::HostTable encode_functions();    ///< kumo.encode
script::HostTable http_functions();      ///< kumo.http
script::HostTable log_functions();       ///< kumo.log_* and print
script::HostTable regex_functions();     ///< kumo.regex
script::HostTable secrets_functions();   ///< kumo.secrets
script::HostTable serde_functions();     ///< kumo.serde
script::HostTable sqlite_functions();    ///< sqlite
script::HostTable string_functions();    ///< kumo.string
script::HostTable throttle_functions();  ///< kumo.make_throttle
script::HostTable time_functions();      ///< kumo.time and sleep
script::HostTable uuid_functions();      ///< kumo.uuid
script::HostTable version_functions();   ///< kumo.version

/// All tables of the library.
std::vector<script::HostTable> library();

/// The value of a result. Throws std::runtime_error with the error's sentence if there is none.
template <class T>
T value_of(Result<T> result) {
  if (!result) throw std::runtime_error(result.error().message);
  if constexpr (!std::is_void_v<T>) return std::move(*result);
}

/// The most octets of a text that a function of the library makes. Memory of host functions is not
/// charged to the script, so each function has its own limit.
inline constexpr std::size_t largest_text = 16u << 20;
/// The most elements of a list.
inline constexpr std::size_t longest_list = 1'000'000;

}  // namespace postern::dialect::kumo
