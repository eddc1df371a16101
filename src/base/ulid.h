#pragma once

#include <chrono>
#include <string>
#include <string_view>

namespace postern {

/// A new ULID: 26 characters of Crockford base32, made of 48 bits of Unix time in milliseconds and
/// 80 random bits. ULIDs sort by time; the order within one millisecond is arbitrary. Thread-safe.
std::string new_ulid();
/// As above, for the given time.
std::string new_ulid(std::chrono::system_clock::time_point at);
/// The lowest ULID of a time: new_ulid() of this time or later is not below it.
std::string first_ulid(std::chrono::system_clock::time_point at);
/// A ULID-shaped id made of 16 given bytes (a hash), for ids that must be reproducible. Missing
/// bytes are zero.
std::string ulid_from_bytes(std::string_view sixteen_bytes);
/// The 16 octets of a ULID, as ulid_from_bytes() takes them; their order is that of the texts. Empty:
/// it is none.
std::string ulid_octets(std::string_view text);
/// 26 characters of 0-9 A-Z without I L O U, the first at most 7. Lower case is not accepted.
bool is_ulid(std::string_view text);
/// `prefix` and a new ULID, as in "pol_01HX…".
inline std::string new_id(std::string_view prefix) { return std::string(prefix) + new_ulid(); }

}  // namespace postern
