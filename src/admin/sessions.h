// Signing in and out: passwords, second factors, refresh tokens, and the cookie of the web pages.
#pragma once

#include <mutex>
#include <string>
#include <unordered_map>

#include "admin/authenticator.h"
#include "admin/core.h"
#include "admin/router.h"

namespace postern::admin {

/// Sign-ins whose password was right and whose second factor is awaited. Bounded; lost at a
/// restart.
class Challenges {
 public:
  /// The token to answer with: valid for five minutes and five tries.
  std::string open(const std::string& account, store::Time now);
  /// The account behind the token, counting one try; nullopt when unknown, late or used up.
  std::optional<std::string> attempt(const std::string& token, store::Time now);
  void close(const std::string& token);

 private:
  struct Challenge {
    std::string account;
    store::Time expires;
    int tries = 0;
  };
  std::mutex mutex_;
  std::unordered_map<std::string, Challenge> open_;
};

class Sessions {
 public:
  Sessions(Core& core, Authenticator& authenticator) : core_(core), authenticator_(authenticator) {}
  void add_routes(Router& router);

  /// True when `code` is the account's TOTP code of now, or one of its backup codes; it is spent
  /// then.
  Task<bool> take_second_factor(const store::AccountRow& account, std::string code,
                                store::Time now);

 private:
  enum class Carrier { tokens, cookie };  ///< how the caller keeps the session
  enum class Proof { password, password_and_code };

  Task<net::HttpResponse> create(Call& call);
  Task<net::HttpResponse> login(Call& call);
  Task<net::HttpResponse> complete(Call& call);
  Task<net::HttpResponse> refresh(Call& call);
  Task<net::HttpResponse> end(Call& call);
  Task<net::HttpResponse> create_cookie(Call& call);
  Task<net::HttpResponse> complete_cookie(Call& call);
  Task<net::HttpResponse> show_cookie(Call& call);
  Task<net::HttpResponse> end_cookie(Call& call);

  /// The account whose password this is; throws 401, 422 or 429.
  Task<store::AccountRow> sign_in(Call& call, std::string email, Secret password);
  Task<store::AccountRow> second_step(Call& call);
  Task<net::HttpResponse> first_step(Call& call, std::string email, Secret password,
                                     Carrier carrier);
  Task<net::HttpResponse> start(Call& call, const store::AccountRow& account, Carrier carrier,
                                Proof proof);
  /// What a page asks first: the account, and the token that its writes must bear.
  Task<net::HttpResponse> cookie_answer(store::AccountRow account, std::string session);
  Task<void> note_end(const Call& call, std::string person, std::string session);
  net::HttpResponse token_pair(const Call& call, std::string account, std::string session,
                               const Secret& refresh);
  std::string cookie(const std::string& value, std::chrono::seconds lifetime) const;

  Core& core_;
  Authenticator& authenticator_;
  Challenges challenges_;
};

}  // namespace postern::admin
