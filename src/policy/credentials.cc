#include "policy/credentials.h"

#include <algorithm>
#include <cstring>

#include <sodium.h>

#include "policy/bcrypt.h"
#include "policy/stored_password.h"
#include "smtp/saslprep.h"

namespace postern::policy {

PasswordCheck plan_password_check(const Directory& directory, std::string_view username,
                                  const Secret& password) {
  PasswordCheck check;
  const auto prepared = smtp::saslprep(username, smtp::Unassigned::allowed);
  check.username = std::string(split_login(username).username);
  check.hash = prepared && is_hashable(password) && !spellings_of(password).empty();
  if (!check.hash) return check;
  check.matches = directory.credentials(username, max_hashes_per_auth);
  if (check.matches.empty()) {  // RFC 4616 §2; names are kept as whoever made the policy wrote them
    check.username = std::string(split_login(*prepared).username);
    check.matches = directory.credentials(*prepared, max_hashes_per_auth);
  }
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
  const auto verify = [](const Secret& sent, const Secret& hash) {
    bool right = false;
    for (const Secret& one : spellings_of(sent)) right = right || bcrypt_verify(one, hash);
    return right;
  };
  return check_password(check, password, verify);
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
