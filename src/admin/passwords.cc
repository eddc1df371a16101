#include "admin/passwords.h"

#include <new>
#include <stdexcept>

#include <sodium.h>

namespace postern::admin {

Secret hash_password(const Secret& password, Argon2Cost cost) {
  char text[crypto_pwhash_STRBYTES] = {};
  const int failed = crypto_pwhash_str_alg(text, password.reveal().data(), password.size(),
                                           cost.passes, cost.memory, crypto_pwhash_ALG_ARGON2ID13);
  if (failed != 0) throw std::bad_alloc();
  return Secret(text);
}

bool is_password(const Secret& password, const Secret& hash) {
  return crypto_pwhash_str_verify(hash.reveal().c_str(), password.reveal().data(),
                                  password.size()) == 0;
}

Passwords::Passwords(net::WorkPool& pool, Argon2Cost cost, std::chrono::milliseconds patience)
    : pool_(pool), cost_(cost), patience_(patience) {
  if (sodium_init() < 0) throw std::runtime_error("libsodium does not start");
}

Task<Result<Secret>> Passwords::hash(net::Turn turn, Secret password) {
  turn.patience = patience_;
  auto work = [password = std::move(password), cost = cost_] {
    return hash_password(password, cost);
  };
  Result<Secret> made = co_await pool_.run(std::move(turn), std::move(work));
  co_return made;
}

Task<Result<PasswordCheck>> Passwords::check(net::Turn turn, Secret password, Secret hash) {
  turn.patience = patience_;
  auto work = [password = std::move(password), stored = std::move(hash), cost = cost_] {
    if (stored.empty()) {
      hash_password(password, cost);
      return PasswordCheck::wrong;
    }
    if (!is_password(password, stored)) return PasswordCheck::wrong;
    const bool weak =
        crypto_pwhash_str_needs_rehash(stored.reveal().c_str(), cost.passes, cost.memory) != 0;
    return weak ? PasswordCheck::right_but_weak_hash : PasswordCheck::right;
  };
  Result<PasswordCheck> checked = co_await pool_.run(std::move(turn), std::move(work));
  co_return checked;
}

}  // namespace postern::admin
