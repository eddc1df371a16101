// The client side of AUTH (RFC 4954 §4): SCRAM-SHA-256 (RFC 5802 §5, RFC 7677 §3), PLAIN
// (RFC 4616 §2), LOGIN.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/secret.h"

namespace postern::smtp {

/// The login at the next hop.
struct ClientCredentials {
  /// UTF-8, used unchanged.
  std::string user;
  Secret password;  ///< used unchanged: SASLprep (RFC 4013 §2) is left to the operator
  std::string
      nonce;  ///< for SCRAM: printable, without comma, new for each connection; empty: no SCRAM
};

/// One exchange. Responses contain the password or proofs of it and are never logged. For one
/// thread at a time.
class ClientAuth {
 public:
  /// The largest PBKDF2 iteration count accepted from a server; it takes a fraction of a second.
  static constexpr std::uint64_t max_iterations = 600'000;

  /// Chooses the best mechanism offered; nullopt: none is supported. `credentials` must outlive the
  /// exchange.
  static std::optional<ClientAuth> choose(const std::vector<std::string>& offered,
                                          const ClientCredentials& credentials);

  /// The `AUTH` command without CRLF; may include an initial response.
  std::string command();
  /// The answer to a 334 reply with this text, without CRLF. nullopt: the challenge is invalid, or
  /// the server's proof is wrong; the caller then sends `*` (RFC 4954 §4).
  std::optional<std::string> respond(std::string_view challenge);
  /// After 235: false if SCRAM is not finished, so that the server has not proved that it knows the
  /// password.
  bool complete() const;

 private:
  enum class Mechanism : std::uint8_t { scram_sha_256, plain, login };
  enum class Step : std::uint8_t { first, second, done };

  ClientAuth(Mechanism mechanism, const ClientCredentials& credentials)
      : mechanism_(mechanism), credentials_(&credentials) {}
  std::optional<std::string> scram_final(std::string_view server_first);

  Mechanism mechanism_;
  const ClientCredentials* credentials_;
  Step step_ = Step::first;
  std::string first_bare_;        ///< SCRAM client-first-message-bare
  std::string server_signature_;  ///< what a SCRAM server must prove, base64
};

}  // namespace postern::smtp
