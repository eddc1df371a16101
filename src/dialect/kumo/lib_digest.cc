// kumo.digest: hashes and keyed hashes.
#include <array>

#include <openssl/evp.h>
#include <boost/crc.hpp>

#include "base/hmac.h"
#include "base/owned.h"
#include "base/rfc4648.h"
#include "dialect/kumo/json_encode.h"
#include "dialect/kumo/lib_secrets.h"
#include "dialect/kumo/library.h"

namespace postern::dialect::kumo {

using script::bind;
using script::Call;
using script::demand;
using script::HostFunction;
using script::Rest;

namespace {
struct Digest {
  std::string octets;
  /// Derived from data that a login's record withholds; results read from it are recorded instead.
  bool derived = false;
};
}  // namespace

}  // namespace postern::dialect::kumo

template <>
struct postern::script::ClassName<postern::dialect::kumo::Digest> {
  static constexpr std::string_view value = "Digest";
};

/// Records keyed digests, whose key may come from a file or Vault. A recorded text that is not
/// hexadecimal is the placeholder of a withheld digest.
template <>
struct postern::script::Kept<std::shared_ptr<postern::dialect::kumo::Digest>> {
  using Made = std::shared_ptr<postern::dialect::kumo::Digest>;
  static json::value data(const Made& digest) {
    return json::string(postern::encode(digest->octets, Base::hex));
  }
  static Made again(const json::value& hex) {
    const auto octets = decode(hex.as_string(), Base::hex);
    return std::make_shared<dialect::kumo::Digest>(dialect::kumo::Digest{
        .octets = octets.value_or(std::string(hex.as_string())), .derived = !octets});
  }
};

namespace postern::dialect::kumo {

namespace {

using Made = std::shared_ptr<Digest>;

using Hash = Owned<EVP_MD, EVP_MD_free>;

/// Indexes into `openssl_names`, which has OpenSSL's names.
enum Algorithm { sha1, sha224, sha256, sha384, sha512, sha512_256, sha3_256, sha3_384, sha3_512 };
constexpr std::array<const char*, 9> openssl_names = {"SHA1",     "SHA224",   "SHA256",
                                                      "SHA384",   "SHA512",   "SHA512-256",
                                                      "SHA3-256", "SHA3-384", "SHA3-512"};

Hash fetch(Algorithm algorithm) {
  Hash hash(EVP_MD_fetch(nullptr, openssl_names[algorithm], nullptr));
  demand(hash != nullptr,
         std::string(openssl_names[algorithm]) + " is not available on this system");
  return hash;
}

std::string joined(const Rest& parts) {
  std::string octets;
  for (const json::value& part : parts.values) octets += plain_text(part);
  return octets;
}

bool derives(Call& call, const Rest& parts) {
  if (!call.judges_login()) return false;
  std::vector<std::string> texts;
  for (const json::value& part : parts.values) texts.push_back(plain_text(part));
  return call.derives("digest", {texts.begin(), texts.end()});
}

template <Algorithm algorithm>
Made digest(Call& call, Rest parts) {
  const Hash hash = fetch(algorithm);
  const std::string octets = joined(parts);
  std::array<unsigned char, EVP_MAX_MD_SIZE> out{};
  unsigned size = 0;
  const bool done =
      EVP_Digest(octets.data(), octets.size(), out.data(), &size, hash.get(), nullptr) == 1;
  demand(done, "the digest cannot be computed");
  return std::make_shared<Digest>(
      Digest{{reinterpret_cast<char*>(out.data()), size}, derives(call, parts)});
}

template <Algorithm algorithm>
Task<Made> hmac(Call& call, json::value source, Rest parts) {
  const std::string key = co_await load_key(call, std::move(source));
  const std::string octets = joined(parts);
  const std::string_view text = octets;
  co_return std::make_shared<Digest>(
      Digest{postern::hmac(openssl_names[algorithm], key, {&text, 1}), call.judges_login()});
}

Made crc32(Call& call, Rest parts) {
  const std::string octets = joined(parts);
  boost::crc_32_type sum;
  sum.process_bytes(octets.data(), octets.size());
  std::string out;
  for (int shift = 24; shift >= 0; shift -= 8) out += static_cast<char>(sum.checksum() >> shift);
  return std::make_shared<Digest>(Digest{std::move(out), derives(call, parts)});
}

/// The result of `read()`, which reads from a digest. It is recorded if the digest is `derived`.
template <class Read>
json::value of(Call& call, bool derived, Read read) {
  if (!derived) return read();
  json::value value = call.told_by("Digest", read);
  // A password may be guessed from its digest.
  if (value.is_string()) call.keep_secret(std::string(value.get_string()));
  return value;
}

template <Base base, Padding padding>
json::value digest_text(Call& call, Made digest) {
  return of(call, digest->derived,
            [&]() -> json::value { return json::value(encode(digest->octets, base, padding)); });
}
json::value digest_octets(Call& call, Made digest) {
  return of(call, digest->derived, [&]() -> json::value { return json::value(digest->octets); });
}
json::value same_digest(Call& call, Made one, std::variant<Made, std::monostate> other) {
  if (other.index() != 0) return false;
  const Digest& second = *std::get<0>(other);
  return of(call, one->derived || second.derived,
            [&]() -> json::value { return one->octets == second.octets; });
}

constexpr std::string_view keyed = "source: string|table, ...: any";

constexpr HostFunction digest_rows[] = {
    {"kumo.digest.sha1", "...: any", "Digest",
     "SHA-1 of all arguments, concatenated; values other than strings as JSON. SHA-1 is not "
     "secure: use it only for compatibility.",
     bind<&digest<sha1>>},
    {"kumo.digest.sha224", "...: any", "Digest", "SHA-224, see kumo.digest.sha256.",
     bind<&digest<sha224>>},
    {"kumo.digest.sha256", "...: any", "Digest",
     "SHA-256 of all arguments, concatenated; values other than strings as JSON. For passwords "
     "use kumo.crypto.verify_password.",
     bind<&digest<sha256>>},
    {"kumo.digest.sha384", "...: any", "Digest", "SHA-384, see kumo.digest.sha256.",
     bind<&digest<sha384>>},
    {"kumo.digest.sha512", "...: any", "Digest", "SHA-512, see kumo.digest.sha256.",
     bind<&digest<sha512>>},
    {"kumo.digest.sha512_256", "...: any", "Digest", "SHA-512/256, see kumo.digest.sha256.",
     bind<&digest<sha512_256>>},
    {"kumo.digest.sha3_256", "...: any", "Digest", "SHA3-256, see kumo.digest.sha256.",
     bind<&digest<sha3_256>>},
    {"kumo.digest.sha3_384", "...: any", "Digest", "SHA3-384, see kumo.digest.sha256.",
     bind<&digest<sha3_384>>},
    {"kumo.digest.sha3_512", "...: any", "Digest", "SHA3-512, see kumo.digest.sha256.",
     bind<&digest<sha3_512>>},
    {"kumo.digest.crc32", "...: any", "Digest",
     "CRC-32 as in ZIP files, four octets: it detects accidental changes, not forgeries.",
     bind<&crc32>},
    {"kumo.digest.hmac_sha1", keyed, "Digest", "HMAC with SHA-1, see kumo.digest.hmac_sha256.",
     with_key_source<bind<&hmac<sha1>>>},
    {"kumo.digest.hmac_sha224", keyed, "Digest", "HMAC with SHA-224, see kumo.digest.hmac_sha256.",
     with_key_source<bind<&hmac<sha224>>>},
    {"kumo.digest.hmac_sha256", keyed, "Digest",
     "HMAC (RFC 2104) with SHA-256 of all arguments but the first, which names the key as for "
     "kumo.secrets.load.",
     with_key_source<bind<&hmac<sha256>>>},
    {"kumo.digest.hmac_sha384", keyed, "Digest", "HMAC with SHA-384, see kumo.digest.hmac_sha256.",
     with_key_source<bind<&hmac<sha384>>>},
    {"kumo.digest.hmac_sha512", keyed, "Digest", "HMAC with SHA-512, see kumo.digest.hmac_sha256.",
     with_key_source<bind<&hmac<sha512>>>},
    {"Digest.bytes", "", "string", "The octets themselves.", bind<&digest_octets>},
    {"Digest.hex", "", "string", "Lower-case hexadecimal.",
     bind<&digest_text<Base::hex, Padding::without>>},
    {"Digest.base32", "", "string", "As by kumo.encode.base32_encode.",
     bind<&digest_text<Base::base32, Padding::with>>},
    {"Digest.base32_nopad", "", "string", "Without padding.",
     bind<&digest_text<Base::base32, Padding::without>>},
    {"Digest.base32hex", "", "string", "As by kumo.encode.base32hex_encode.",
     bind<&digest_text<Base::base32hex, Padding::with>>},
    {"Digest.base32hex_nopad", "", "string", "Without padding.",
     bind<&digest_text<Base::base32hex, Padding::without>>},
    {"Digest.base64", "", "string", "As by kumo.encode.base64_encode.",
     bind<&digest_text<Base::base64, Padding::with>>},
    {"Digest.base64_nopad", "", "string", "Without padding.",
     bind<&digest_text<Base::base64, Padding::without>>},
    {"Digest.base64url", "", "string", "As by kumo.encode.base64url_encode.",
     bind<&digest_text<Base::base64url, Padding::with>>},
    {"Digest.base64url_nopad", "", "string", "Without padding.",
     bind<&digest_text<Base::base64url, Padding::without>>},
    {"Digest.__tostring", "", "string", "The same as `hex`.",
     bind<&digest_text<Base::hex, Padding::without>>},
    {"Digest.__eq", "other: any", "boolean", "Whether both have the same octets.",
     bind<&same_digest>},
};

}  // namespace

script::HostTable digest_functions() { return digest_rows; }

}  // namespace postern::dialect::kumo
