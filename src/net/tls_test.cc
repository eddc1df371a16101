#include "net/tls.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#include "base/owned.h"
#include "base/temporary_folder_test.h"

namespace postern::net {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

class TlsFromText : public ::testing::Test {
 protected:
  TlsFromText() {
    for (const std::string one : {"a", "b"}) {
      EXPECT_TRUE(ensure_self_signed(folder_.file(one + ".crt"), folder_.file(one + ".key"),
                                     one + ".example"));
    }
  }

  TlsContext::Pem pem(const std::string& certificate, const std::string& key) {
    return {.certificate = certificate,
            .key = Secret(key),
            .certificate_name = "tls_certificate",
            .key_name = "tls_private_key"};
  }
  std::string part(const std::string& name) { return tests::read_file(folder_.file(name)); }

  tests::TemporaryFolder folder_;
};

TEST_F(TlsFromText, takes_a_certificate_with_its_chain) {
  const auto alone = TlsContext::load(pem(part("a.crt"), part("a.key")));
  ASSERT_TRUE(alone) << alone.error().message;
  EXPECT_GT((*alone)->not_after(),
            std::chrono::floor<std::chrono::microseconds>(std::chrono::system_clock::now()));
  const auto chain = TlsContext::load(pem(part("a.crt") + part("b.crt"), part("a.key")));
  EXPECT_TRUE(chain);
}

// RFC 5280 §4.1.2.5: a certificate without a well-defined end has this one.
TEST_F(TlsFromText, knows_an_end_in_the_year_9999) {
  const std::string text = part("a.crt");
  const std::unique_ptr<BIO, int (*)(BIO*)> from(
      BIO_new_mem_buf(text.data(), static_cast<int>(text.size())), BIO_free);
  const std::unique_ptr<X509, void (*)(X509*)> own(
      PEM_read_bio_X509(from.get(), nullptr, nullptr, nullptr), X509_free);
  ASSERT_TRUE(own);
  ASSERT_EQ(ASN1_TIME_set_string(X509_getm_notAfter(own.get()), "99991231235959Z"), 1);
  const std::string secret = part("a.key");
  const std::unique_ptr<BIO, int (*)(BIO*)> key_text(
      BIO_new_mem_buf(secret.data(), static_cast<int>(secret.size())), BIO_free);
  const std::unique_ptr<EVP_PKEY, void (*)(EVP_PKEY*)> key(
      PEM_read_bio_PrivateKey(key_text.get(), nullptr, nullptr, nullptr), EVP_PKEY_free);
  ASSERT_NE(X509_sign(own.get(), key.get(), EVP_sha256()), 0);
  const std::unique_ptr<BIO, int (*)(BIO*)> to(BIO_new(BIO_s_mem()), BIO_free);
  ASSERT_EQ(PEM_write_bio_X509(to.get(), own.get()), 1);
  char* data = nullptr;
  const long size = BIO_get_mem_data(to.get(), &data);
  const auto context =
      TlsContext::load(pem(std::string(data, static_cast<std::size_t>(size)), secret));
  ASSERT_TRUE(context) << context.error().message;
  EXPECT_EQ(to_rfc3339((*context)->not_after(), 0), "9999-12-31T23:59:59Z");
}

TEST_F(TlsFromText, says_which_of_both_is_wrong_and_nothing_of_the_key) {
  const std::string key = part("b.key");
  const auto other = TlsContext::load(pem(part("a.crt"), key));
  ASSERT_FALSE(other);
  EXPECT_THAT(other.error().message, HasSubstr("tls_private_key"));
  EXPECT_THAT(other.error().message, Not(HasSubstr(key.substr(30, 20))));
  for (const std::string broken : {"", "x", "-----BEGIN CERTIFICATE-----\nAAAA\n"}) {
    const auto certificate = TlsContext::load(pem(broken, key));
    ASSERT_FALSE(certificate);
    EXPECT_THAT(certificate.error().message, HasSubstr("certificate tls_certificate"));
    const auto no_key = TlsContext::load(pem(part("a.crt"), broken));
    ASSERT_FALSE(no_key);
    EXPECT_THAT(no_key.error().message, HasSubstr("key tls_private_key"));
  }
}

/// A key of this curve and its certificate, as PEM.
std::pair<std::string, std::string> pair_of(const char* curve) {
  const Owned<EVP_PKEY, EVP_PKEY_free> key(EVP_EC_gen(curve));
  const Owned<X509, X509_free> own(X509_new());
  X509_set_version(own.get(), X509_VERSION_3);
  X509_gmtime_adj(X509_getm_notBefore(own.get()), 0);
  X509_gmtime_adj(X509_getm_notAfter(own.get()), 3600);
  X509_set_pubkey(own.get(), key.get());
  EXPECT_NE(X509_sign(own.get(), key.get(), EVP_sha256()), 0);
  const Owned<BIO, BIO_free_all> certificate(BIO_new(BIO_s_mem()));
  const Owned<BIO, BIO_free_all> secret(BIO_new(BIO_s_mem()));
  PEM_write_bio_X509(certificate.get(), own.get());
  PEM_write_bio_PrivateKey(secret.get(), key.get(), nullptr, nullptr, 0, nullptr, nullptr);
  const auto text_of = [](BIO* bio) {
    char* data = nullptr;
    const long size = BIO_get_mem_data(bio, &data);
    return std::string(data, static_cast<std::size_t>(size));
  };
  return {text_of(certificate.get()), text_of(secret.get())};
}

TEST_F(TlsFromText, takes_no_pair_that_no_client_takes) {
  const auto [usual, its_key] = pair_of("P-384");
  const auto good = TlsContext::load(pem(usual, its_key));
  EXPECT_TRUE(good) << good.error().message;
  const auto [certificate, key] = pair_of("secp256k1");
  const auto refused = TlsContext::load(pem(certificate, key));
  ASSERT_FALSE(refused) << "it fits, and no client has the curve";
  EXPECT_THAT(refused.error().message,
              HasSubstr("no client can shake hands with certificate tls_certificate"));
  const auto from_files =
      TlsContext::load(folder_.write("c.pem", certificate), folder_.write("k.pem", key));
  ASSERT_FALSE(from_files);
  EXPECT_THAT(from_files.error().message, HasSubstr("c.pem"));
}

}  // namespace
}  // namespace postern::net
