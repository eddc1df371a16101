// Where accounts are kept: one `[[auth.source]]` of the configuration makes one verifier
// (docs/auth.md).
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/error.h"

namespace postern::net {
class WorkPool;
}
namespace postern::policy {
class Verifier;
}
namespace postern::script {
class World;
}

namespace postern::gateway {

/// As the configuration has it; which members count depends on the kind.
struct AuthSource {
  enum class Kind : std::uint8_t {
    none,   ///< the section says nothing
    fixed,  ///< "static"
    htpasswd,
    sqlite,
    postgresql,
    ldap,
    vault,
    dovecot,
    introspection,
  };
  Kind kind = Kind::none;
  std::string name;  ///< in traces; empty: the kind's word
  std::chrono::milliseconds timeout = std::chrono::seconds(5);
  bool scram = false;  ///< SCRAM-SHA-256 is offered
  /// Of keys made of a password in plain, and of those that are made up for strangers.
  std::uint64_t scram_iterations = 4096;

  std::vector<std::string> users;  ///< fixed: "name:hash"
  std::string file;                ///< of users, database or socket
  std::string query;               ///< sqlite, postgresql
  std::vector<std::string> servers;
  std::string user;      ///< who signs in at the server: a PostgreSQL role, an LDAP name
  std::string password;  ///< a file that holds the user's password
  std::string database;
  std::string dn;  ///< ldap: %s, %u, %d
  std::string base;
  std::string filter;
  bool start_tls = false;
  std::string ca;       ///< PEM file
  std::string address;  ///< vault and introspection: a URL
  std::string token;    ///< vault: a file that holds the token
  std::string mount = "secret";
  std::string path;  ///< vault: %s, %u, %d
  std::string key = "key";
  std::string client_id;
  std::string client_secret;  ///< a file
  std::string claim = "username";
  bool oauthbearer = false;  ///< dovecot: it takes tokens
  std::string scope;
  std::string audience;  ///< introspection: whom a token must be for; empty: anybody

  bool operator==(const AuthSource&) const = default;
};

std::string_view to_string(AuthSource::Kind kind);

/// What is wrong with it before a server is asked: the key and a sentence, without secrets. Empty:
/// nothing.
struct AuthSourceComplaint {
  std::string_view key;
  std::string message;
};
enum class AuthFiles : std::uint8_t { none, read };
std::vector<AuthSourceComplaint> complaints_of(const AuthSource& source, AuthFiles files);

/// What sources work with; all outlive their verifiers.
struct AuthWorkers {
  net::WorkPool& hashing;
  net::WorkPool& lookups;  ///< threads that wait for databases
  script::World& world;    ///< trusts AuthSource::ca
  std::chrono::milliseconds patience = std::chrono::seconds(10);  ///< for a thread of `hashing`
};

/// Reads the files it names. Fault::malformed or ::permanent; the sentence holds no secret.
Result<std::shared_ptr<const policy::Verifier>> open_auth_source(const AuthSource& source,
                                                                 AuthWorkers workers);

}  // namespace postern::gateway
