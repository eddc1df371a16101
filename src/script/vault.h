// Reads secrets of HashiCorp Vault's key-value engine, version 2.
#pragma once

#include <optional>
#include <string>

#include "base/secret.h"
#include "script/world.h"

namespace postern::script {

/// Which field of which secret.
struct VaultQuestion {
  std::string address;      ///< "https://vault.example:8200"; a path before /v1 is kept
  Secret token;             ///< sent as X-Vault-Token
  std::string mount;        ///< "secret"; may contain slashes
  std::string path;         ///< below the mount; may contain text from a client
  std::string key = "key";  ///< the field
};

/// GET <address>/v1/<mount>/data/<path>. nullopt: no such secret, that is, Vault answers 404, its
/// newest version is deleted, or it has no field `key`. All other answers without a string in that
/// field are Fault::temporary; the error text contains neither the token nor the path. Each path
/// segment is percent-encoded. A path with an empty segment, `.` or `..` names no secret, and no
/// request is sent: a client could reach other secrets with it.
Task<Result<std::optional<Secret>>> read_vault(World& world, VaultQuestion question,
                                               Clock::time_point deadline);

/// The path as sent; nullopt if a segment is empty, `.` or `..`.
std::optional<std::string> vault_path(std::string_view path);

}  // namespace postern::script
