// Time-based one-time passwords (RFC 6238): SHA-1, six digits, steps of 30 seconds.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/secret.h"

namespace postern::admin {

/// 20 random octets in base32 without padding (RFC 4648 §6), as authenticator apps take them.
Secret new_totp_secret();
/// RFC 4226 §5.3 for one step of `secret` (base32). Empty for a secret that is no base32.
std::string totp_code(const Secret& secret, std::int64_t step);
std::int64_t totp_step(std::int64_t unix_seconds);
/// The step whose code this is, among the current one and its neighbours (RFC 6238 §5.2).
std::optional<std::int64_t> match_totp(const Secret& secret, std::string_view code,
                                       std::int64_t unix_seconds);
/// otpauth://totp/Postern:<email>?secret=...&issuer=Postern
std::string otpauth_url(std::string_view email, const Secret& secret);

/// Ten codes of the form `xxxxx-xxxxx`, 50 random bits each.
std::vector<std::string> new_backup_codes();
/// As backup codes are stored and looked up: SHA-256 of the code in lower case without blanks and
/// hyphens.
Secret backup_code_hash(std::string_view code);

}  // namespace postern::admin
