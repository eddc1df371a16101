#pragma once

#include <cstdint>
#include <string>

#include "base/ip.h"
#include "base/secret.h"
#include "base/task.h"
#include "gateway/window_counter.h"
#include "net/work_pool.h"
#include "policy/directory.h"
#include "policy/evidence.h"
#include "smtp/server_session.h"

namespace postern::gateway {

struct AuthLimits {
  std::uint64_t failures_per_address = 10;  ///< in 10 minutes; 0: no limit
  std::uint64_t failures_per_account = 50;  ///< in an hour; 0: no limit
  CidrSet exempt;                           ///< no limit by address for these
};

/// Verifies SASL PLAIN and LOGIN against the credentials of all policies (the policy is not known
/// before RCPT). Thread-safe; the hashing runs on the pool.
class Authenticator {
 public:
  struct Result {
    enum class Kind {
      accepted,
      refused,      ///< 535, one text for every cause
      throttled,    ///< 454, nothing was hashed
      unavailable,  ///< 454: the pool's queue is full
    } kind = Kind::refused;
    policy::Authentication identity;  ///< when accepted
  };

  Authenticator(const policy::Directory& directory, net::WorkPool& pool, AuthLimits limits);
  Task<Result> verify(smtp::Auth attempt, IpAddress client);

 private:
  void note_failure(const IpAddress& client, const std::string& username);

  const policy::Directory& directory_;
  net::WorkPool& pool_;
  AuthLimits limits_;
  WindowCounter by_address_;
  WindowCounter by_account_;
};

}  // namespace postern::gateway
