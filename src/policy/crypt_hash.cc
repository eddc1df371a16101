#include "policy/crypt_hash.h"

#include <crypt.h>

#include <cstdlib>

#include <openssl/crypto.h>

#include "base/text.h"
#include "policy/bcrypt.h"

namespace postern::policy {

namespace {

constexpr int highest_bcrypt_cost = 16;
constexpr std::uint64_t most_rounds = 10'000'000;    ///< of SHA-crypt
constexpr std::uint64_t most_memory_kib = 1u << 20;  ///< of Argon2
constexpr std::uint64_t most_passes = 64;

/// crypt_ra's scratch memory; it holds the password and is wiped with it.
struct Scratch {
  void* data = nullptr;
  int size = 0;
  Scratch() = default;
  Scratch(const Scratch&) = delete;
  Scratch& operator=(const Scratch&) = delete;
  ~Scratch() {
    if (data != nullptr) OPENSSL_cleanse(data, static_cast<std::size_t>(size));
    std::free(data);
  }
};

/// The number behind `name` in one of the `$`-separated parts, e.g. "m" in "$m=65536,t=2,p=1$".
std::optional<std::uint64_t> parameter(std::string_view hash, std::string_view name) {
  for (const std::string_view part : split(hash, '$')) {
    for (const std::string_view one : split(part, ',')) {
      if (one.starts_with(name) && one.substr(name.size()).starts_with('=')) {
        return parse_number(one.substr(name.size() + 1));
      }
    }
  }
  return std::nullopt;
}

}  // namespace

std::optional<Secret> crypt_text(const Secret& password, const Secret& settings) {
  Scratch scratch;
  const char* made =
      crypt_ra(password.reveal().c_str(), settings.reveal().c_str(), &scratch.data, &scratch.size);
  // A text that begins with `*` says "failed" (crypt(3)).
  if (made == nullptr || made[0] == '*') return std::nullopt;
  return Secret(made);
}

bool takes_too_long(std::string_view hash) {
  if (is_bcrypt(hash)) return bcrypt_cost(Secret(std::string(hash))) > highest_bcrypt_cost;
  if (hash.starts_with("$argon2")) {
    return parameter(hash, "m").value_or(0) > most_memory_kib ||
           parameter(hash, "t").value_or(0) > most_passes;
  }
  return parameter(hash, "rounds").value_or(0) > most_rounds;
}

}  // namespace postern::policy
