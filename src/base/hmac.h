// HMAC (RFC 2104 §2).
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "base/secret.h"

namespace postern {

/// The HMAC of the concatenated pieces. `digest` is OpenSSL's name of a hash function: "SHA1",
/// "SHA256", "SHA512". Returns as many octets as the hash function does. Throws std::bad_alloc,
/// also when the hash function is not available. Thread-safe.
std::string hmac(const char* digest, std::string_view key,
                 std::span<const std::string_view> pieces);

/// HMAC with SHA-256: 32 octets. Throws and may be called as hmac().
std::string hmac_sha256(std::string_view key, std::string_view text);
/// As above.
std::string hmac_sha256(const Secret& key, std::string_view text);

}  // namespace postern
