// What `passwd` and `inbox` ask of the databases, apart from the command line.
#pragma once

#include <filesystem>
#include <string>

#include "app/exit_code.h"
#include "base/error.h"
#include "base/secret.h"

namespace postern::app {

enum class RevokeTokens { no, yes };
enum class MakeAccount { no, yes };

struct PasswordSet {
  std::string account_id;
  bool created = false;
};

/// Shortest and longest password of an account in octets, as the API has them.
inline constexpr std::size_t min_password = 12;
inline constexpr std::size_t max_password = 1024;

/// Gives the account this password and ends its sessions, or makes the account where that is asked
/// for. A running gateway is asked to. `denied`: too short or too long; `malformed`: not an e-mail
/// address; `not_found`: there is no such account, or no gateway's data, and none is to be made.
Result<PasswordSet> set_account_password(const std::filesystem::path& data_dir,
                                         const std::string& email, const Secret& password,
                                         RevokeTokens revoke, MakeAccount make);

/// What a command returns when a database is in trouble.
ExitCode exit_code_of(Fault fault);

}  // namespace postern::app
