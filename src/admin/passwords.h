// Account passwords: Argon2id (RFC 9106 §3), off the event loop.
#pragma once

#include <chrono>
#include <string>

#include "base/secret.h"
#include "net/work_pool.h"

namespace postern::admin {

/// The cost of a hash. The defaults take about 50 ms and 64 MiB; tests use the minimum.
struct Argon2Cost {
  unsigned long long passes = 2;               ///< iterations
  std::size_t memory = std::size_t{64} << 20;  ///< octets
};

/// The hash to store (a libsodium string). Runs on the calling thread. Throws std::bad_alloc if
/// there is not enough memory.
Secret hash_password(const Secret& password, Argon2Cost cost = {});

/// Whether a stored hash is of this password. Takes as long as hashing did.
bool is_password(const Secret& password, const Secret& hash);

/// The result of Passwords::check(). `right_but_weak_hash`: hash again at the current cost.
enum class PasswordCheck { wrong, right, right_but_weak_hash };

/// Hashes passwords on a pool. Safe from any event loop.
class Passwords {
 public:
  /// `pool` must outlive this. `patience`: how long a hash may wait for a thread; 0: unlimited.
  Passwords(net::WorkPool& pool, Argon2Cost cost, std::chrono::milliseconds patience);

  /// `turn`: who pays for it. Fault::temporary if the pool is full or the wait was too long.
  Task<Result<Secret>> hash(net::Turn turn, Secret password);
  /// Compares a password. An empty `hash` matches nothing, but takes as long as a real one.
  Task<Result<PasswordCheck>> check(net::Turn turn, Secret password, Secret hash);

 private:
  net::WorkPool& pool_;
  Argon2Cost cost_;
  const std::chrono::milliseconds patience_;
};

}  // namespace postern::admin
