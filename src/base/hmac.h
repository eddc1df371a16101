// HMAC (RFC 2104).
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "base/secret.h"

namespace postern {

/// Of the pieces as if joined. `digest` is OpenSSL's name of a hash function: "SHA1", "SHA256",
/// "SHA512". The result has that function's size in octets. Throws std::bad_alloc, also for a hash
/// function that the system does not have. For any thread.
std::string hmac(const char* digest, std::string_view key,
                 std::span<const std::string_view> pieces);

/// With SHA-256: 32 octets.
std::string hmac_sha256(std::string_view key, std::string_view text);
std::string hmac_sha256(const Secret& key, std::string_view text);

}  // namespace postern
