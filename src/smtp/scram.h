// SCRAM-SHA-256 on the server's side (RFC 5802, RFC 7677): the keys an account is known by, and the
// exchange that proves to know their password without sending it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>

#include "base/secret.h"

namespace postern::smtp {

/// What SCRAM-SHA-256 needs of an account (RFC 5802 §3). No password can be told from it.
struct ScramKeys {
  std::string salt;
  std::uint32_t iterations = 4096;  ///< RFC 7677 §4 asks for 4096 at least
  std::string stored_key;           ///< 32 octets
  std::string server_key;           ///< 32 octets
};

/// More is not computed for anybody: a stored verifier must not hold up a thread for seconds.
inline constexpr std::uint32_t max_scram_iterations = 1'000'000;

/// The value of `name=` in a SCRAM message; nullopt when it is not there.
std::optional<std::string_view> scram_attribute(std::string_view message, char name);

/// Of the password as SASLprep spells it. Slow by intent: it belongs on a worker thread.
ScramKeys scram_keys_of(const Secret& password, std::string salt, std::uint32_t iterations);
/// The same with what a client proves by.
struct ScramSecrets {
  ScramKeys keys;
  Secret client_key;
};
ScramSecrets scram_secrets_of(const Secret& password, std::string salt, std::uint32_t iterations);
/// Whether the keys are those of this password; slow likewise.
bool scram_matches(const ScramKeys& keys, const Secret& password);
/// `SCRAM-SHA-256$4096:salt$StoredKey:ServerKey` with base64 inside, as PostgreSQL keeps it.
/// nullopt: it is no such text.
std::optional<ScramKeys> parse_scram_keys(std::string_view text);

/// What binds the exchange to its TLS connection; empty where the connection has none.
struct ChannelBindings {
  std::string exporter;          ///< tls-exporter (RFC 9266 §2)
  std::string server_end_point;  ///< tls-server-end-point (RFC 5929 §4)
  std::string unique;            ///< tls-unique (RFC 5929 §3), of TLS 1.2
};

/// One exchange: first(), challenge(), finish().
class ScramExchange {
 public:
  enum class Fault {
    malformed,
    /// The client and the server disagree about channel binding: somebody may stand between them.
    binding,
  };
  struct Name {
    std::string authz_id;  ///< empty: the client named none
    std::string authn_id;
  };

  /// `plus`: the client chose SCRAM-SHA-256-PLUS. `plus_offered`: it could have. `bindings`
  /// outlives the exchange; null without TLS.
  ScramExchange(bool plus, bool plus_offered, const ChannelBindings* bindings)
      : plus_(plus), plus_offered_(plus_offered), bindings_(bindings) {}

  std::variant<Name, Fault> first(std::string_view message);
  /// The server's first message. `nonce`: printable ASCII without comma, unlike any other.
  std::string challenge(const ScramKeys& keys, std::string_view nonce);
  /// The server's final message when the client's proof is right; nullopt: it is wrong.
  std::variant<std::optional<std::string>, Fault> finish(std::string_view message) const;

 private:
  std::optional<Fault> read_binding(std::string_view flag);

  bool plus_;
  bool plus_offered_;
  const ChannelBindings* bindings_;
  std::string gs2_;         ///< the client's header, as it is bound
  std::string_view bound_;  ///< the octets that must follow it
  std::string first_bare_;
  std::string server_first_;
  std::string nonce_;
  ScramKeys keys_;
};

/// RFC 4616 §2: identities are UTF-8 without NUL. Other control characters are nobody's name.
bool fit_identity(std::string_view name);

/// RFC 5801 §4 saslname, RFC 5802 §5.1: a name in a GS2 header or a SCRAM message has no bare `,`
/// and `=`.
std::string sasl_name(std::string_view name);

/// `n,a=user,` in front of a SCRAM or OAUTHBEARER message (RFC 5801 §4).
struct Gs2Header {
  std::string_view flag;  ///< "n", "y", "p=tls-exporter"
  std::string authz_id;
  std::size_t size = 0;  ///< octets, the second comma included
};
std::optional<Gs2Header> parse_gs2(std::string_view message);

}  // namespace postern::smtp
