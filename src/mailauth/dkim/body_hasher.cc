#include "mailauth/dkim/body_hasher.h"

#include <algorithm>
#include <cstring>
#include <stdexcept>

#include <openssl/evp.h>

namespace mailauth::dkim {
namespace {

/// Pieces of at least this many octets are hashed in place; smaller ones are buffered first.
constexpr std::size_t direct_octets = 512;

/// Fetched once: OpenSSL 3 looks the algorithm up at each use of EVP_sha256().
const EVP_MD* fetched_sha256() {
  static EVP_MD* const md = EVP_MD_fetch(nullptr, "SHA256", nullptr);
  if (md == nullptr) throw std::runtime_error("libcrypto has no SHA-256");
  return md;
}

}  // namespace

Digest sha256(std::string_view bytes) {
  Digest digest;
  if (EVP_Digest(bytes.data(), bytes.size(), digest.data(), nullptr, fetched_sha256(), nullptr) !=
      1) {
    throw std::runtime_error("SHA-256 failed");
  }
  return digest;
}

BodyHasher::BodyHasher(Canonicalization form, std::optional<std::uint64_t> length)
    : form_(form),
      length_(length),
      canonicalizer_(form),
      context_(EVP_MD_CTX_new(), EVP_MD_CTX_free) {
  if (!context_ || EVP_DigestInit_ex2(context_.get(), fetched_sha256(), nullptr) != 1) {
    throw std::runtime_error("SHA-256 failed");
  }
}

BodyHasher::~BodyHasher() = default;

void BodyHasher::write(std::string_view piece) {
  const std::uint64_t left = length_ ? *length_ - std::min(*length_, octets_) : piece.size();
  octets_ += piece.size();
  piece = piece.substr(0, std::min<std::uint64_t>(left, piece.size()));
  if (piece.size() >= direct_octets) {
    flush();
    EVP_DigestUpdate(context_.get(), piece.data(), piece.size());
    return;
  }
  if (buffered_ + piece.size() > buffer_.size()) flush();
  if (piece.empty()) return;
  std::memcpy(buffer_.data() + buffered_, piece.data(), piece.size());
  buffered_ += piece.size();
}

void BodyHasher::flush() {
  EVP_DigestUpdate(context_.get(), buffer_.data(), buffered_);
  buffered_ = 0;
}

void BodyHasher::finish() {
  canonicalizer_.finish(*this);
  flush();
  if (EVP_DigestFinal_ex(context_.get(), digest_.data(), nullptr) != 1) {
    throw std::runtime_error("SHA-256 failed");
  }
}

}  // namespace mailauth::dkim
