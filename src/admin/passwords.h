// Passwords of accounts: Argon2id, off the event loop.
#pragma once

#include <chrono>
#include <string>

#include "base/secret.h"
#include "net/work_pool.h"

namespace postern::admin {

/// What one hash costs. The defaults take about 50 ms and 64 MiB; tests take the least there is.
struct Argon2Cost {
  unsigned long long passes = 2;
  std::size_t memory = std::size_t{64} << 20;  ///< octets
};

/// The hash to store, made on the calling thread. Throws std::bad_alloc when its memory is not to
/// be had.
Secret hash_password(const Secret& password, Argon2Cost cost = {});

/// Whether it is the password of a stored hash; takes as long as the hash took.
bool is_password(const Secret& password, const Secret& hash);

enum class PasswordCheck { wrong, right, right_but_weak_hash };

class Passwords {
 public:
  /// The pool outlives this. `patience`: how long a hash waits for a thread; 0: no limit.
  Passwords(net::WorkPool& pool, Argon2Cost cost, std::chrono::milliseconds patience);

  /// `turn`: whose it is. Fault::temporary when the pool is full, or the turn did not come in time.
  Task<Result<Secret>> hash(net::Turn turn, Secret password);
  /// An empty `hash` is one that no password has: it costs what a real one does.
  Task<Result<PasswordCheck>> check(net::Turn turn, Secret password, Secret hash);

 private:
  net::WorkPool& pool_;
  Argon2Cost cost_;
  const std::chrono::milliseconds patience_;
};

}  // namespace postern::admin
