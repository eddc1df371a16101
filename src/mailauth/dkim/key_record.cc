#include "mailauth/dkim/key_record.h"

#include <algorithm>

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>

#include "base/owned.h"
#include "base/text.h"
#include "mailauth/dkim/signature.h"
#include "mailauth/tag_list.h"

namespace mailauth::dkim {
namespace {

constexpr std::size_t ed25519_octets = 32;

using Key = postern::Owned<EVP_PKEY, EVP_PKEY_free>;
using KeyContext = postern::Owned<EVP_PKEY_CTX, EVP_PKEY_CTX_free>;
using DigestContext = postern::Owned<EVP_MD_CTX, EVP_MD_CTX_free>;
using Number = postern::Owned<BIGNUM, BN_free>;

const unsigned char* octets(std::string_view bytes) {
  return reinterpret_cast<const unsigned char*>(bytes.data());
}

/// Whether a colon-separated list with white space around its words contains `word`.
bool lists(std::string_view list, std::string_view word) {
  const auto words = postern::split(list, ':');
  return std::any_of(words.begin(), words.end(),
                     [&](std::string_view one) { return postern::trim(one) == word; });
}

/// RFC 6376 §3.6.1 specifies RSAPublicKey; its examples and most signers use SubjectPublicKeyInfo.
Key parse_rsa(std::string_view der) {
  const unsigned char* end = octets(der);
  Key key(d2i_PUBKEY(nullptr, &end, static_cast<long>(der.size())));
  if (!key) {
    end = octets(der);
    key.reset(d2i_PublicKey(EVP_PKEY_RSA, nullptr, &end, static_cast<long>(der.size())));
  }
  if (!key || end != octets(der) + der.size()) return nullptr;
  return EVP_PKEY_get_base_id(key.get()) == EVP_PKEY_RSA ? std::move(key) : nullptr;
}

/// Checks the sizes before the key is used for any computation.
Reason rsa_trouble(const EVP_PKEY* key) {
  const auto bits = static_cast<unsigned>(EVP_PKEY_get_bits(key));
  if (bits < min_rsa_bits) return Reason::key_too_short;
  if (bits > max_rsa_bits) return Reason::key_too_large;
  BIGNUM* raw = nullptr;
  if (EVP_PKEY_get_bn_param(key, OSSL_PKEY_PARAM_RSA_E, &raw) != 1) return Reason::key_malformed;
  const Number exponent(raw);
  // RFC 8017 §3.1: odd and at least 3. More than 32 bits only make verification expensive.
  const bool usable = BN_is_odd(raw) && !BN_is_one(raw) && BN_num_bits(raw) <= 32;
  return usable ? Reason::ok : Reason::key_exponent;
}

/// RSASSA-PKCS1-v1_5 with SHA-256 (RFC 6376 §3.3.2). Preparing the context takes about a sixth of
/// the time of a verification.
KeyContext prepared_context(EVP_PKEY* key) {
  KeyContext context(EVP_PKEY_CTX_new(key, nullptr));
  const bool ready = context && EVP_PKEY_verify_init(context.get()) == 1 &&
                     EVP_PKEY_CTX_set_rsa_padding(context.get(), RSA_PKCS1_PADDING) == 1 &&
                     EVP_PKEY_CTX_set_signature_md(context.get(), EVP_sha256()) == 1;
  return ready ? std::move(context) : nullptr;
}

Reason read_key(std::string_view text, KeyRecord& record) {
  const auto bytes = decode_base64(text);
  if (!bytes) return Reason::key_malformed;
  Key key;
  if (record.type == KeyType::rsa) {
    key = parse_rsa(*bytes);
  } else if (bytes->size() == ed25519_octets) {  // RFC 8463 §4: the bare public key
    key.reset(
        EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, nullptr, octets(*bytes), bytes->size()));
  }
  if (!key) return Reason::key_malformed;
  record.bits = ed25519_octets * 8;
  if (record.type == KeyType::rsa) {
    record.bits = static_cast<unsigned>(EVP_PKEY_get_bits(key.get()));
    const Reason trouble = rsa_trouble(key.get());
    if (trouble != Reason::ok) return trouble;
  }
  record.key = std::shared_ptr<EVP_PKEY>(std::move(key));
  if (record.type == KeyType::rsa) {
    KeyContext context = prepared_context(record.key.get());
    if (!context) return Reason::key_malformed;
    record.prepared = std::shared_ptr<const EVP_PKEY_CTX>(std::move(context));
  }
  return Reason::ok;
}

bool verify_ed25519(const KeyRecord& key, const Digest& digest, std::string_view value) {
  const DigestContext context(EVP_MD_CTX_new());
  return context &&
         EVP_DigestVerifyInit(context.get(), nullptr, nullptr, nullptr, key.key.get()) == 1 &&
         EVP_DigestVerify(context.get(), octets(value), value.size(), digest.data(),
                          digest.size()) == 1;
}

bool verify_rsa(const KeyRecord& key, const Digest& digest, std::string_view value) {
  const KeyContext context(EVP_PKEY_CTX_dup(key.prepared.get()));
  return context && EVP_PKEY_verify(context.get(), octets(value), value.size(), digest.data(),
                                    digest.size()) == 1;
}

Reason read_record(const TagListView& tags, KeyRecord& record) {
  // RFC 6376 §3.6.1: v=, if present, is the first tag and its value is "DKIM1".
  if (const auto version = tags.find("v")) {
    if (*version != "DKIM1" || tags.tags().front().name != "v") {
      return Reason::key_version_unsupported;
    }
  }
  const auto data = tags.find("p");
  if (!data) return Reason::key_malformed;
  if (data->empty()) return Reason::key_revoked;
  const std::string type = postern::lower(tags.value_or("k", "rsa"));
  if (type != "rsa" && type != "ed25519") return Reason::key_type_unknown;
  record.type = type == "rsa" ? KeyType::rsa : KeyType::ed25519;
  if (const auto hashes = tags.find("h")) record.allows_sha256 = lists(*hashes, "sha256");
  if (const auto services = tags.find("s")) {
    record.allows_email = lists(*services, "*") || lists(*services, "email");
  }
  if (const auto flags = tags.find("t")) {
    record.testing = lists(*flags, "y");
    record.exact_identity = lists(*flags, "s");
  }
  const Reason trouble = read_key(*data, record);
  ERR_clear_error();
  return trouble;
}

}  // namespace

std::optional<Algorithm> parse_algorithm(std::string_view text) {
  if (text == "rsa-sha256") return Algorithm::rsa_sha256;
  if (text == "ed25519-sha256") return Algorithm::ed25519_sha256;
  if (text == "rsa-sha1") return Algorithm::rsa_sha1;
  return std::nullopt;
}

std::string_view to_text(Algorithm algorithm) {
  switch (algorithm) {
    case Algorithm::rsa_sha256:
      return "rsa-sha256";
    case Algorithm::ed25519_sha256:
      return "ed25519-sha256";
    case Algorithm::rsa_sha1:
      return "rsa-sha1";
  }
  return "";
}

tl::expected<KeyRecord, Reason> parse_key_record(std::string_view text) {
  if (text.size() > max_key_record) return tl::unexpected(Reason::key_record_too_long);
  const auto tags = TagListView::parse(text);
  if (!tags) return tl::unexpected(Reason::key_tags_malformed);
  KeyRecord record;
  const Reason trouble = read_record(*tags, record);
  if (trouble != Reason::ok) return tl::unexpected(trouble);
  return record;
}

Reason key_trouble(const KeyRecord& key, Algorithm algorithm) {
  if (algorithm == Algorithm::rsa_sha1) return Reason::algorithm_sha1;
  const KeyType needed = algorithm == Algorithm::ed25519_sha256 ? KeyType::ed25519 : KeyType::rsa;
  if (key.type != needed) return Reason::key_other_algorithm;
  if (!key.allows_sha256) return Reason::key_hash_not_allowed;
  if (!key.allows_email) return Reason::key_service_not_email;
  return Reason::ok;
}

bool verify_digest(const KeyRecord& key, const Digest& digest, std::string_view value) {
  const bool good = key.type == KeyType::ed25519 ? verify_ed25519(key, digest, value)
                                                 : verify_rsa(key, digest, value);
  // Otherwise the thread's next TLS call would report the errors queued here as its own.
  if (!good) ERR_clear_error();
  return good;
}

ParsedKey KeyCache::get(std::string_view record) {
  {
    const std::lock_guard lock(mutex_);
    if (const auto found = by_text_.find(record); found != by_text_.end()) {
      entries_.splice(entries_.begin(), entries_, found->second);
      return found->second->key;
    }
  }
  // Without the lock: another thread may parse the same record at the same time, which is harmless.
  ParsedKey key = parse_key_record(record).map(
      [](KeyRecord parsed) { return std::make_shared<const KeyRecord>(std::move(parsed)); });
  if (capacity_ == 0 || record.size() > max_key_record) return key;
  const std::lock_guard lock(mutex_);
  if (by_text_.contains(record)) return key;
  if (entries_.size() == capacity_) {
    by_text_.erase(entries_.back().text);
    entries_.pop_back();
  }
  entries_.push_front({std::string(record), key});
  by_text_.emplace(entries_.front().text, entries_.begin());
  return key;
}

Evaluation<ParsedKey> find_key(std::string name, KeyCache* cache) {
  const Answer answer = co_await Question{.name = std::move(name), .type = RecordType::txt};
  if (answer.status == Answer::Status::failure) co_return tl::unexpected(Reason::key_unavailable);
  if (!answer.has_records()) co_return tl::unexpected(Reason::key_missing);
  // RFC 6376 §3.6.2.2 leaves the result undefined when there are several records.
  if (answer.records.size() > 1) co_return tl::unexpected(Reason::key_several);
  KeyCache own(0);
  co_return (cache != nullptr ? cache : &own)->get(answer.records.front());
}

}  // namespace mailauth::dkim
