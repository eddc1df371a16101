// The client's side of AUTH (RFC 4954): SCRAM-SHA-256 (RFC 5802, 7677), PLAIN (RFC 4616), LOGIN.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/secret.h"

namespace postern::smtp {

struct ClientCredentials {
  std::string user;
  Secret password;    ///< used as it is: SASLprep (RFC 4013) is left to who configures it
  std::string nonce;  ///< for SCRAM: printable, without comma, new for each connection
};

/// One exchange. Responses hold the password or proofs of it and are never logged.
class ClientAuth {
 public:
  /// Rounds of PBKDF2 a server may ask for: as many take a fraction of a second.
  static constexpr std::uint64_t max_iterations = 600'000;

  /// Chooses the best of what the server offers; nullopt when it has none we know.
  /// `credentials` must outlive the exchange.
  static std::optional<ClientAuth> choose(const std::vector<std::string>& offered,
                                          const ClientCredentials& credentials);

  /// `AUTH ...` without CRLF.
  std::string command();
  /// What to answer to a 334 with this text, without CRLF; nullopt: the server makes no sense, or
  /// could not prove that it knows the password. Answer `*` then (RFC 4954 §4).
  std::optional<std::string> respond(std::string_view challenge);
  /// 235 was said: false when a SCRAM server has not proven itself.
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
  std::string server_signature_;  ///< what a SCRAM server must prove, in base64
};

}  // namespace postern::smtp
