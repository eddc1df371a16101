// Identifies callers: by a session's access token, an API token, or the cookie of the web pages.
#pragma once

#include "admin/access_watch.h"
#include "admin/core.h"
#include "admin/router.h"
#include "store/operators.h"

namespace postern::admin {

/// Name of the cookie. With https it has the prefix `__Host-`, so browsers refuse to accept it over
/// http or from another host of the domain (RFC 6265bis §4.1.3.2).
std::string_view cookie_name(const Options& options);

/// An admitted caller of a long request, with what is needed to judge it again.
struct Guest {
  /// `core` must outlive this.
  Guest(Core& core, const Call& call, Access wanted);
  /// Whether nothing has changed since the last judgement, and the session or token has not
  /// expired.
  bool is_settled() const;
  Call call;          ///< without body
  Access access;      ///< required by the route
  AccessWatch watch;  ///< changes of the caller's access
  bool over = false;  ///< the access has ended
};

/// Judges every call. Methods may be called on any event loop.
class Authenticator {
 public:
  /// `core` must outlive this.
  explicit Authenticator(Core& core)
      : core_(core), operators_(core.deps.store, core.options.operators) {}

  /// Fills in call.caller. Throws 401 or 403 if the caller's token or role is not sufficient for
  /// `access`, or if a write comes from another site. Access::open requires no caller.
  Task<void> admit(Call& call, Access access);
  /// What admit() would throw now; nullopt: it would admit the guest.
  Task<std::optional<Refusal>> judge_again(Guest& guest);
  /// Waits until the guest would no longer be admitted, and returns the refusal. Judges again after
  /// each change, and when the session or token expires.
  Task<Refusal> end_of_access(Guest& guest);
  /// Whether the bearer token is that of the control file; then the caller is the command line.
  bool admit_control(Call& call) const;
  /// Whether this team operates the gateway. Blocks on the disk.
  bool is_operator(const std::string& team) const { return unwrap(operators_.contains(team)); }
  /// The same, on the API's event loop.
  Task<bool> operates_gateway(std::string team);
  /// Throws 403 unless the admitted caller's team operates the gateway.
  Task<void> admit_operator(const Call& call);
  /// The caller of a valid cookie; nullopt otherwise. For pages, which redirect instead of
  /// refusing.
  Task<std::optional<Caller>> cookie_caller(const Call& call);
  /// Throws 403 unless X-CSRF-Token has the session's CSRF token. For admitted writes with a
  /// cookie.
  void check_same_site(const Call& call, std::string_view session_id) const;

 private:
  /// Throws 403 if a browser sends the request from another site than public_url, or than an
  /// address or localhost in Host. A request without Origin (RFC 6454 §7) does not come from a
  /// browser.
  void check_origin(const Call& call) const;
  Task<Caller> session_caller(const Call& call, std::string token);
  /// Blocks on the disk.
  Caller api_token_caller(const std::string& token, Access access, const IpAddress& client,
                          store::Time now) const;
  /// The caller of a session that has not ended; nullopt otherwise.
  Task<std::optional<Caller>> live_session(Caller::Kind kind, const Claims& claims,
                                           store::Time now);

  Core& core_;
  const store::Operators operators_;
};

}  // namespace postern::admin
