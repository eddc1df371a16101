// Time-based one-time passwords (RFC 6238 §4): SHA-1, six digits, steps of 30 seconds.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/secret.h"

namespace postern::admin {

/// 20 random octets in base32 without padding (RFC 4648 §6), as authenticator apps expect.
Secret new_totp_secret();
/// The code of one step (RFC 4226 §5.3). Empty if `secret` is not base32.
std::string totp_code(const Secret& secret, std::int64_t step);
/// The step of a time (RFC 6238 §4.2).
std::int64_t totp_step(std::int64_t unix_seconds);
/// The step with this code, among the current one and its neighbours (RFC 6238 §5.2); nullopt:
/// none.
std::optional<std::int64_t> match_totp(const Secret& secret, std::string_view code,
                                       std::int64_t unix_seconds);
/// otpauth://totp/Postern:<email>?secret=...&issuer=Postern
std::string otpauth_url(std::string_view email, const Secret& secret);

/// Ten codes, each two groups of five characters with a hyphen between them: 50 random bits.
std::vector<std::string> new_backup_codes();
/// A backup code as it is stored: SHA-256 of the lower-case code without blanks and hyphens.
Secret backup_code_hash(std::string_view code);

}  // namespace postern::admin
