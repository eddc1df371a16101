#include "mailauth/dkim/key_record.h"

#include <gtest/gtest.h>
#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/param_build.h>
#include <openssl/x509.h>

#include "base/text.h"
#include "mailauth/dkim/sign.h"

namespace mailauth::dkim {
namespace {

const std::string ed25519_key = "11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=";

Reason record_reason(std::string_view record) {
  const auto key = parse_key_record(record);
  return key ? Reason::ok : key.error();
}

/// p= of an RSA key with a modulus of this many bits and this exponent; it cannot sign.
std::string rsa_data(int bits, const std::string& exponent_hex) {
  BIGNUM* modulus = BN_new();
  BIGNUM* exponent = nullptr;
  BN_set_bit(modulus, bits - 1);
  BN_set_bit(modulus, 0);
  BN_hex2bn(&exponent, exponent_hex.c_str());
  OSSL_PARAM_BLD* build = OSSL_PARAM_BLD_new();
  OSSL_PARAM_BLD_push_BN(build, OSSL_PKEY_PARAM_RSA_N, modulus);
  OSSL_PARAM_BLD_push_BN(build, OSSL_PKEY_PARAM_RSA_E, exponent);
  OSSL_PARAM* params = OSSL_PARAM_BLD_to_param(build);
  EVP_PKEY_CTX* context = EVP_PKEY_CTX_new_from_name(nullptr, "RSA", nullptr);
  EVP_PKEY* key = nullptr;
  EVP_PKEY_fromdata_init(context);
  EXPECT_EQ(EVP_PKEY_fromdata(context, &key, EVP_PKEY_PUBLIC_KEY, params), 1);
  unsigned char* der = nullptr;
  const int size = i2d_PUBKEY(key, &der);
  const std::string octets(reinterpret_cast<char*>(der), static_cast<std::size_t>(size));
  OPENSSL_free(der);
  EVP_PKEY_free(key);
  EVP_PKEY_CTX_free(context);
  OSSL_PARAM_free(params);
  OSSL_PARAM_BLD_free(build);
  BN_free(modulus);
  BN_free(exponent);
  return postern::base64_encode(octets);
}

TEST(KeyRecord, reads_flags_services_and_hashes) {
  const auto key = parse_key_record(
      "v=DKIM1; k=ed25519; h=sha1 : sha256; s=tlsrpt:email; t=y:s:u;"
      " g=*; n=a note; p=" +
      ed25519_key);
  ASSERT_TRUE(key);
  EXPECT_EQ(key->type, KeyType::ed25519);
  EXPECT_EQ(key->bits, 256u);
  EXPECT_TRUE(key->allows_sha256 && key->allows_email && key->testing && key->exact_identity);
  const auto other = parse_key_record("k=ed25519; h=sha1; s=tlsrpt; t=yes; p=" + ed25519_key + ";");
  ASSERT_TRUE(other);
  EXPECT_FALSE(other->allows_sha256 || other->allows_email || other->testing ||
               other->exact_identity);
}

TEST(KeyRecord, each_trouble_has_its_reason) {
  const std::string p = "; p=" + ed25519_key;
  const std::vector<std::pair<std::string, Reason>> cases = {
      {"", Reason::key_tags_malformed},
      {"v=spf1 -all", Reason::key_version_unsupported},
      {"not a record", Reason::key_tags_malformed},
      {"v=DKIM2; k=ed25519" + p, Reason::key_version_unsupported},
      {"k=ed25519; v=DKIM1" + p, Reason::key_version_unsupported},
      {"v=dkim1; k=ed25519" + p, Reason::key_version_unsupported},
      {"v=DKIM1; k=ed25519", Reason::key_malformed},
      {"v=DKIM1; p=", Reason::key_revoked},
      {"v=DKIM1; k=dsa" + p, Reason::key_type_unknown},
      {"v=DKIM1; k=rsa" + p, Reason::key_malformed},
      {"v=DKIM1; k=ed25519; p=AAAA", Reason::key_malformed},
      {"v=DKIM1; k=ed25519; p=%%%%", Reason::key_malformed},
      {"v=DKIM1; k=ed25519; k=ed25519" + p, Reason::key_tags_malformed},
      {"v=DKIM1; p=" + rsa_data(1023, "010001"), Reason::key_too_short},
      {"v=DKIM1; p=" + rsa_data(512, "010001"), Reason::key_too_short},
      {"v=DKIM1; p=" + rsa_data(1024, "010001"), Reason::ok},
      {"v=DKIM1; p=" + rsa_data(4096, "03"), Reason::ok},
      {"v=DKIM1; p=" + rsa_data(4097, "010001"), Reason::key_too_large},
      {"v=DKIM1; p=" + rsa_data(16384, "010001"), Reason::key_too_large},
      {"v=DKIM1; p=" + rsa_data(2048, "01"), Reason::key_exponent},
      {"v=DKIM1; p=" + rsa_data(2048, "010000"), Reason::key_exponent},
      {"v=DKIM1; p=" + rsa_data(2048, "0100000001"), Reason::key_exponent},
      {"v=DKIM1; p=" + rsa_data(2048, "FFFFFFFF"), Reason::ok},
      {"v=DKIM1; n=" + std::string(4096, 'x') + p, Reason::key_record_too_long},
  };
  for (const auto& [record, reason] : cases) {
    EXPECT_EQ(to_text(record_reason(record)), to_text(reason)) << record.substr(0, 60);
  }
}

TEST(KeyRecord, bare_rsa_keys_are_read_and_octets_behind_the_key_are_not) {
  const std::string info = *postern::base64_decode(rsa_data(2048, "010001"));
  // In SubjectPublicKeyInfo, 24 octets precede the RSAPublicKey in its bit string.
  EXPECT_EQ(record_reason("p=" + postern::base64_encode(info.substr(24))), Reason::ok);
  EXPECT_EQ(record_reason("p=" + postern::base64_encode(info + "x")), Reason::key_malformed);
}

TEST(KeyRecord, ten_thousand_tags_are_refused_unread) {
  std::string record = "v=DKIM1";
  for (int i = 0; i < 10'000; ++i) record += "; t" + std::to_string(i) + "=x";
  EXPECT_EQ(record_reason(record), Reason::key_record_too_long);
}

TEST(KeyRecord, what_a_key_may_verify) {
  KeyRecord key{.type = KeyType::rsa};
  EXPECT_EQ(key_trouble(key, Algorithm::rsa_sha256), Reason::ok);
  EXPECT_EQ(key_trouble(key, Algorithm::ed25519_sha256), Reason::key_other_algorithm);
  EXPECT_EQ(key_trouble(key, Algorithm::rsa_sha1), Reason::algorithm_sha1);
  key.allows_email = false;
  EXPECT_EQ(key_trouble(key, Algorithm::rsa_sha256), Reason::key_service_not_email);
  key.allows_sha256 = false;
  EXPECT_EQ(key_trouble(key, Algorithm::rsa_sha256), Reason::key_hash_not_allowed);
}

TEST(KeyRecord, trouble_leaves_nothing_in_the_error_queue_of_the_thread) {
  ERR_clear_error();
  EXPECT_EQ(record_reason("p=" + ed25519_key), Reason::key_malformed);
  EXPECT_EQ(ERR_peek_error(), 0u);
  const auto key = parse_key_record("p=" + rsa_data(1024, "010001"));
  ASSERT_TRUE(key);
  EXPECT_FALSE(verify_digest(*key, sha256(""), std::string(128, 'x')));
  EXPECT_EQ(ERR_peek_error(), 0u);
}

TEST(KeyCache, gives_the_same_key_for_the_same_text_and_forgets_the_oldest) {
  KeyCache cache(2);
  const std::string first = "k=ed25519; n=1; p=" + ed25519_key;
  const std::string second = "k=ed25519; n=2; p=" + ed25519_key;
  const auto key = cache.get(first);
  ASSERT_TRUE(key);
  EXPECT_EQ(cache.get(second)->get() == key->get(), false);
  EXPECT_EQ(cache.get(first)->get(), key->get());
  EXPECT_EQ(cache.get("v=DKIM1; p=").error(), Reason::key_revoked);  // evicts the second
  EXPECT_EQ(cache.get(first)->get(), key->get());
  cache.get(second);
  cache.get("v=DKIM1; p=");
  EXPECT_NE(cache.get(first)->get(), key->get());
  EXPECT_EQ((*key)->bits, 256u);
}

Reason reason_for(Answer answer) {
  auto lookup = find_key("sel._domainkey.example.org", nullptr);
  EXPECT_EQ(*lookup.next(), (Question{"sel._domainkey.example.org", RecordType::txt}));
  lookup.feed(std::move(answer));
  EXPECT_EQ(lookup.next(), nullptr);
  const ParsedKey key = lookup.result();
  return key ? Reason::ok : key.error();
}

TEST(KeyRecord, answers_that_hold_no_key) {
  using enum Answer::Status;
  EXPECT_EQ(reason_for({.status = failure, .records = {}}), Reason::key_unavailable);
  EXPECT_EQ(reason_for({.status = nx_domain, .records = {}}), Reason::key_missing);
  EXPECT_EQ(reason_for({.status = no_data, .records = {}}), Reason::key_missing);
  EXPECT_EQ(reason_for({.status = found, .records = {}}), Reason::key_missing);
  const std::string good = "k=ed25519; p=" + ed25519_key;
  EXPECT_EQ(reason_for({.status = found, .records = {good}}), Reason::ok);
  EXPECT_EQ(reason_for({.status = found, .records = {good, good}}), Reason::key_several);
  EXPECT_EQ(reason_for({.status = found, .records = std::vector<std::string>(500, "x")}),
            Reason::key_several);
}

}  // namespace
}  // namespace mailauth::dkim
