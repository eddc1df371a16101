#include "dialect/webhook/smtp_credentials.h"

#include <set>

#include <fmt/core.h>
#include <boost/json.hpp>

#include "base/text.h"
#include "base/ulid.h"
#include "policy/crypt_hash.h"

namespace postern::dialect::webhook {

namespace json = boost::json;

namespace {

constexpr std::string_view credentials_field = "smtp_credentials";
constexpr std::size_t max_username = 128;
constexpr std::size_t bcrypt_length = 60;
constexpr std::size_t max_password = 72;  // bcrypt ignores further octets
constexpr int least_cost = 10;
constexpr int most_cost = 14;

bool is_bcrypt(std::string_view text) {
  return text.starts_with("$2a$") || text.starts_with("$2b$") || text.starts_with("$2y$");
}

std::string user_error(std::string_view username) {
  if (username.empty()) return "has an empty user name";
  if (username.size() > max_username) return "has a user name over 128 octets";
  if (username.find_first_of(":,") != std::string_view::npos) {
    return "has a user name with `:` or `,`";
  }
  if (has_control(username)) return "has a user name with control characters";
  if (is_bcrypt(username)) return "has a hash where the user name belongs";
  // At AUTH time `user%pol_<ULID>` names a policy (docs/webhook-policies.md).
  const std::size_t percent = username.rfind('%');
  if (percent != std::string_view::npos && username.substr(percent + 1, 4) == "pol_" &&
      is_ulid(username.substr(percent + 5))) {
    return "has a user name that ends like a policy selector, `%pol_...`";
  }
  return {};
}

/// `$2y$12$...`, as the documentation abbreviates: dots or an ellipsis where 53 characters belong.
bool is_elided(std::string_view hash) {
  if (hash.size() < 4 || hash.size() >= bcrypt_length || !hash.starts_with("$2")) return false;
  return hash.ends_with("...") || hash.ends_with("\xe2\x80\xa6");
}

std::string elision_error(std::string_view username, std::string_view hash) {
  // Quoted only if it holds no part of a real hash.
  const bool bare = hash.size() >= 7 && hash.find_first_not_of('.', 7) == std::string_view::npos;
  return fmt::format(
      "has {} for `{}`, which is an elision and not a hash; put in its place the 60 characters "
      "that `htpasswd -bnBC 12 \"\" \"the password\" | tr -d ':\\n'` prints",
      bare ? fmt::format("`{}`", hash) : "a hash that ends in dots", printable(username, 64));
}

std::string hash_error(std::string_view username, std::string_view hash) {
  if (is_elided(hash)) return elision_error(username, hash);
  const std::string user = printable(username, 64);
  if (!is_bcrypt(hash)) {
    return fmt::format(
        "has no bcrypt hash ($2a$, $2b$ or $2y$) for `{}`; make one with "
        "`htpasswd -bnBC 12 \"\" \"the password\" | tr -d ':\\n'`",
        user);
  }
  if (hash.size() != bcrypt_length) {
    return fmt::format("has a hash of {} characters for `{}`, bcrypt hashes have 60", hash.size(),
                       user);
  }
  const auto in_alphabet = [](char c) { return is_alnum(c) || c == '.' || c == '/'; };
  if (!is_digit(hash[4]) || !is_digit(hash[5]) || hash[6] != '$' ||
      !std::all_of(hash.begin() + 7, hash.end(), in_alphabet)) {
    return fmt::format("has a malformed bcrypt hash for `{}`", user);
  }
  const int cost = (hash[4] - '0') * 10 + (hash[5] - '0');
  if (cost < least_cost || cost > most_cost) {
    return fmt::format(
        "has a bcrypt hash of cost {} for `{}`; {} to {} are allowed, 12 is recommended", cost,
        user, least_cost, most_cost);
  }
  if (const auto dear = policy::too_dear_here(hash)) {
    return fmt::format("has a bcrypt hash of cost {} for `{}` that {}", cost, user, *dear);
  }
  return {};
}

std::string password_error(std::string_view username, std::string_view password) {
  const std::string user = printable(username, 64);
  if (password.empty()) return fmt::format("has an empty password for `{}`", user);
  if (password.size() > max_password) {
    return fmt::format("has a password over 72 octets for `{}`; bcrypt would cut it", user);
  }
  if (password.find('\0') != std::string_view::npos) {
    return fmt::format("has a password with a NUL for `{}`; bcrypt would cut it", user);
  }
  return {};
}

class Collector {
 public:
  explicit Collector(const std::vector<CredentialFields>* stored) : stored_(stored) {}

  /// This and object() return a sentence if the entry is wrong.
  std::string pair(std::string_view text) {
    const std::size_t colon = text.find(':');
    if (colon == std::string_view::npos) {
      return "is not `user:bcrypt_hash` (no colon)";
    }
    return hashed(text.substr(0, colon), text.substr(colon + 1));
  }

  std::string object(const json::object& entry) {
    std::optional<std::string> username;
    const json::value* hash = nullptr;
    const json::value* password = nullptr;
    for (const auto& member : entry) {
      const std::string_view key = member.key();
      if (key == "password_hash") {
        hash = &member.value();
      } else if (key == "password") {
        password = &member.value();
      } else if (key != "username") {
        return fmt::format(
            "has the unknown member `{}`; known are username, password_hash and "
            "password",
            printable(key, 64));
      } else if (member.value().is_string()) {
        username.emplace(member.value().get_string());
      }
    }
    if (!username) return "has no username (a string)";
    if (hash != nullptr && password != nullptr) return "has both password_hash and password";
    if (hash != nullptr) {
      if (!hash->is_string()) return "has a password_hash that is not a string";
      return hashed(*username, hash->get_string());
    }
    if (password != nullptr) {
      if (!password->is_string()) return "has a password that is not a string";
      return clear(*username, password->get_string());
    }
    return kept(*username);
  }

  CredentialsGiven take() { return std::move(given_); }

 private:
  std::string add(std::string_view username, Secret hash) {
    if (!seen_.emplace(username).second) {
      return fmt::format("has the user `{}` twice", printable(username, 64));
    }
    given_.credentials.push_back({std::string(username), std::move(hash)});
    return {};
  }

  std::string hashed(std::string_view username, std::string_view hash) {
    if (std::string wrong = user_error(username); !wrong.empty()) return wrong;
    if (std::string wrong = hash_error(username, hash); !wrong.empty()) return wrong;
    return add(username, Secret(std::string(hash)));
  }

  std::string clear(std::string_view username, std::string_view password) {
    if (std::string wrong = user_error(username); !wrong.empty()) return wrong;
    if (std::string wrong = password_error(username, password); !wrong.empty()) return wrong;
    std::string wrong = add(username, Secret());
    if (wrong.empty()) {
      given_.to_hash.push_back({given_.credentials.size() - 1, Secret(std::string(password))});
    }
    return wrong;
  }

  std::string kept(std::string_view username) {
    if (std::string wrong = user_error(username); !wrong.empty()) return wrong;
    if (stored_ != nullptr) {
      for (const CredentialFields& old : *stored_) {
        if (old.username == username) return add(username, old.hash);
      }
    }
    return fmt::format(
        "has only the name `{}`, but no hash of that user is stored; send password_hash or "
        "password with it",
        printable(username, 64));
  }

  const std::vector<CredentialFields>* stored_;
  std::set<std::string, std::less<>> seen_;
  CredentialsGiven given_;
};

}  // namespace

std::optional<CredentialsGiven> read_credentials(BodyReader& body,
                                                 const std::vector<CredentialFields>* stored) {
  const json::value* value = body.find(credentials_field);
  if (value == nullptr) return std::nullopt;
  Collector collector(stored);
  if (!value->is_array()) {
    const std::optional<ListText> list = body.list(credentials_field);
    if (!list) return std::nullopt;
    for (std::size_t i = 0; i < list->elements.size(); ++i) {
      if (const std::string wrong = collector.pair(list->elements[i]); !wrong.empty()) {
        body.error(credentials_field, fmt::format("element {} {}", i + 1, wrong));
        return std::nullopt;
      }
    }
    return collector.take();
  }
  const json::array& array = value->get_array();
  if (array.size() > max_list_elements) {
    body.error(credentials_field,
               fmt::format("has {} elements, {} are allowed", array.size(), max_list_elements));
    return std::nullopt;
  }
  for (std::size_t i = 0; i < array.size(); ++i) {
    std::string wrong = "must be `user:bcrypt_hash` or an object";
    if (array[i].is_string()) wrong = collector.pair(trim(std::string_view(array[i].get_string())));
    if (array[i].is_object()) wrong = collector.object(array[i].get_object());
    if (wrong.empty()) continue;
    body.error(credentials_field, fmt::format("element {} {}", i + 1, wrong));
    return std::nullopt;
  }
  return collector.take();
}

}  // namespace postern::dialect::webhook
