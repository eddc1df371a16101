// Access tokens and cookies as JSON Web Tokens (RFC 7519 §3) with one algorithm, HS256, fixed by
// the key (RFC 8725 §3.1). The key is chosen by its id among ours; a token cannot name any other
// key.
#pragma once

#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "base/secret.h"
#include "store/records.h"

namespace postern::store {
class Store;
}

namespace postern::admin {

/// What a token may be used for; a token of one kind is refused as the other.
/// `second_factor`: the password of a sign-in was right, and its code is asked for.
enum class TokenUse { access, cookie, second_factor };

/// The claims of a token.
struct Claims {
  TokenUse use = TokenUse::access;  ///< claim `use`
  std::string account_id;           ///< `sub`: the person's account
  std::string session_id;           ///< `sid`; empty for a second factor
  store::Time issued_at;            ///< `iat`
  store::Time expires_at;           ///< `exp`
};

/// Since 1970-01-01 UTC, as NumericDate of RFC 7519 §2 has it.
inline std::int64_t unix_seconds(store::Time time) {
  return std::chrono::duration_cast<std::chrono::seconds>(time.time_since_epoch()).count();
}

/// Allowed difference between the clocks of two nodes.
inline constexpr std::chrono::seconds clock_skew{60};
/// Validity of an access token.
inline constexpr std::chrono::seconds access_lifetime{900};
/// Validity of a cookie.
inline constexpr std::chrono::hours cookie_lifetime{7 * 24};

/// How long a sign-in waits for its second factor.
inline constexpr std::chrono::minutes challenge_lifetime{5};

/// Why a token is refused.
enum class TokenFault { malformed, forged, expired };

/// The keys that sign and verify tokens. Copies are independent; const methods are safe from any
/// thread.
class TokenKeys {
 public:
  /// `keys`: newest first, at least one. The first key signs; all verify.
  explicit TokenKeys(std::vector<store::SigningKeyRow> keys) : keys_(std::move(keys)) {}
  /// Reads the keys. Creates a new key if the newest is 30 days old, and deletes keys too old for
  /// any valid token. Blocks on the disk. Errors: the store's.
  static Result<TokenKeys> load(store::Store& store, store::Time now);

  /// A token with these claims.
  std::string sign(const Claims& claims) const;
  /// The claims of a token, if it is valid at `now` for this use.
  tl::expected<Claims, TokenFault> verify(std::string_view token, TokenUse use,
                                          store::Time now) const;

 private:
  const store::SigningKeyRow* find(std::string_view kid) const;

  std::vector<store::SigningKeyRow> keys_;  ///< newest first
};

}  // namespace postern::admin
