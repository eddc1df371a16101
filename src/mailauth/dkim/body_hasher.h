#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "mailauth/dkim/canonical.h"

struct evp_md_ctx_st;

namespace mailauth::dkim {

/// A SHA-256 digest, the only hash in use (RFC 8301 §3.1 forbids SHA-1). Octets.
using Digest = std::array<unsigned char, 32>;
/// The SHA-256 digest of `bytes`. Throws std::runtime_error when libcrypto fails.
Digest sha256(std::string_view bytes);

/// Computes the body hash of RFC 6376 §3.7 for a body that arrives in chunks. Only the constructor
/// allocates memory; memory does not grow with the body. For one thread at a time.
class BodyHasher final : private CanonicalSink {
 public:
  /// `length`: the value of l=, in octets of the canonical body; only that many are hashed.
  /// Nullopt: the whole body. Throws std::runtime_error when libcrypto fails.
  explicit BodyHasher(Canonicalization form, std::optional<std::uint64_t> length = {});
  BodyHasher(const BodyHasher&) = delete;
  BodyHasher& operator=(const BodyHasher&) = delete;
  ~BodyHasher() override;

  /// Whether this hasher serves a signature with this body canonicalization and this l=.
  bool serves(Canonicalization form, std::optional<std::uint64_t> length) const {
    return form == form_ && length == length_;
  }
  /// Takes the next octets of the body, as they are in the message.
  void feed(std::string_view chunk) { canonicalizer_.feed(chunk, *this); }
  /// Ends the body. Call it once; the functions below are valid afterwards.
  void finish();

  /// The digest of the canonical body, or of its first l= octets.
  const Digest& digest() const { return digest_; }
  /// Octets of the canonical body, including those that l= leaves out.
  std::uint64_t canonical_octets() const { return octets_; }
  /// Whether l= is larger than the canonical body: the signature is invalid (RFC 6376 §3.5).
  bool length_beyond_body() const { return length_ && *length_ > octets_; }
  /// Octets of the canonical body after those that l= covers; anyone may have appended them
  /// (RFC 6376 §8.2).
  std::uint64_t unsigned_octets() const {
    return length_ && *length_ < octets_ ? octets_ - *length_ : 0;
  }

 private:
  void write(std::string_view piece) override;
  void flush();

  Canonicalization form_;
  std::optional<std::uint64_t> length_;
  BodyCanonicalizer canonicalizer_;
  std::unique_ptr<evp_md_ctx_st, void (*)(evp_md_ctx_st*)> context_;
  std::uint64_t octets_ = 0;
  std::size_t buffered_ = 0;
  std::array<char, 4096> buffer_;
  Digest digest_{};
};

}  // namespace mailauth::dkim
