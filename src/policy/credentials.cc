#include "policy/credentials.h"

#include <algorithm>
#include <cstring>

#include <sodium.h>

#include "policy/bcrypt.h"

namespace postern::policy {

PasswordCheck plan_password_check(const Directory& directory, std::string_view username,
                                  const Secret& password) {
  PasswordCheck check;
  check.username = std::string(split_login(username).username);
  check.hash = is_hashable(password);
  if (!check.hash) return check;
  check.matches = directory.credentials(username, max_hashes_per_auth);
  if (check.matches.empty()) check.dummy = unmatched_hash(directory.usual_cost());
  return check;
}

std::optional<std::map<std::string, std::uint64_t>> check_password(const PasswordCheck& check,
                                                                   const Secret& password,
                                                                   const VerifyPassword& verify) {
  if (!check.hash) return std::nullopt;
  if (check.matches.empty()) {
    verify(password, check.dummy);
    return std::nullopt;
  }
  struct Tried {
    const Secret* hash;
    bool right;
  };
  std::vector<Tried> tried;
  std::map<std::string, std::uint64_t> granted;
  for (const CredentialMatch& match : check.matches) {
    auto before = std::find_if(tried.begin(), tried.end(), [&](const Tried& one) {
      return one.hash->equals(match.hash.reveal());
    });
    if (before == tried.end()) {
      tried.push_back({&match.hash, verify(password, match.hash)});
      before = std::prev(tried.end());
    }
    if (before->right) granted.emplace(match.policy->id, match.stamp);
  }
  if (granted.empty()) return std::nullopt;
  return granted;
}

std::optional<std::map<std::string, std::uint64_t>> check_password(const PasswordCheck& check,
                                                                   const Secret& password) {
  return check_password(check, password, bcrypt_verify);
}

std::uint64_t credential_stamp(const Secret& hash) {
  // Keyed with a random key of this process: a stamp that leaks confirms no guess.
  static const auto key = [] {
    std::array<unsigned char, crypto_shorthash_KEYBYTES> bytes{};
    randombytes_buf(bytes.data(), bytes.size());
    return bytes;
  }();
  std::array<unsigned char, crypto_shorthash_BYTES> digest{};
  crypto_shorthash(digest.data(), reinterpret_cast<const unsigned char*>(hash.reveal().data()),
                   hash.size(), key.data());
  std::uint64_t stamp = 0;
  static_assert(sizeof stamp == crypto_shorthash_BYTES);
  std::memcpy(&stamp, digest.data(), sizeof stamp);
  return stamp;
}

}  // namespace postern::policy
