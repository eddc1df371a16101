#include "smtp/client_auth.h"

#include <algorithm>

#include "base/hmac.h"
#include "base/text.h"
#include "smtp/scram.h"

namespace postern::smtp {
std::optional<ClientAuth> ClientAuth::choose(const std::vector<std::string>& offered,
                                             const ClientCredentials& credentials) {
  const auto has = [&](std::string_view name) {
    return std::any_of(offered.begin(), offered.end(),
                       [&](const std::string& word) { return iequals(word, name); });
  };
  // SCRAM needs a nonce from the driver.
  if (has("SCRAM-SHA-256") && !credentials.nonce.empty()) {
    return ClientAuth(Mechanism::scram_sha_256, credentials);
  }
  if (has("PLAIN")) return ClientAuth(Mechanism::plain, credentials);
  if (has("LOGIN")) return ClientAuth(Mechanism::login, credentials);
  return std::nullopt;
}

std::string ClientAuth::command() {
  switch (mechanism_) {
    case Mechanism::scram_sha_256:
      first_bare_ = "n=" + sasl_name(credentials_->user) + ",r=" + credentials_->nonce;
      return "AUTH SCRAM-SHA-256 " + base64_encode("n,," + first_bare_);
    case Mechanism::plain: {
      const Secret message(std::string(1, '\0') + credentials_->user + '\0' +
                           credentials_->password.reveal());
      step_ = Step::done;
      return "AUTH PLAIN " + base64_encode(message.reveal());
    }
    case Mechanism::login:
      return "AUTH LOGIN";
  }
  return {};
}

std::optional<std::string> ClientAuth::respond(std::string_view challenge) {
  if (step_ == Step::done) return std::nullopt;
  if (mechanism_ == Mechanism::login) {
    const bool name = step_ == Step::first;
    step_ = name ? Step::second : Step::done;
    return base64_encode(name ? credentials_->user : credentials_->password.reveal());
  }
  const auto message = base64_decode(trim(challenge));
  if (!message) return std::nullopt;
  if (step_ == Step::first) {
    step_ = Step::second;
    return scram_final(*message);
  }
  const auto proof = scram_attribute(*message, 'v');
  if (scram_attribute(*message, 'm')) return std::nullopt;  // RFC 5802 §5.1
  if (!proof || server_signature_.empty() || *proof != server_signature_) return std::nullopt;
  step_ = Step::done;
  return std::string();
}

bool ClientAuth::complete() const { return step_ == Step::done; }

/// RFC 5802 §3.
std::optional<std::string> ClientAuth::scram_final(std::string_view server_first) {
  const auto nonce = scram_attribute(server_first, 'r');
  const auto salt64 = scram_attribute(server_first, 's');
  const auto rounds = scram_attribute(server_first, 'i');
  if (!nonce || !salt64 || !rounds || scram_attribute(server_first, 'm')) return std::nullopt;
  if (!nonce->starts_with(credentials_->nonce) || nonce->size() == credentials_->nonce.size()) {
    return std::nullopt;
  }
  const auto salt = base64_decode(*salt64);
  const auto iterations = parse_number(*rounds);
  if (!salt || salt->empty() || !iterations || *iterations == 0 || *iterations > max_iterations) {
    return std::nullopt;
  }
  const std::string without_proof = "c=biws,r=" + std::string(*nonce);
  const std::string signed_text =
      first_bare_ + "," + std::string(server_first) + "," + without_proof;
  const ScramSecrets secrets =
      scram_secrets_of(credentials_->password, *salt, static_cast<std::uint32_t>(*iterations));
  std::string proof = hmac_sha256(secrets.keys.stored_key, signed_text);
  for (std::size_t i = 0; i < proof.size(); ++i) proof[i] ^= secrets.client_key.reveal()[i];
  server_signature_ = base64_encode(hmac_sha256(secrets.keys.server_key, signed_text));
  return base64_encode(without_proof + ",p=" + base64_encode(proof));
}

}  // namespace postern::smtp
