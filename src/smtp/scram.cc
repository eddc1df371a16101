#include "smtp/scram.h"

#include <algorithm>
#include <array>

#include <fmt/format.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>

#include "base/hmac.h"
#include "base/sha256.h"
#include "base/text.h"
#include "smtp/saslprep.h"

namespace postern::smtp {
namespace {

constexpr std::size_t digest_size = 32;

const unsigned char* octets(std::string_view text) {
  return reinterpret_cast<const unsigned char*>(text.data());
}

bool same(std::string_view a, std::string_view b) {
  return a.size() == b.size() && CRYPTO_memcmp(a.data(), b.data(), a.size()) == 0;
}

/// RFC 5802 §5.1: `=2C` is a comma and `=3D` an equals sign; other uses of `=` are invalid.
std::optional<std::string> decoded_name(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '=') {
      out += text[i];
      continue;
    }
    const std::string_view code = text.substr(i, 3);
    if (code != "=2C" && code != "=3D") return std::nullopt;
    out += code == "=2C" ? ',' : '=';
    i += 2;
  }
  return out;
}

/// RFC 5802 §7: printable, no comma.
bool fit_nonce(std::string_view nonce) {
  return !nonce.empty() && nonce.size() <= 1024 &&
         std::all_of(nonce.begin(), nonce.end(),
                     [](char c) { return c > 0x20 && c < 0x7f && c != ','; });
}

}  // namespace

std::optional<std::string_view> scram_attribute(std::string_view message, char name) {
  for (const std::string_view part : split(message, ',')) {
    if (part.size() >= 2 && part[0] == name && part[1] == '=') return part.substr(2);
  }
  return std::nullopt;
}

ScramSecrets scram_secrets_of(const Secret& password, std::string salt, std::uint32_t iterations) {
  // RFC 5802 §2.2: Normalize() is SASLprep for stored strings. A string that cannot be prepared is
  // used unchanged, as PostgreSQL does for its verifiers.
  const Secret normalized(
      saslprep(password.reveal(), Unassigned::refused).value_or(password.reveal()));
  const std::string& text = normalized.reveal();
  std::string salted(digest_size, '\0');
  PKCS5_PBKDF2_HMAC(text.data(), static_cast<int>(text.size()), octets(salt),
                    static_cast<int>(salt.size()), static_cast<int>(iterations), EVP_sha256(),
                    static_cast<int>(salted.size()),
                    reinterpret_cast<unsigned char*>(salted.data()));
  ScramSecrets made;
  made.client_key = Secret(hmac_sha256(salted, "Client Key"));
  made.keys = {.salt = std::move(salt),
               .iterations = iterations,
               .stored_key = sha256(made.client_key.reveal()),
               .server_key = hmac_sha256(salted, "Server Key")};
  OPENSSL_cleanse(salted.data(), salted.size());
  return made;
}

ScramKeys scram_keys_of(const Secret& password, std::string salt, std::uint32_t iterations) {
  return scram_secrets_of(password, std::move(salt), iterations).keys;
}

bool scram_matches(const ScramKeys& keys, const Secret& password) {
  const ScramKeys made = scram_keys_of(password, keys.salt, keys.iterations);
  return same(made.stored_key, keys.stored_key) && same(made.server_key, keys.server_key);
}

std::optional<ScramKeys> parse_scram_keys(std::string_view text) {
  const std::vector<std::string_view> parts = split(text, '$');
  if (parts.size() != 3 || parts[0] != "SCRAM-SHA-256") return std::nullopt;
  const std::vector<std::string_view> cost = split(parts[1], ':');
  const std::vector<std::string_view> keys = split(parts[2], ':');
  if (cost.size() != 2 || keys.size() != 2) return std::nullopt;
  const auto iterations = parse_number(cost[0]);
  auto salt = base64_decode(cost[1]);
  auto stored = base64_decode(keys[0]);
  auto server = base64_decode(keys[1]);
  if (!iterations || *iterations == 0 || *iterations > max_scram_iterations || !salt ||
      salt->empty() || !stored || stored->size() != digest_size || !server ||
      server->size() != digest_size) {
    return std::nullopt;
  }
  return ScramKeys{.salt = std::move(*salt),
                   .iterations = static_cast<std::uint32_t>(*iterations),
                   .stored_key = std::move(*stored),
                   .server_key = std::move(*server)};
}

std::string sasl_name(std::string_view user) {
  std::string out;
  for (const char c : user) {
    if (c == ',') {
      out += "=2C";
    } else if (c == '=') {
      out += "=3D";
    } else {
      out += c;
    }
  }
  return out;
}

bool fit_identity(std::string_view name) {
  return is_utf8(name) && std::none_of(name.begin(), name.end(), [](char c) {
           return static_cast<unsigned char>(c) < 0x20 || c == 0x7f;
         });
}

std::optional<Gs2Header> parse_gs2(std::string_view message) {
  const std::size_t first = message.find(',');
  if (first == std::string_view::npos) return std::nullopt;
  const std::size_t second = message.find(',', first + 1);
  if (second == std::string_view::npos) return std::nullopt;
  Gs2Header header{.flag = message.substr(0, first), .authz_id = {}, .size = second + 1};
  if (header.flag != "n" && header.flag != "y" && !header.flag.starts_with("p="))
    return std::nullopt;
  std::string_view identity = message.substr(first + 1, second - first - 1);
  if (identity.empty()) return header;
  if (!identity.starts_with("a=")) return std::nullopt;
  std::optional<std::string> decoded = decoded_name(identity.substr(2));
  if (!decoded || decoded->empty() || !fit_identity(*decoded)) return std::nullopt;
  header.authz_id = std::move(*decoded);
  return header;
}

/// RFC 5802 §6: the client's channel binding flag must match what was offered and chosen.
std::optional<ScramExchange::Fault> ScramExchange::read_binding(std::string_view flag) {
  if (!flag.starts_with("p=")) {
    // `y`: the client supports channel binding but was told that the server does not.
    const bool lie = flag == "y" && plus_offered_;
    return plus_ || lie ? std::optional(Fault::binding) : std::nullopt;
  }
  if (!plus_ || bindings_ == nullptr) return Fault::binding;
  const std::string_view kind = flag.substr(2);
  if (kind == "tls-exporter") bound_ = bindings_->exporter;
  if (kind == "tls-server-end-point") bound_ = bindings_->server_end_point;
  if (kind == "tls-unique") bound_ = bindings_->unique;
  return bound_.empty() ? std::optional(Fault::binding) : std::nullopt;
}

std::variant<ScramExchange::Name, ScramExchange::Fault> ScramExchange::first(
    std::string_view message) {
  std::optional<Gs2Header> header = parse_gs2(message);
  if (!header) return Fault::malformed;
  if (const auto fault = read_binding(header->flag)) return *fault;
  gs2_ = message.substr(0, header->size);
  first_bare_ = message.substr(header->size);
  // RFC 5802 §5.1: name and nonce come first. `m=` announces a mandatory extension; none is
  // supported.
  const std::vector<std::string_view> parts = split(first_bare_, ',');
  if (parts.size() < 2 || !parts[0].starts_with("n=") || !parts[1].starts_with("r=") ||
      scram_attribute(first_bare_, 'm')) {
    return Fault::malformed;
  }
  std::optional<std::string> name = decoded_name(parts[0].substr(2));
  nonce_ = parts[1].substr(2);
  if (!name || name->empty() || !fit_identity(*name) || !fit_nonce(nonce_)) return Fault::malformed;
  return Name{std::move(header->authz_id), std::move(*name)};
}

std::string ScramExchange::challenge(const ScramKeys& keys, std::string_view nonce) {
  keys_ = keys;
  nonce_ += nonce;
  server_first_ =
      fmt::format("r={},s={},i={}", nonce_, base64_encode(keys_.salt), keys_.iterations);
  return server_first_;
}

std::variant<std::optional<std::string>, ScramExchange::Fault> ScramExchange::finish(
    std::string_view message) const {
  const std::size_t last = message.rfind(",p=");
  if (last == std::string_view::npos) return Fault::malformed;
  const std::string_view without_proof = message.substr(0, last);
  const std::optional<std::string> proof = base64_decode(message.substr(last + 3));
  const std::vector<std::string_view> parts = split(without_proof, ',');
  if (!proof || proof->size() != digest_size || parts.size() < 2 || !parts[0].starts_with("c=") ||
      !parts[1].starts_with("r=") || scram_attribute(without_proof, 'm')) {
    return Fault::malformed;
  }
  const std::optional<std::string> binding = base64_decode(parts[0].substr(2));
  if (!binding) return Fault::malformed;
  if (!same(*binding, gs2_ + std::string(bound_))) return Fault::binding;
  const std::string signed_text =
      fmt::format("{},{},{}", first_bare_, server_first_, without_proof);
  std::string client_key = hmac_sha256(keys_.stored_key, signed_text);
  for (std::size_t i = 0; i < digest_size; ++i) client_key[i] ^= (*proof)[i];
  const bool right = same(sha256(client_key), keys_.stored_key);
  if (!right || parts[1].substr(2) != nonce_) return std::optional<std::string>();
  return std::optional("v=" + base64_encode(hmac_sha256(keys_.server_key, signed_text)));
}

}  // namespace postern::smtp
