// The caller's own account: sign-up, password, time zone, second factor, and the team's signing
// key.
#pragma once

#include "admin/core.h"
#include "admin/router.h"
#include "admin/sessions.h"

namespace postern::admin {

/// Endpoints of the account.
class Accounts {
 public:
  /// All must outlive this.
  Accounts(Core& core, Authenticator& authenticator, Sessions& sessions)
      : core_(core), authenticator_(authenticator), sessions_(sessions) {}
  /// Adds the routes. This must outlive `router`.
  void add_routes(Router& router);

 private:
  Task<net::HttpResponse> create(Call& call);
  Task<net::HttpResponse> show(Call& call);
  Task<net::HttpResponse> remove(Call& call);
  Task<net::HttpResponse> change_password(Call& call);
  Task<net::HttpResponse> change_email(Call& call);
  Task<net::HttpResponse> set_timezone(Call& call);
  Task<net::HttpResponse> begin_totp(Call& call);
  Task<net::HttpResponse> confirm_totp(Call& call);
  Task<net::HttpResponse> disable_totp(Call& call);
  Task<net::HttpResponse> renew_backup_codes(Call& call);
  Task<net::HttpResponse> enable_signing_key(Call& call);
  Task<net::HttpResponse> disable_signing_key(Call& call);

  /// Throws 403 if sign-up needs a link, or if the first account may not be created from this
  /// address.
  Task<void> admit_newcomer(const Call& call);
  /// The owner's link or invitation of `token`, if this e-mail address may use it; throws 403 or
  /// 429.
  Task<store::LinkRow> admit_invited(const Call& call, Secret token, std::string email);
  Task<net::HttpResponse> leave(Call& call, store::AccountRow account);
  Task<store::AccountRow> own(const Call& call);
  /// Throws 401 unless this is the account's password.
  Task<void> confirm_password(const Call& call, const store::AccountRow& account, Secret password);

  Core& core_;
  Authenticator& authenticator_;
  Sessions& sessions_;
};

/// Whether `name`, like "Europe/Copenhagen", is a zone in the IANA database at `zoneinfo`. Reads a
/// file.
bool is_timezone(std::string_view name, const std::string& zoneinfo);

}  // namespace postern::admin
