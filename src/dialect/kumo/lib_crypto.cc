// kumo.crypto: verifies passwords against hashes. KumoMTA has no such function.
#include <openssl/crypto.h>

#include "dialect/kumo/library.h"
#include "policy/bcrypt.h"
#include "policy/stored_password.h"
#include "script/blocking.h"
#include "script/state.h"

namespace postern::dialect::kumo {

using script::bind;
using script::Call;
using script::derive;
using script::HostFunction;

namespace {

/// Takes as long without a hash as with one: the time does not reveal whether a user exists.
Task<bool> verify_password(Call& call, std::string plain, std::optional<std::string> hash) {
  const Secret stored = hash && !hash->empty()
                            ? Secret(std::move(*hash))
                            : policy::unmatched_hash(policy::default_bcrypt_cost);
  const auto right = std::make_shared<bool>(false);
  auto job = [right, stored, password = Secret(std::move(plain))] {
    const auto parsed = policy::StoredPassword::parse(stored.reveal(), policy::PlainText::refused);
    *right = parsed && parsed->matches(password);
  };
  value_of(co_await script::blocking(call, std::move(job)));
  co_return *right;
}

bool constant_time_eq(std::string_view a, std::string_view b) {
  return a.size() == b.size() && CRYPTO_memcmp(a.data(), b.data(), a.size()) == 0;
}

constexpr HostFunction crypto_rows[] = {
    {"kumo.crypto.verify_password", "plain: string, hash: string|nil", "boolean",
     "Whether the hash is that of the password: bcrypt (`$2y$`, `$2b$`, `$2a$`), SHA-crypt "
     "(`$6$`, `$5$`), yescrypt (`$y$`), scrypt (`$7$`), Argon2 (`$argon2id$`, `$argon2i$`) or a "
     "SCRAM verifier. Anything else is false, and so are nil and a hash whose check would take "
     "too long. Runs outside the event loop.",
     bind<&verify_password>},
    {"kumo.crypto.constant_time_eq", "a: string, b: string", "boolean",
     "Whether both are equal. The time it takes reveals only whether the lengths are equal.",
     derive<&constant_time_eq>},
};

}  // namespace

script::HostTable crypto_functions() { return crypto_rows; }

}  // namespace postern::dialect::kumo
