#include "policy/crypt_hash.h"

#include <crypt.h>
#include <sodium.h>

#include <algorithm>
#include <array>
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

bool verify_argon2(const Secret& password, const Secret& hash) {
  const std::string& text = hash.reveal();
  if (text.size() >= crypto_pwhash_STRBYTES || text.find('\0') != std::string::npos) return false;
  const auto memory = parameter(text, "m");
  const auto passes = parameter(text, "t");
  if (!memory || *memory > most_memory_kib || !passes || *passes > most_passes) return false;
  return sodium_init() >= 0 &&
         crypto_pwhash_str_verify(text.c_str(), password.reveal().data(), password.size()) == 0;
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

bool verify_hash(const Secret& password, const Secret& hash) {
  const std::string& text = hash.reveal();
  if (is_bcrypt(text)) {
    return bcrypt_cost(hash) <= highest_bcrypt_cost && bcrypt_verify(password, hash);
  }
  if (text.starts_with("$argon2id$") || text.starts_with("$argon2i$")) {
    return verify_argon2(password, hash);
  }
  static constexpr std::array<std::string_view, 4> known = {"$5$", "$6$", "$7$", "$y$"};
  const bool is_known = std::any_of(known.begin(), known.end(),
                                    [&](std::string_view one) { return text.starts_with(one); });
  const bool has_nul = (password.reveal() + text).find('\0') != std::string::npos;
  if (!is_known || has_nul || parameter(text, "rounds").value_or(0) > most_rounds) return false;
  const std::optional<Secret> made = crypt_text(password, hash);
  return made && hash.equals(made->reveal());
}

}  // namespace postern::policy
