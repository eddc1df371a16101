// What is known about a connection: addresses, TLS, who has authenticated.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/ip.h"

namespace postern::policy {

struct ScriptSession;

/// The certificate that the client presented in TLS. The fingerprints have the digest of the
/// listener, in capitals with a colon between octets; "" if it could not be computed.
struct ClientCertificate {
  std::string name;             ///< common name of its subject; empty: none
  std::string fingerprint;      ///< of the certificate (DER)
  std::string key_fingerprint;  ///< of its public key (SubjectPublicKeyInfo, RFC 5280 §4.1.2.7)
  bool trusted = false;         ///< the listener's authorities issued it, and it was valid
  std::string issuer = {};      ///< common name of its issuer; empty: none
};

/// The negotiated TLS parameters.
struct Tls {
  std::string version;                           ///< "TLSv1.3"
  std::string cipher;                            ///< "TLS_AES_128_GCM_SHA256"
  std::optional<ClientCertificate> client = {};  ///< nullopt: none was asked for, or presented
  int key_bits = 0;       ///< secret bits of the cipher; 0: not known, as in records of 0.2.0
  bool starttls = false;  ///< began with STARTTLS, not with the connection (RFC 8314 §3.3)
};

/// The SASL identity of the session, and the webhook policies whose credentials it matched.
struct Authentication {
  std::string username;   ///< authentication identity, without a "%pol_..." that selects a policy
  std::string mechanism;  ///< SASL mechanism in capitals
  /// Webhook policy id -> Credential::stamp of the credential that matched. A changed or removed
  /// credential has another stamp or none, which ends the grant.
  std::map<std::string, std::uint64_t> granted;
  std::string authz_id;             ///< identity that the client acts as (RFC 4422 §2)
  std::vector<std::string> groups;  ///< groups of the identity, from the verifier
  /// Only credentials of accounts that are not operators (api.operators) matched. Such a client may
  /// send to the webhooks of these accounts; for all other purposes it counts as not authenticated
  /// (login(); docs/decisions/0052).
  bool tenant = false;
  /// Name and context of each identity in the AuthInfo that a script returned (docs/lua-hooks.md,
  /// "Signing in"); empty: no script authenticated the client.
  std::vector<std::pair<std::string, std::string>> identities;
};

/// Facts of one connection.
struct SessionFacts {
  std::string id;                 ///< of the session, a ULID
  std::string listener;           ///< name of the listener
  IpAddress client_ip;            ///< the client's address
  std::uint16_t client_port = 0;  ///< the client's port
  IpAddress server_ip;            ///< our address of the connection
  std::uint16_t server_port = 0;  ///< our port
  /// The ends of the connection itself, as `address:port`, where PROXY or XCLIENT named others;
  /// empty: they did not.
  std::string proxy_from;
  std::string proxy_via;    ///< our end of it
  std::string server_name;  ///< server name that the client sent in TLS (RFC 6066 §3); empty: none
  std::chrono::system_clock::time_point connected;  ///< when the connection was accepted
  std::string helo;                                 ///< argument of HELO or EHLO; empty: none yet
  bool esmtp = false;                               ///< the client sent EHLO
  bool early_talker =
      false;               ///< sent data before the reply that it had to wait for (RFC 2920 §3.1)
  std::optional<Tls> tls;  ///< nullopt: no TLS
  std::optional<Authentication> auth;  ///< nullopt: not authenticated
  /// Identity before its credential was changed or revoked; such a client counts as not
  /// authenticated.
  std::optional<Authentication> revoked;
  std::shared_ptr<ScriptSession> script;  ///< null: no script has run

  /// The identity that restriction lists and scripts may rely on. Null if the client did not
  /// authenticate, or only as a tenant: with api.signup = "open" anyone can create an account with
  /// credentials of any name. Valid as long as `auth`.
  const Authentication* login() const { return auth && !auth->tenant ? &*auth : nullptr; }
};

}  // namespace postern::policy
