#include "base/sha256.h"

#include <new>

#include <openssl/evp.h>

namespace postern {

void Sha256::Free::operator()(evp_md_ctx_st* context) const { EVP_MD_CTX_free(context); }

Sha256::Sha256() : context_(EVP_MD_CTX_new()) {
  // Fetched once: EVP_sha256() makes OpenSSL 3 look up the algorithm on each use.
  static const EVP_MD* const algorithm = EVP_MD_fetch(nullptr, "SHA256", nullptr);
  if (!context_ || EVP_DigestInit_ex(context_.get(), algorithm, nullptr) != 1) {
    throw std::bad_alloc();
  }
}

void Sha256::add(std::string_view octets) {
  EVP_DigestUpdate(context_.get(), octets.data(), octets.size());
}

std::string Sha256::finish() {
  std::string digest(32, '\0');
  EVP_DigestFinal_ex(context_.get(), reinterpret_cast<unsigned char*>(digest.data()), nullptr);
  return digest;
}

std::string sha256(std::string_view octets) {
  Sha256 sum;
  sum.add(octets);
  return sum.finish();
}

}  // namespace postern
