// Public keys in DNS, RFC 6376 §3.6: the record, and a cache of parsed keys.
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
#include "mailauth/evaluation.h"

struct evp_pkey_ctx_st;
struct evp_pkey_st;

namespace mailauth::dkim {

enum class Algorithm : std::uint8_t { rsa_sha256, ed25519_sha256, rsa_sha1 };
std::optional<Algorithm> parse_algorithm(std::string_view text);
std::string_view to_text(Algorithm algorithm);

inline constexpr std::size_t max_key_record = 4096;
inline constexpr unsigned min_rsa_bits = 1024;  ///< RFC 8301 §3.2
inline constexpr unsigned max_rsa_bits = 4096;

enum class KeyType : std::uint8_t { rsa, ed25519 };

struct KeyRecord {
  KeyType type = KeyType::rsa;
  unsigned bits = 0;
  bool allows_sha256 = true;    ///< h=
  bool allows_email = true;     ///< s=
  bool testing = false;         ///< t=y
  bool exact_identity = false;  ///< t=s
  std::shared_ptr<evp_pkey_st> key;
  /// RSA: set up to verify; never used itself, only copied.
  std::shared_ptr<const evp_pkey_ctx_st> prepared;
};

/// The reason is one of the key_ ones, or the record is usable: a key of a permitted size. g= (RFC
/// 4871) and n= are ignored, as RFC 6376 §3.6.1 does with tags it does not know.
tl::expected<KeyRecord, Reason> parse_key_record(std::string_view text);

/// What keeps this key from verifying signatures of that algorithm; Reason::ok when nothing.
Reason key_trouble(const KeyRecord& key, Algorithm algorithm);

/// Whether `value` is a signature by `key` of the data with this SHA-256 (RFC 6376 §3.3.2, RFC 8463
/// §3). The key must suit the algorithm (key_trouble).
bool verify_digest(const KeyRecord& key, const Digest& digest, std::string_view value);

using ParsedKey = tl::expected<std::shared_ptr<const KeyRecord>, Reason>;

/// Parsed records by their text: parsing a key costs several verifications. Least recently used
/// records go first. May be shared by threads.
class KeyCache {
 public:
  explicit KeyCache(std::size_t capacity = 1024) : capacity_(capacity) {}
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

/// Asks for the key record at `name` (selector._domainkey.domain). `cache` may be null; otherwise
/// it must outlive the evaluation.
Evaluation<ParsedKey> find_key(std::string name, KeyCache* cache);

}  // namespace mailauth::dkim
