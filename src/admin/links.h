// One-time links for people without a password: new people, and those who forgot theirs. The token
// is shown once, to the creator of the link; the store has its hash.
#pragma once

#include "admin/core.h"
#include "admin/router.h"

namespace postern::admin {

/// Validity of an invitation.
inline constexpr std::chrono::hours invitation_lifetime{7 * 24};
/// Validity of a password reset link.
inline constexpr std::chrono::hours reset_lifetime{1};
/// The same message for unknown, used and expired links, so that guessing reveals nothing.
inline constexpr std::string_view dead_link =
    "the link is not valid: it was used, has expired, or was never issued";

/// A link to be stored.
struct NewLink {
  store::LinkRow row;  ///< with id, kind, created_at and expires_at; the caller sets the rest
  Secret hash;         ///< for store::Store::create_link()
  std::string url;     ///< contains the token: only for its recipient, never for a log
};
/// A link with a random token. `public_url`: no trailing slash.
NewLink new_link(store::LinkRow::Kind kind, std::string_view public_url, store::Time now);

/// The valid link of this token; nullopt: none. Counts an invalid token as a guess; throws 429
/// after too many. Blocks on the disk.
std::optional<store::LinkRow> find_link(Core& core, const Call& call, const Secret& token);

/// Endpoints of links.
class Links {
 public:
  /// `core` must outlive this.
  explicit Links(Core& core) : core_(core) {}
  /// Adds the routes. This must outlive `router`.
  void add_routes(Router& router);

 private:
  net::HttpResponse show(const Call& call) const;
  Task<net::HttpResponse> reset(Call& call);

  Core& core_;
};

}  // namespace postern::admin
