// One-time links: what lets somebody in who has no password yet, or no longer. The token is shown
// once, to whom the link is given; the store knows its hash.
#pragma once

#include "admin/core.h"
#include "admin/router.h"

namespace postern::admin {

inline constexpr std::chrono::hours invitation_lifetime{7 * 24};
inline constexpr std::chrono::hours reset_lifetime{1};
/// One sentence for unknown, used and expired: who guesses learns nothing.
inline constexpr std::string_view dead_link =
    "the link is not valid: it was used, has expired or never was one";

/// A link that is not stored yet.
struct NewLink {
  store::LinkRow row;  ///< id, kind, created_at and expires_at; the rest is the caller's to fill
  Secret hash;         ///< for store::Store::create_link()
  std::string url;     ///< holds the token: for whom it is meant, never for a log
};
/// `public_url` without a slash at its end.
NewLink new_link(store::LinkRow::Kind kind, std::string_view public_url, store::Time now);

/// The link of this token; nullopt when there is none. Counts a wrong one as a guess, throws 429
/// after too many.
Task<std::optional<store::LinkRow>> find_link(Core& core, const Call& call, Secret token);

class Links {
 public:
  explicit Links(Core& core) : core_(core) {}
  void add_routes(Router& router);

 private:
  Task<net::HttpResponse> show(Call& call);
  Task<net::HttpResponse> reset(Call& call);

  Core& core_;
};

}  // namespace postern::admin
