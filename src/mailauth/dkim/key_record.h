// Public keys in DNS (RFC 6376 §3.6): key records, and a cache of parsed keys.
#pragma once

#include <cstdint>
#include <list>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <tl/expected.hpp>
#include <unordered_map>

#include "mailauth/dkim/body_hasher.h"
#include "mailauth/dkim/reason.h"
#include "mailauth/dkim/terms.h"
#include "mailauth/evaluation.h"

struct evp_pkey_ctx_st;
struct evp_pkey_st;

namespace mailauth::dkim {

inline constexpr std::size_t max_key_record = 4096;  ///< octets of a key record that is read
inline constexpr unsigned min_rsa_bits = 1024;       ///< RFC 8301 §3.2
inline constexpr unsigned max_rsa_bits = 4096;       ///< larger keys make verification expensive

/// The value of k= (RFC 6376 §3.6.1, RFC 8463 §4).
enum class KeyType : std::uint8_t { rsa, ed25519 };

/// A parsed key record (RFC 6376 §3.6.1). Immutable after parsing; may be shared by threads.
struct KeyRecord {
  KeyType type = KeyType::rsa;       ///< k=
  unsigned bits = 0;                 ///< size of the key; 256 for Ed25519
  bool allows_sha256 = true;         ///< h= is absent or lists sha256
  bool allows_email = true;          ///< s= is absent or lists email or *
  bool testing = false;              ///< t=y: the domain is testing DKIM
  bool exact_identity = false;       ///< t=s: the domain of i= must equal d=
  std::shared_ptr<evp_pkey_st> key;  ///< never null in a record that parse_key_record() returned
  /// For RSA, a context ready to verify; it is copied for each verification. Null for Ed25519.
  std::shared_ptr<const evp_pkey_ctx_st> prepared;
};

/// Parses a TXT record. Errors are the Reason::key_... values; without one the key is usable and
/// its size is permitted. g= (RFC 4871 §3.6.1) and n= are ignored, as RFC 6376 §3.6.1 requires for
/// unknown tags.
tl::expected<KeyRecord, Reason> parse_key_record(std::string_view text);

/// Why this key cannot verify signatures of `algorithm`; Reason::ok when it can.
Reason key_trouble(const KeyRecord& key, Algorithm algorithm);

/// Whether `value` is a signature by `key` over data with the SHA-256 `digest` (RFC 6376 §3.3.2,
/// RFC 8463 §3). key_trouble() must have returned Reason::ok for the key. Safe to call from several
/// threads with one key.
bool verify_digest(const KeyRecord& key, const Digest& digest, std::string_view value);

/// A usable key, never null, or why there is none.
using ParsedKey = tl::expected<std::shared_ptr<const KeyRecord>, Reason>;

/// Caches parsed key records by their text, because parsing a key costs as much as several
/// verifications. Evicts the least recently used record first. May be shared by threads.
class KeyCache {
 public:
  /// `capacity`: number of records; 0: none is kept.
  explicit KeyCache(std::size_t capacity = 1024) : capacity_(capacity) {}
  /// The parsed `record`, errors included. Parses it when it is not cached.
  ParsedKey get(std::string_view record);

 private:
  struct Entry {
    std::string text;
    ParsedKey key;
  };
  std::size_t capacity_;
  std::mutex mutex_;
  std::list<Entry> entries_;  ///< most recently used first
  std::unordered_map<std::string_view, std::list<Entry>::iterator> by_text_;
};

/// Looks up the key record at `name` (selector._domainkey.domain, RFC 6376 §3.6.2.1).
/// Reason::key_unavailable is a temporary error. `cache` may be null; otherwise it must outlive the
/// evaluation.
Evaluation<ParsedKey> find_key(std::string name, KeyCache* cache);

}  // namespace mailauth::dkim
