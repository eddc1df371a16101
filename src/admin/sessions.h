// Signing in and out: passwords, second factors, refresh tokens, and the cookie of the web pages.
#pragma once

#include <mutex>
#include <string>
#include <unordered_map>

#include "admin/authenticator.h"
#include "admin/core.h"
#include "admin/router.h"

namespace postern::admin {

/// Sign-ins with a correct password that wait for the second factor. Bounded, kept in memory.
/// Thread-safe.
class Challenges {
 public:
  /// A new token, valid for five minutes and five attempts. Throws 503 if there are too many.
  std::string open(const std::string& account, store::Time now);
  /// Counts an attempt and returns the account; nullopt: unknown, expired or no attempts left.
  std::optional<std::string> attempt(const std::string& token, store::Time now);
  /// Ends the challenge.
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

/// Endpoints of sessions.
class Sessions {
 public:
  /// All must outlive this.
  Sessions(Core& core, Authenticator& authenticator) : core_(core), authenticator_(authenticator) {}
  /// Adds the routes. This must outlive `router`.
  void add_routes(Router& router);

  /// Whether `code` is the account's current TOTP code or one of its backup codes. If so, the code
  /// is spent.
  Task<bool> take_second_factor(const store::AccountRow& account, std::string code,
                                store::Time now);

 private:
  enum class Carrier { tokens, cookie };  ///< how the client keeps the session
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

  /// The account with this password; throws 401, 422 or 429.
  Task<store::AccountRow> sign_in(Call& call, std::string email, Secret password);
  Task<store::AccountRow> second_step(Call& call);
  Task<net::HttpResponse> first_step(Call& call, std::string email, Secret password,
                                     Carrier carrier);
  Task<net::HttpResponse> start(Call& call, const store::AccountRow& account, Carrier carrier,
                                Proof proof);
  /// For a page: the account, and the CSRF token for its writes.
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
