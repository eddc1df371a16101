#include "base/hmac.h"

#include <array>
#include <memory>
#include <new>

#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/params.h>

#include "base/owned.h"

namespace postern {

namespace {

const unsigned char* octets_of(std::string_view text) {
  return reinterpret_cast<const unsigned char*>(text.data());
}

}  // namespace

std::string hmac(const char* digest, std::string_view key,
                 std::span<const std::string_view> pieces) {
  // Fetched once: in OpenSSL 3 the lookup costs more than a short HMAC.
  static EVP_MAC* const algorithm = EVP_MAC_fetch(nullptr, "HMAC", nullptr);
  const Owned<EVP_MAC_CTX, EVP_MAC_CTX_free> context(EVP_MAC_CTX_new(algorithm));
  const std::array parameters{
      OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, const_cast<char*>(digest), 0),
      OSSL_PARAM_construct_end()};
  // With a null key EVP_MAC_init() keeps the previous key, so an empty key must not be null.
  if (key.data() == nullptr) key = "";
  bool good =
      context && EVP_MAC_init(context.get(), octets_of(key), key.size(), parameters.data()) == 1;
  for (const std::string_view piece : pieces) {
    good = good && EVP_MAC_update(context.get(), octets_of(piece), piece.size()) == 1;
  }
  std::string code(EVP_MAX_MD_SIZE, '\0');
  std::size_t size = 0;
  good = good && EVP_MAC_final(context.get(), reinterpret_cast<unsigned char*>(code.data()), &size,
                               code.size()) == 1;
  if (!good) throw std::bad_alloc();
  code.resize(size);
  return code;
}

std::string hmac_sha256(std::string_view key, std::string_view text) {
  return hmac("SHA256", key, {&text, 1});
}

std::string hmac_sha256(const Secret& key, std::string_view text) {
  return hmac_sha256(std::string_view(key.reveal()), text);
}

}  // namespace postern
