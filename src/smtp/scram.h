// SCRAM-SHA-256, server side (RFC 5802 §5, RFC 7677 §3): stored keys of an account, and the
// exchange in which a client proves that it knows the password.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>

#include "base/secret.h"

namespace postern::smtp {

/// The stored keys of an account (RFC 5802 §3). The password cannot be derived from them, only
/// guessed.
struct ScramKeys {
  std::string salt;                 ///< octets, not base64
  std::uint32_t iterations = 4096;  ///< at least 4096 (RFC 7677 §4)
  std::string stored_key;           ///< 32 octets
  std::string server_key;           ///< 32 octets
};

/// The limit of the iteration count: a stored verifier must not block a thread for seconds.
inline constexpr std::uint32_t max_scram_iterations = 1'000'000;

/// The value of `name=` in a SCRAM message (RFC 5802 §5.1); nullopt: absent.
std::optional<std::string_view> scram_attribute(std::string_view message, char name);

/// Derives the keys of a password, prepared with SASLprep. Slow on purpose: run it on a worker
/// thread.
ScramKeys scram_keys_of(const Secret& password, std::string salt, std::uint32_t iterations);
/// The keys and the secret with which a client proves itself.
struct ScramSecrets {
  ScramKeys keys;     ///< what the server stores
  Secret client_key;  ///< ClientKey (RFC 5802 §3), 32 octets
};
/// As scram_keys_of().
ScramSecrets scram_secrets_of(const Secret& password, std::string salt, std::uint32_t iterations);
/// Whether the keys are those of the password. Slow as scram_keys_of(); compares in constant time.
bool scram_matches(const ScramKeys& keys, const Secret& password);
/// Parses `SCRAM-SHA-256$4096:salt$StoredKey:ServerKey`, the base64 form of PostgreSQL. nullopt:
/// malformed, or too many iterations.
std::optional<ScramKeys> parse_scram_keys(std::string_view text);

/// The channel binding data of a TLS connection; empty: not available.
struct ChannelBindings {
  std::string exporter;          ///< tls-exporter (RFC 9266 §2)
  std::string server_end_point;  ///< tls-server-end-point (RFC 5929 §4)
  std::string unique;            ///< tls-unique (RFC 5929 §3), TLS 1.2 only
};

/// One exchange: first(), challenge(), finish(). For one thread at a time.
class ScramExchange {
 public:
  /// Why an exchange fails, apart from a wrong proof.
  enum class Fault {
    malformed,
    /// Client and server disagree about channel binding, as with a man in the middle.
    binding,
  };
  /// The names in the client's first message.
  struct Name {
    std::string authz_id;  ///< empty: not given
    std::string authn_id;  ///< the account
  };

  /// `plus`: the client chose SCRAM-SHA-256-PLUS. `plus_offered`: the server offered it. `bindings`
  /// outlives the exchange; null without TLS.
  ScramExchange(bool plus, bool plus_offered, const ChannelBindings* bindings)
      : plus_(plus), plus_offered_(plus_offered), bindings_(bindings) {}

  /// Takes the client's first message.
  std::variant<Name, Fault> first(std::string_view message);
  /// The server's first message. `nonce` is printable ASCII without comma, and unique.
  std::string challenge(const ScramKeys& keys, std::string_view nonce);
  /// Takes the client's final message. Gives the server's final message, or nullopt if the proof is
  /// wrong.
  std::variant<std::optional<std::string>, Fault> finish(std::string_view message) const;

 private:
  std::optional<Fault> read_binding(std::string_view flag);

  bool plus_;
  bool plus_offered_;
  const ChannelBindings* bindings_;
  std::string gs2_;         ///< the client's GS2 header, for the binding
  std::string_view bound_;  ///< the binding data that must follow it
  std::string first_bare_;
  std::string server_first_;
  std::string nonce_;
  ScramKeys keys_;
};

/// Whether a name is valid: UTF-8 without NUL (RFC 4616 §2) and without other control characters.
bool fit_identity(std::string_view name);

/// Encodes `,` and `=` in a name for a GS2 header or a SCRAM message (saslname, RFC 5801 §4,
/// RFC 5802 §5.1).
std::string sasl_name(std::string_view name);

/// The GS2 header of a SCRAM or OAUTHBEARER message: `n,a=user,` (RFC 5801 §4).
struct Gs2Header {
  std::string_view flag;  ///< "n", "y", "p=tls-exporter"
  std::string authz_id;   ///< decoded; empty: not given
  std::size_t size = 0;   ///< octets, including the second comma
};
/// nullopt: malformed. `flag` points into `message`.
std::optional<Gs2Header> parse_gs2(std::string_view message);

}  // namespace postern::smtp
