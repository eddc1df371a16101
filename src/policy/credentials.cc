#include "policy/credentials.h"

#include <algorithm>
#include <cstring>
#include <iterator>

#include <sodium.h>

#include "policy/bcrypt.h"
#include "policy/directory.h"
#include "policy/stored_password.h"
#include "smtp/saslprep.h"

namespace postern::policy {

namespace {

/// Each distinct hash once, with all policies that it opens.
std::vector<PasswordTry> tries_of(std::vector<CredentialMatch> matches) {
  std::vector<PasswordTry> tries;
  for (CredentialMatch& match : matches) {
    auto known = std::ranges::find_if(
        tries, [&](const PasswordTry& one) { return one.hash.equals(match.hash.reveal()); });
    if (known == tries.end()) {
      tries.push_back(
          {.hash = std::move(match.hash), .account = match.policy->account_id, .opens = {}});
      known = std::prev(tries.end());
    }
    known->opens.emplace(match.policy->id, match.stamp);
  }
  return tries;
}

}  // namespace

PasswordCheck plan_password_check(const Directory& directory, std::string_view username,
                                  const Secret& password) {
  PasswordCheck check;
  const auto prepared = smtp::saslprep(username, smtp::Unassigned::allowed);
  check.username = std::string(split_login(username).username);
  if (prepared && is_hashable(password)) check.spellings = spellings_of(password);
  if (check.spellings.empty()) return check;
  std::vector<CredentialMatch> matches = directory.credentials(username, max_hashes_per_auth);
  if (matches.empty()) {  // RFC 4616 §2; names are kept as the policy has them
    check.username = std::string(split_login(*prepared).username);
    matches = directory.credentials(*prepared, max_hashes_per_auth);
  }
  check.known = !matches.empty();
  check.tries = tries_of(std::move(matches));
  if (!check.known) {
    for (const int cost : directory.costs_for_stranger(*prepared))
      check.tries.push_back({.hash = unmatched_hash(cost), .account = {}, .opens = {}});
  }
  return check;
}

std::uint64_t credential_stamp(const Secret& hash) {
  // Keyed with a random key of this process: a disclosed stamp cannot confirm a guess.
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
