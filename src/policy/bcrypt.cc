#include "policy/bcrypt.h"

#include <crypt.h>

#include <algorithm>
#include <cstdlib>
#include <memory>

#include <fmt/format.h>

#include "base/text.h"
#include "policy/crypt_hash.h"

namespace postern::policy {

namespace {

constexpr std::size_t hash_length = 60;
constexpr std::size_t prefix_length = 7;  // "$2y$12$"

}  // namespace

bool is_bcrypt(std::string_view hash) {
  if (hash.size() != hash_length) return false;
  const std::string_view variant = hash.substr(0, 4);
  if (variant != "$2a$" && variant != "$2b$" && variant != "$2y$") return false;
  if (!is_digit(hash[4]) || !is_digit(hash[5]) || hash[6] != '$') return false;
  const int cost = (hash[4] - '0') * 10 + (hash[5] - '0');
  if (cost < 4 || cost > 31) return false;
  const std::string_view rest = hash.substr(prefix_length);
  return std::all_of(rest.begin(), rest.end(),
                     [](char c) { return is_alnum(c) || c == '.' || c == '/'; });
}

int bcrypt_cost(const Secret& hash) {
  const std::string& text = hash.reveal();
  return is_bcrypt(text) ? (text[4] - '0') * 10 + (text[5] - '0') : 0;
}

bool is_hashable(const Secret& password) {
  return !password.empty() && password.size() <= max_bcrypt_password &&
         password.reveal().find('\0') == std::string::npos;
}

bool bcrypt_verify(const Secret& password, const Secret& hash) {
  if (!is_hashable(password) || !is_bcrypt(hash.reveal())) return false;
  const std::optional<Secret> made = crypt_text(password, hash);
  return made && hash.equals(made->reveal());
}

Result<Secret> bcrypt_hash(const Secret& password, int cost) {
  if (!is_hashable(password)) {
    return fail(Fault::malformed, "a password has 1 to 72 octets, none of them NUL");
  }
  const std::unique_ptr<char, decltype(&std::free)> setting(
      crypt_gensalt_ra("$2y$", static_cast<unsigned long>(cost), nullptr, 0), &std::free);
  if (setting == nullptr) return fail(Fault::malformed, fmt::format("bcrypt cost {}", cost));
  std::optional<Secret> made = crypt_text(password, Secret(setting.get()));
  if (!made || !is_bcrypt(made->reveal())) return fail(Fault::bug, "bcrypt failed");
  return std::move(*made);
}

Secret unmatched_hash(int cost) {
  return Secret(fmt::format("$2y${:02}${:.>22}{:.>31}", cost, "", ""));
}

}  // namespace postern::policy
