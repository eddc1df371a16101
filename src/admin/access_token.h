// Signed tokens that say who is calling: JSON Web Tokens with one algorithm, HS256, fixed by the
// key (RFC 8725 §3.1). A key is chosen by its id among ours; nothing in a token can name another
// one.
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

/// What a token may be used as; one kind is never taken for the other.
enum class TokenUse { access, cookie };

struct Claims {
  TokenUse use = TokenUse::access;
  std::string account_id;
  std::string session_id;
  store::Time issued_at;
  store::Time expires_at;
};

/// A clock of another node may differ by this much.
inline constexpr std::chrono::seconds clock_skew{60};
inline constexpr std::chrono::seconds access_lifetime{900};
inline constexpr std::chrono::hours cookie_lifetime{7 * 24};

enum class TokenFault { malformed, forged, expired };

class TokenKeys {
 public:
  /// The first key signs; all that are not retired too long verify.
  explicit TokenKeys(std::vector<store::SigningKeyRow> keys) : keys_(std::move(keys)) {}
  /// Reads the keys, makes a new one when the newest is 30 days old, and drops those that no valid
  /// token can name any more. Blocks.
  static Result<TokenKeys> load(store::Store& store, store::Time now);

  std::string sign(const Claims& claims) const;
  tl::expected<Claims, TokenFault> verify(std::string_view token, TokenUse use,
                                          store::Time now) const;

 private:
  const store::SigningKeyRow* find(std::string_view kid) const;

  std::vector<store::SigningKeyRow> keys_;  ///< newest first
};

}  // namespace postern::admin
