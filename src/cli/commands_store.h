// What `passwd` and `inbox` do with the databases.
#pragma once

#include <filesystem>
#include <string>

#include "base/error.h"
#include "base/secret.h"
#include "config/exit_code.h"

namespace postern::app {

/// Whether API tokens of the account are revoked, too.
enum class RevokeTokens { no, yes };
/// Whether a missing account is created.
enum class MakeAccount { no, yes };

/// The result of set_account_password().
struct PasswordSet {
  std::string account_id;  ///< the account's id
  bool created = false;    ///< a new account
};

/// The length of an account's password in octets; the API has the same limits.
inline constexpr std::size_t min_password = 12;
inline constexpr std::size_t max_password = 1024;  ///< octets

/// Sets an account's password and ends its sessions; creates the account if requested. If a gateway
/// runs, it does the work. Blocks. `denied`: too short or too long; `malformed`: not an e-mail
/// address; `not_found`: no such account, or no gateway's data, and none is to be created.
Result<PasswordSet> set_account_password(const std::filesystem::path& data_dir,
                                         const std::string& email, const Secret& password,
                                         RevokeTokens revoke, MakeAccount make);

}  // namespace postern::app
