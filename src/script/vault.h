// Secrets of HashiCorp Vault's key-value engine, version 2.
#pragma once

#include <optional>
#include <string>

#include "base/secret.h"
#include "script/world.h"

namespace postern::script {

struct VaultQuestion {
  std::string address;  ///< "https://vault.example:8200"; a path in front of /v1 is kept
  Secret token;
  std::string mount;  ///< "secret"; may hold slashes
  std::string path;   ///< below the mount; parts of it may be a client's words
  std::string key = "key";
};

/// GET <address>/v1/<mount>/data/<path>. nullopt: there is no such secret, be it that Vault answers
/// 404, that its newest version is deleted, or that it has no field `key`. Anything else that is
/// not the field's string is Fault::temporary; the sentence holds neither token nor path.
/// Each segment of the path is percent-encoded for itself. With an empty segment, `.` or `..` there
/// is no secret, and nothing is asked: who can put one there wants another's.
Task<Result<std::optional<Secret>>> read_vault(World& world, VaultQuestion question,
                                               Clock::time_point deadline);

/// The path as a request has it: nullopt where a segment is empty, `.` or `..`.
std::optional<std::string> vault_path(std::string_view path);

}  // namespace postern::script
