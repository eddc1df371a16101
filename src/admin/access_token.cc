#include "admin/access_token.h"

#include <algorithm>

#include <boost/json.hpp>

#include "admin/digest.h"
#include "admin/json_body.h"
#include "base/text.h"
#include "base/ulid.h"
#include "store/store.h"

namespace postern::admin {
namespace {

namespace json = boost::json;

constexpr std::chrono::hours key_lifetime{30 * 24};
/// Longer than the validity of any token.
constexpr std::chrono::hours key_memory{8 * 24};
/// Ours have about 350 octets.
constexpr std::size_t max_token = 2048;

store::Time from_unix(std::int64_t seconds) { return store::Time(std::chrono::seconds(seconds)); }

std::string_view to_text(TokenUse use) {
  switch (use) {
    case TokenUse::access:
      return "access";
    case TokenUse::second_factor:
      return "second_factor";
    case TokenUse::cookie:
      break;
  }
  return "cookie";
}

std::chrono::seconds lifetime_of(TokenUse use) {
  switch (use) {
    case TokenUse::access:
      return access_lifetime;
    case TokenUse::second_factor:
      return challenge_lifetime;
    case TokenUse::cookie:
      break;
  }
  return cookie_lifetime;
}

std::optional<std::string_view> text_member(const json::object& object, std::string_view name) {
  const json::value* value = object.if_contains(name);
  if (value == nullptr || !value->is_string()) return std::nullopt;
  return std::string_view(value->get_string().data(), value->get_string().size());
}

std::optional<json::object> decode_part(std::string_view part) {
  const std::optional<std::string> text = base64url_decode(part);
  if (!text) return std::nullopt;
  Result<json::object> object = parse_json_object(*text);
  if (!object) return std::nullopt;
  return std::move(*object);
}

/// A NumericDate (RFC 7519 §2). Text, fractions and out-of-range values are refused.
std::optional<store::Time> time_member(const json::object& object, std::string_view name) {
  const json::value* value = object.if_contains(name);
  if (value == nullptr || !value->is_int64()) return std::nullopt;
  constexpr std::int64_t year_2200 = 7'258'118'400;  // a nanosecond clock ends in 2262
  if (value->get_int64() < 0 || value->get_int64() > year_2200) return std::nullopt;
  return from_unix(value->get_int64());
}

std::optional<Claims> read_claims(const json::object& object, TokenUse use) {
  const auto kind = text_member(object, "use");
  const auto account = text_member(object, "sub");
  const auto session = text_member(object, "sid");
  const auto issued = time_member(object, "iat");
  const auto expires = time_member(object, "exp");
  if (!kind || *kind != to_text(use) || !account || !session || !issued || !expires)
    return std::nullopt;
  return Claims{use, std::string(*account), std::string(*session), *issued, *expires};
}

}  // namespace

Result<TokenKeys> TokenKeys::load(store::Store& store, store::Time now) {
  Result<std::vector<store::SigningKeyRow>> keys = store.signing_keys();
  if (!keys) return tl::unexpected(keys.error());
  for (store::SigningKeyRow& key : *keys) {
    if (key.retired_at && *key.retired_at + key_memory < now) {
      if (auto gone = store.delete_signing_key(key.kid); !gone) return tl::unexpected(gone.error());
      key.kid.clear();
    }
  }
  std::erase_if(*keys, [](const store::SigningKeyRow& key) { return key.kid.empty(); });
  if (keys->empty() || keys->front().retired_at || keys->front().created_at + key_lifetime < now) {
    store::SigningKeyRow fresh{new_id("key_"), Secret(random_bytes(32)), now, std::nullopt};
    if (auto put = store.put_signing_key(fresh); !put) return tl::unexpected(put.error());
    for (store::SigningKeyRow& old : *keys) {
      if (old.retired_at) continue;
      old.retired_at = now;
      if (auto put = store.put_signing_key(old); !put) return tl::unexpected(put.error());
    }
    keys->insert(keys->begin(), std::move(fresh));
  }
  return TokenKeys(std::move(*keys));
}

const store::SigningKeyRow* TokenKeys::find(std::string_view kid) const {
  const auto found =
      std::find_if(keys_.begin(), keys_.end(), [&](const auto& key) { return key.kid == kid; });
  return found == keys_.end() ? nullptr : &*found;
}

std::string TokenKeys::sign(const Claims& claims) const {
  const store::SigningKeyRow& key = keys_.front();
  const json::object header{{"alg", "HS256"}, {"typ", "JWT"}, {"kid", key.kid}};
  const json::object payload{{"use", to_text(claims.use)},
                             {"sub", claims.account_id},
                             {"sid", claims.session_id},
                             {"iat", unix_seconds(claims.issued_at)},
                             {"exp", unix_seconds(claims.expires_at)},
                             {"jti", new_ulid()}};
  const std::string signed_part =
      base64url_encode(json::serialize(header)) + "." + base64url_encode(json::serialize(payload));
  return signed_part + "." + base64url_encode(hmac_sha256(key.key, signed_part));
}

tl::expected<Claims, TokenFault> TokenKeys::verify(std::string_view token, TokenUse use,
                                                   store::Time now) const {
  const auto refuse = [](TokenFault fault) { return tl::unexpected<TokenFault>(fault); };
  const std::vector<std::string_view> parts = split(token, '.');
  if (token.size() > max_token || parts.size() != 3) return refuse(TokenFault::malformed);
  const auto header = decode_part(parts[0]);
  if (!header) return refuse(TokenFault::malformed);
  const auto algorithm = text_member(*header, "alg");
  const auto kid = text_member(*header, "kid");
  // Refuses critical extensions (RFC 7515 §4.1.11). jku, x5u and jwk are never read.
  if (!algorithm || *algorithm != "HS256" || !kid || header->contains("crit"))
    return refuse(TokenFault::forged);
  const store::SigningKeyRow* key = find(*kid);
  if (key == nullptr) return refuse(TokenFault::forged);
  const std::string expected =
      base64url_encode(hmac_sha256(key->key, token.substr(0, token.rfind('.'))));
  // Compares the text, so that padding or stray bits give no second form of a signature.
  if (!equal_in_constant_time(expected, parts[2])) return refuse(TokenFault::forged);
  const auto payload = decode_part(parts[1]);
  if (!payload) return refuse(TokenFault::malformed);
  const std::optional<Claims> claims = read_claims(*payload, use);
  if (!claims) return refuse(TokenFault::malformed);
  if (claims->issued_at > now + clock_skew) return refuse(TokenFault::malformed);
  if (claims->expires_at > claims->issued_at + lifetime_of(use))
    return refuse(TokenFault::malformed);
  if (claims->expires_at + clock_skew <= now) return refuse(TokenFault::expired);
  return *claims;
}

}  // namespace postern::admin
