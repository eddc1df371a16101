#include "deliver/signature.h"

#include <array>
#include <memory>
#include <new>
#include <optional>

#include <fmt/format.h>
#include <sodium.h>

#include "base/hmac.h"
#include "base/text.h"

namespace postern::deliver {
namespace {

/// Decodes the key in "whsec_" + base64.
std::optional<Secret> key_of(const Secret& secret) {
  constexpr std::string_view prefix = "whsec_";
  const std::string& text = secret.reveal();
  if (!text.starts_with(prefix)) return std::nullopt;
  std::optional<std::string> key = base64_decode(std::string_view(text).substr(prefix.size()));
  if (!key || key->empty()) return std::nullopt;
  return Secret(std::move(*key));
}

using Scalar = std::array<unsigned char, crypto_core_ed25519_SCALARBYTES>;
using Hash = std::array<unsigned char, crypto_hash_sha512_BYTES>;

/// SHA-512 of `head` and then the pieces, as an integer modulo the group order.
Scalar hash_to_scalar(const std::vector<std::string_view>& head,
                      const std::vector<std::string_view>& pieces) {
  crypto_hash_sha512_state state;
  crypto_hash_sha512_init(&state);
  for (const auto* part : {&head, &pieces})
    for (const std::string_view piece : *part)
      crypto_hash_sha512_update(&state, reinterpret_cast<const unsigned char*>(piece.data()),
                                piece.size());
  Hash hash;
  crypto_hash_sha512_final(&state, hash.data());
  Scalar scalar;
  crypto_core_ed25519_scalar_reduce(scalar.data(), hash.data());
  sodium_memzero(hash.data(), hash.size());
  sodium_memzero(&state, sizeof state);
  return scalar;
}

template <std::size_t n>
std::string_view text_of(const std::array<unsigned char, n>& octets) {
  return {reinterpret_cast<const char*>(octets.data()), n};
}

}  // namespace

SigningKeys SigningKeys::of(const policy::Webhook& webhook,
                            std::chrono::system_clock::time_point at) {
  SigningKeys keys{.secrets = {webhook.secret}, .ed25519_seed = webhook.signing_key};
  if (webhook.previous_secret && at < webhook.previous_expires_at)
    keys.secrets.push_back(*webhook.previous_secret);
  return keys;
}

std::string ed25519_sign(const Secret& seed, const std::vector<std::string_view>& pieces) {
  // The hash of the seed is the scalar a (clamped) and the nonce's prefix (RFC 8032 §5.1.5).
  std::array<unsigned char, 64> expanded;
  crypto_hash_sha512(expanded.data(), reinterpret_cast<const unsigned char*>(seed.reveal().data()),
                     32);
  expanded[0] &= 248;
  expanded[31] &= 127;
  expanded[31] |= 64;
  const std::string_view prefix = text_of(expanded).substr(32);
  std::array<unsigned char, 64> wide{};
  std::copy_n(expanded.begin(), 32, wide.begin());
  Scalar a;
  crypto_core_ed25519_scalar_reduce(a.data(), wide.data());
  std::array<unsigned char, crypto_core_ed25519_BYTES> public_key;
  crypto_scalarmult_ed25519_base_noclamp(public_key.data(), a.data());

  // RFC 8032 §5.1.6 steps 2 to 5.
  Scalar r = hash_to_scalar({prefix}, pieces);
  std::array<unsigned char, crypto_core_ed25519_BYTES> big_r;
  crypto_scalarmult_ed25519_base_noclamp(big_r.data(), r.data());
  const Scalar k = hash_to_scalar({text_of(big_r), text_of(public_key)}, pieces);
  Scalar product;
  Scalar s;
  crypto_core_ed25519_scalar_mul(product.data(), k.data(), a.data());
  crypto_core_ed25519_scalar_add(s.data(), r.data(), product.data());
  std::string signature(text_of(big_r));
  signature += text_of(s);
  sodium_memzero(expanded.data(), expanded.size());
  sodium_memzero(wide.data(), wide.size());
  sodium_memzero(a.data(), a.size());
  sodium_memzero(r.data(), r.size());
  sodium_memzero(product.data(), product.size());
  return signature;
}

Result<std::vector<std::pair<std::string, std::string>>> sign(const SigningKeys& keys,
                                                              const std::string& message_id,
                                                              std::int64_t unix_seconds,
                                                              std::string_view body) {
  const std::string timestamp = fmt::format("{}", unix_seconds);
  const std::string head = fmt::format("{}.{}.", message_id, timestamp);
  const std::vector<std::string_view> content{head, body};
  std::string entries;
  for (const Secret& secret : keys.secrets) {
    const std::optional<Secret> key = key_of(secret);
    if (!key) return fail(Fault::bug, "the webhook's secret is malformed");
    if (!entries.empty()) entries += ' ';
    entries += "v1," + base64_encode(hmac("SHA256", key->reveal(), content));
  }
  if (keys.secrets.empty()) return fail(Fault::bug, "the webhook has no secret");
  if (!keys.ed25519_seed.empty()) {
    if (keys.ed25519_seed.size() != crypto_sign_SEEDBYTES)
      return fail(Fault::bug, "the account's signing key is malformed");
    entries += " v1a," + base64_encode(ed25519_sign(keys.ed25519_seed, content));
  }
  const std::string digest = hmac_sha256(keys.secrets.front(), body);
  std::vector<std::pair<std::string, std::string>> fields;
  fields.emplace_back("webhook-id", message_id);
  fields.emplace_back("webhook-timestamp", timestamp);
  fields.emplace_back("webhook-signature", std::move(entries));
  fields.emplace_back("X-Conduit-Signature", "sha256=" + hex_encode(digest));
  return fields;
}

}  // namespace postern::deliver
