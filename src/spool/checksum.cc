#include "spool/checksum.h"

#include <new>

#include <openssl/evp.h>

namespace postern::spool {

void Checksum::Free::operator()(evp_md_ctx_st* context) const { EVP_MD_CTX_free(context); }

Checksum::Checksum() : context_(EVP_MD_CTX_new()) {
  // Fetched once: OpenSSL 3 looks an algorithm up at each EVP_sha256() use.
  static const EVP_MD* const algorithm = EVP_MD_fetch(nullptr, "SHA256", nullptr);
  if (!context_ || EVP_DigestInit_ex(context_.get(), algorithm, nullptr) != 1) {
    throw std::bad_alloc();
  }
}

void Checksum::add(std::string_view bytes) {
  EVP_DigestUpdate(context_.get(), bytes.data(), bytes.size());
}

std::string Checksum::finish() {
  std::string digest(32, '\0');
  EVP_DigestFinal_ex(context_.get(), reinterpret_cast<unsigned char*>(digest.data()), nullptr);
  return digest;
}

std::string checksum(std::string_view bytes) {
  Checksum sum;
  sum.add(bytes);
  return sum.finish();
}

}  // namespace postern::spool
