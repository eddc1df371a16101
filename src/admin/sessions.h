// Signing in and out: passwords, second factors, refresh tokens, and the cookie of the web pages.
#pragma once

#include <string>

#include "admin/authenticator.h"
#include "admin/core.h"
#include "admin/router.h"
#include "admin/tries.h"

namespace postern::admin {

/// Codes that may be tried after one right password.
inline constexpr int codes_of_sign_in = 5;

/// Endpoints of sessions.
class Sessions {
 public:
  /// All must outlive this.
  Sessions(Core& core, Authenticator& authenticator)
      : core_(core),
        authenticator_(authenticator),
        codes_(core.deps.tries, "codes_per_sign_in", codes_of_sign_in, 2 * challenge_lifetime) {}
  /// Adds the routes. This must outlive `router`.
  void add_routes(Router& router);

  /// Whether `code` is the account's current TOTP code or one of its backup codes. If so, the code
  /// is spent. Blocks on the disk.
  bool take_second_factor(const store::AccountRow& account, const std::string& code,
                          store::Time now) const;

 private:
  enum class Carrier { tokens, cookie };  ///< how the client keeps the session
  enum class Proof { password, password_and_code };

  Task<net::HttpResponse> create(Call& call);
  Task<net::HttpResponse> login(Call& call);
  net::HttpResponse complete(const Call& call) const;
  net::HttpResponse refresh(const Call& call) const;
  net::HttpResponse end(const Call& call) const;
  Task<net::HttpResponse> create_cookie(Call& call);
  net::HttpResponse complete_cookie(const Call& call) const;
  net::HttpResponse show_cookie(const Call& call) const;
  net::HttpResponse end_cookie(const Call& call) const;

  /// The account with this password; throws 401, 422 or 429.
  Task<store::AccountRow> sign_in(Call& call, std::string email, Secret password);
  Task<net::HttpResponse> first_step(Call& call, std::string email, Secret password,
                                     Carrier carrier);
  // The rest blocks on the disk.
  store::AccountRow second_step(const Call& call) const;
  net::HttpResponse start(const Call& call, const store::AccountRow& account, Carrier carrier,
                          Proof proof) const;
  /// For a page: the account, and the CSRF token for its writes.
  net::HttpResponse cookie_answer(const store::AccountRow& account,
                                  const std::string& session) const;
  void note_end(const Call& call, const std::string& person, const std::string& session) const;
  net::HttpResponse token_pair(const Call& call, std::string account, std::string session,
                               const Secret& refresh) const;
  std::string cookie(const std::string& value, std::chrono::seconds lifetime) const;

  Core& core_;
  Authenticator& authenticator_;
  mutable Tries codes_;  ///< by the token of the sign-in
};

}  // namespace postern::admin
