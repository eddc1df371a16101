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
  net::HttpResponse show(const Call& call) const;
  Task<net::HttpResponse> remove(Call& call);
  Task<net::HttpResponse> change_password(Call& call);
  Task<net::HttpResponse> change_email(Call& call);
  net::HttpResponse set_timezone(const Call& call) const;
  net::HttpResponse begin_totp(const Call& call) const;
  net::HttpResponse confirm_totp(const Call& call) const;
  net::HttpResponse disable_totp(const Call& call) const;
  net::HttpResponse renew_backup_codes(const Call& call) const;
  net::HttpResponse enable_signing_key(const Call& call) const;
  net::HttpResponse disable_signing_key(const Call& call) const;

  struct Newcomer;
  /// The account to make, without the hash of its password. Blocks on the disk.
  Newcomer newcomer_of(const Call& call) const;
  /// Throws 403 if sign-up needs a link, or if the first account may not be created from this
  /// address. Blocks on the disk.
  void admit_newcomer(const Call& call) const;
  /// The owner's link or invitation of `token`, if this e-mail address may use it; throws 403 or
  /// 429. Blocks on the disk.
  store::LinkRow admit_invited(const Call& call, const Secret& token,
                               const std::string& email) const;
  /// The caller's account. Blocks on the disk.
  store::AccountRow own(const Call& call) const;
  /// 200 with the caller's account. Blocks on the disk.
  net::HttpResponse described(const Call& call) const;
  /// Spends the member "code" of the body, a second factor. Returns the account. Blocks on the
  /// disk.
  store::AccountRow confirm_code(const Call& call) const;
  /// Deletes the account with all its objects. Blocks on the disk.
  net::HttpResponse erase(const Call& call, const store::AccountRow& account) const;
  /// Removes the person from the account. Blocks on the disk.
  net::HttpResponse leave(const Call& call, const store::AccountRow& account) const;
  /// The caller's account; throws 401 unless this is its password.
  Task<store::AccountRow> confirm_password(const Call& call, Secret password);

  Core& core_;
  Authenticator& authenticator_;
  Sessions& sessions_;
};

/// Whether `name`, like "Europe/Copenhagen", is a zone in the IANA database at `zoneinfo`. Reads a
/// file.
bool is_timezone(std::string_view name, const std::string& zoneinfo);

}  // namespace postern::admin
