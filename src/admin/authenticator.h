// Who is calling: a session's access token, an API token, or the cookie of the web pages.
#pragma once

#include "admin/access_watch.h"
#include "admin/core.h"
#include "admin/router.h"
#include "store/operators.h"

namespace postern::admin {

/// The name of the pages' cookie. With https it has the prefix that makes browsers refuse it from
/// another host of the domain or over http (RFC 6265bis §4.1.3.2).
std::string_view cookie_name(const Options& options);

/// A caller who was let in and stays: what is needed to judge it again.
struct Guest {
  Guest(Core& core, const Call& call, Access wanted);
  /// Nothing has changed since it was judged, and its time is not over.
  bool is_settled() const;
  Call call;  ///< without body
  Access access;
  AccessWatch watch;
  bool over = false;
};

class Authenticator {
 public:
  explicit Authenticator(Core& core)
      : core_(core), operators_(core.deps.store, core.options.operators) {}

  /// Fills call.caller. Throws 401 or 403 when `access` wants more than the caller has, be it of a
  /// token or of a role, or when a write comes from another site; for Access::open nobody is asked
  /// for more than that.
  Task<void> admit(Call& call, Access access);
  /// What admit() would tell the guest now; nullopt: it would let it in.
  Task<std::optional<Refusal>> judge_again(Guest& guest);
  /// Returns when the guest would no longer be let in, with what it would be told. Asks when
  /// something has changed, and at the end of a session's or token's time.
  Task<Refusal> end_of_access(Guest& guest);
  /// True when the bearer token is that of the control file: then the caller is the command line.
  bool admit_control(Call& call) const;
  /// Whether this team may see and change what is the gateway's.
  Task<bool> operates_gateway(std::string team);
  /// Throws 403 unless the caller, who was admitted, is of such a team.
  Task<void> admit_operator(const Call& call);
  /// The account and session behind the cookie, if it is good; for pages, which redirect instead.
  Task<std::optional<Caller>> cookie_caller(const Call& call);
  /// Throws 403 unless a write with a cookie, which was admitted, has the session's CSRF token in
  /// X-CSRF-Token.
  void check_same_site(const Call& call, std::string_view session_id) const;

 private:
  /// Throws 403 when a browser sends the request for another site than ours: public_url, or an
  /// address or localhost that Host names, too. Without Origin (RFC 6454 §7) it is no browser.
  void check_origin(const Call& call) const;
  Task<Caller> session_caller(const Call& call, std::string token);
  Task<Caller> api_token_caller(const Call& call, std::string token, Access access);
  /// The caller of a session that has not ended; nullopt otherwise.
  Task<std::optional<Caller>> live_session(Caller::Kind kind, const Claims& claims,
                                           store::Time now);

  Core& core_;
  const store::Operators operators_;
};

}  // namespace postern::admin
