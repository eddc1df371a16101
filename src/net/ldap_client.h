// An LDAP client based on OpenLDAP's library, for lookups and password checks. Blocking: for the
// threads of a WorkPool.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/error.h"
#include "base/secret.h"

namespace postern::net {

/// Where and how to connect.
struct LdapServers {
  std::vector<std::string> uris;  ///< ldap://, ldaps://, ldapi://; tried in order
  bool bind = true;               ///< false: anonymous
  /// The name and password of the simple bind (RFC 4513 §5.1.3).
  std::string bind_dn;
  Secret bind_password;  ///< of `bind_dn`
  /// StartTLS (RFC 4511 §4.14) after connecting.
  bool start_tls = false;
  std::string ca_file;  ///< PEM file; empty: the system's certificate store
  /// False: any certificate is accepted.
  bool verify_certificate = true;
};

/// A search request (RFC 4511 §4.5.1).
struct LdapSearch {
  /// Which entries below `base` are searched.
  enum class Scope : std::uint8_t { subtree, base, one };
  /// A distinguished name.
  std::string base;
  Scope scope = Scope::subtree;         ///< below `base`
  std::string filter;                   ///< RFC 4515 §3
  std::vector<std::string> attributes;  ///< whose values are returned
  int size_limit = 0;                   ///< entries; 0: unlimited
  bool base_may_lack = false;  ///< a base that does not exist has no entries; false: an error
  bool names = false;          ///< return the entries' distinguished names instead
};

/// Connects on demand. Thread-safe.
class LdapClient {
 public:
  /// The clock of all deadlines.
  using Clock = std::chrono::steady_clock;

  /// Opens no connection yet.
  explicit LdapClient(LdapServers servers);
  ~LdapClient();
  LdapClient(const LdapClient&) = delete;
  LdapClient& operator=(const LdapClient&) = delete;

  /// The values of the attributes, entry by entry. Keeps its connection for the next call. Waits
  /// until `deadline`, except for the system's host name resolver. Fault::temporary: any failure;
  /// the message contains no secret.
  Result<std::vector<std::string>> search(const LdapSearch& search, Clock::time_point deadline);
  /// Whether a simple bind as `dn` with this password succeeds, on a new connection. False without
  /// a query for an empty name or password, which would be an unauthenticated bind
  /// (RFC 4513 §5.1.2). Otherwise as search().
  Result<bool> authenticate(const std::string& dn, const Secret& password,
                            Clock::time_point deadline);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace postern::net
