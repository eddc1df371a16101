// Sources of accounts: each `[[auth.source]]` section of the configuration makes one verifier
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

/// One `[[auth.source]]` section. Which members are used depends on the kind.
struct AuthSource {
  /// What stores or checks the passwords; see docs/auth.md.
  enum class Kind : std::uint8_t {
    none,   ///< the section names no kind
    fixed,  ///< "static"
    htpasswd,
    sqlite,
    postgresql,
    mysql,
    ldap,
    vault,
    dovecot,
    introspection,
  };
  Kind kind = Kind::none;  ///< which source it is
  std::string name;        ///< name in traces; empty: the kind's word
  std::chrono::milliseconds timeout = std::chrono::seconds(5);  ///< of one look-up
  bool scram = false;  ///< whether SCRAM-SHA-256 is offered (RFC 7677 §3)
  /// PBKDF2 iterations of keys derived from a plain password and of invented keys for unknown
  /// names.
  std::uint64_t scram_iterations = 4096;

  std::vector<std::string> users;  ///< fixed: "name:hash"
  std::string file;                ///< path of the user file, database or socket
  std::string query;  ///< sqlite, postgresql, mysql: SQL with :user, :local, :domain, :password
  std::vector<std::string> servers;  ///< postgresql, mysql, ldap
  std::string user;                ///< user name at the server: a PostgreSQL role, an LDAP bind DN
  std::string password;            ///< path of the file with that user's password
  std::string database;            ///< postgresql, mysql: database name
  std::string dn;                  ///< ldap: template of the bind DN with %s, %u, %d
  std::string base;                ///< ldap: search base
  std::string filter;              ///< ldap: search filter, same letters as `dn`
  bool start_tls = false;          ///< ldap: StartTLS before the bind; mysql: TLS is required
  std::string ca;                  ///< path of a PEM file with trusted certificates
  std::string address;             ///< vault, introspection: URL
  std::string token;               ///< vault: path of the file with the token
  std::string mount = "secret";    ///< vault: mount of the key-value engine
  std::string path;                ///< vault: secret below the mount, with %s, %u, %d
  std::string key = "key";         ///< vault: field of the secret that holds the password
  std::string client_id;           ///< introspection: HTTP Basic user name
  std::string client_secret;       ///< introspection: path of the file with its password
  std::string claim = "username";  ///< introspection: claim that holds the user name
  bool oauthbearer = false;        ///< dovecot: it accepts OAUTHBEARER tokens
  std::string scope;               ///< introspection: scope that a token must have
  std::string audience;            ///< introspection: audience that a token must have; empty: any

  bool operator==(const AuthSource&) const = default;
};

/// The kind's word in the configuration, "none" for none.
std::string_view to_string(AuthSource::Kind kind);

/// An error of a section that is found without asking a server: the key, and a sentence without
/// secrets.
struct AuthSourceComplaint {
  std::string_view key;  ///< key in the section
  std::string message;   ///< what is wrong with its value
};
/// Whether complaints_of() reads the files that the section names.
enum class AuthFiles : std::uint8_t { none, read };
/// Empty: the section is valid. With AuthFiles::read it blocks on files.
std::vector<AuthSourceComplaint> complaints_of(const AuthSource& source, AuthFiles files);

/// From the generator of the operating system.
std::string random_octets(std::size_t size);

/// What verifiers run on. All members outlive the verifiers.
struct AuthWorkers {
  net::WorkPool& hashing;  ///< threads that compare password hashes
  net::WorkPool& lookups;  ///< threads that block on databases
  script::World& world;    ///< for HTTP; trusts AuthSource::ca
  /// Longest wait for a thread of `hashing`.
  std::chrono::milliseconds patience = std::chrono::seconds(10);
};

/// Makes the verifier of a section. Blocks: reads the files that it names. Fault::malformed or
/// Fault::permanent; the sentence holds no secret.
Result<std::shared_ptr<const policy::Verifier>> open_auth_source(const AuthSource& source,
                                                                 AuthWorkers workers);

}  // namespace postern::gateway
