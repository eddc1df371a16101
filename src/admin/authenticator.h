// Who is calling: a session's access token, an API token, or the cookie of the web pages.
#pragma once

#include "admin/core.h"
#include "admin/router.h"

namespace postern::admin {

inline constexpr std::string_view cookie_name = "postern_session";

class Authenticator {
 public:
  explicit Authenticator(Core& core) : core_(core) {}

  /// Fills call.caller. Throws 401 or 403 when `access` wants more than the caller has; for
  /// Access::open nobody is asked for anything.
  Task<void> admit(Call& call, Access access);
  /// True when the bearer token is that of the control file: then the caller is the command line.
  bool admit_control(Call& call) const;
  /// Whether the caller, who was admitted, may see what is the gateway's.
  Task<bool> is_operator(const Call& call);
  /// Throws 403 unless the caller, who was admitted, is an operator.
  Task<void> admit_operator(const Call& call);
  /// The account and session behind the cookie, if it is good; for pages, which redirect instead.
  Task<std::optional<Caller>> cookie_caller(const Call& call);
  /// Throws 403 unless a write with a cookie comes from our own pages: same origin, and the
  /// session's CSRF token in X-CSRF-Token.
  void check_same_site(const Call& call, std::string_view session_id) const;
  /// The same without a session to protect (sign-in by a page): the origin alone.
  void check_origin(const Call& call) const;

 private:
  Task<Caller> session_caller(const Call& call, std::string token);
  Task<Caller> api_token_caller(const Call& call, std::string token, Access access);
  Task<bool> session_lives(const Claims& claims, store::Time now);

  Core& core_;
};

}  // namespace postern::admin
