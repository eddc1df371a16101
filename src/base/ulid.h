#pragma once

#include <chrono>
#include <string>
#include <string_view>

namespace postern {

/// A new ULID: 26 characters of Crockford base32, 48 bits of Unix milliseconds then 80 random bits.
/// Sorts by time; values made in the same millisecond are in no particular order. Thread-safe.
std::string new_ulid();
std::string new_ulid(std::chrono::system_clock::time_point at);
/// The same shape out of 16 given bytes (a hash), for ids that must repeat.
std::string ulid_from_bytes(std::string_view sixteen_bytes);
/// 26 characters of 0-9 A-Z without I L O U; compared exactly, so lower case is none.
bool is_ulid(std::string_view text);
/// `prefix` + ULID, as in "pol_01HX…".
inline std::string new_id(std::string_view prefix) { return std::string(prefix) + new_ulid(); }

}  // namespace postern
