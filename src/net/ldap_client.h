// LDAP by OpenLDAP's library, for look-ups and for passwords. Blocking: for the threads of a
// WorkPool.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/error.h"
#include "base/secret.h"

namespace postern::net {

struct LdapServers {
  std::vector<std::string> uris;  ///< ldap://, ldaps://, ldapi://; tried in their order
  bool bind = true;               ///< false: as nobody
  std::string bind_dn;
  Secret bind_password;
  bool start_tls = false;
  std::string ca_file;  ///< PEM; empty: those the system trusts
  bool verify_certificate = true;
};

struct LdapSearch {
  enum class Scope : std::uint8_t { subtree, base, one };
  std::string base;
  Scope scope = Scope::subtree;
  std::string filter;                   ///< RFC 4515
  std::vector<std::string> attributes;  ///< whose values are wanted
  int size_limit = 0;                   ///< entries; 0: no limit
  bool base_may_lack = false;           ///< a base that does not exist has no entries
  bool names = false;                   ///< the entries' distinguished names are wanted instead
};

class LdapClient {
 public:
  using Clock = std::chrono::steady_clock;

  explicit LdapClient(LdapServers servers);
  ~LdapClient();
  LdapClient(const LdapClient&) = delete;
  LdapClient& operator=(const LdapClient&) = delete;

  /// The values of the attributes, entry by entry. Keeps its connections for the next call.
  /// Thread-safe. Waits until `deadline`, but for the system's resolver of host names.
  /// Fault::temporary; the sentence holds no secret.
  Result<std::vector<std::string>> search(const LdapSearch& search, Clock::time_point deadline);
  /// Whether the server lets `dn` sign in with this password. Never asks with an empty name or
  /// password, which servers take for nobody and let in (RFC 4513 §5.1.2). A connection of its own.
  Result<bool> authenticate(const std::string& dn, const Secret& password,
                            Clock::time_point deadline);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace postern::net
