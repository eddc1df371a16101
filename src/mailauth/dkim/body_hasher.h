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

/// SHA-256, the one hash in use (RFC 8301 §3.1 ended SHA-1).
using Digest = std::array<unsigned char, 32>;
Digest sha256(std::string_view bytes);

/// The body hash of RFC 6376 §3.7 of a body that comes in chunks. Allocates when it is made, never
/// later; its memory does not grow with the body.
class BodyHasher final : private CanonicalSink {
 public:
  /// `length`: the value of l=, when there is one: only so many canonical octets are hashed.
  explicit BodyHasher(Canonicalization form, std::optional<std::uint64_t> length = {});
  BodyHasher(const BodyHasher&) = delete;
  BodyHasher& operator=(const BodyHasher&) = delete;
  ~BodyHasher() override;

  bool serves(Canonicalization form, std::optional<std::uint64_t> length) const {
    return form == form_ && length == length_;
  }
  void feed(std::string_view chunk) { canonicalizer_.feed(chunk, *this); }
  /// The body is over. Once; the rest is valid afterwards.
  void finish();

  const Digest& digest() const { return digest_; }
  /// Octets of the canonical body, hashed or not.
  std::uint64_t canonical_octets() const { return octets_; }
  /// l= is longer than the body: RFC 6376 §3.5 makes the signature invalid.
  bool length_beyond_body() const { return length_ && *length_ > octets_; }
  /// Octets behind what l= covers: anybody may have written them (RFC 6376 §8.2).
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
