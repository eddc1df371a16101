#include "net/client_certificate.h"

#include <fstream>

#include <gtest/gtest.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#include "base/owned.h"
#include "base/temporary_folder_test.h"
#include "net/tls.h"

namespace postern::net {
namespace {

using ReadCertificate = Owned<X509, X509_free>;

class ClientCertificate : public testing::Test {
 protected:
  /// A self-signed certificate for `name`, in the files NAME.pem and NAME.key.
  ReadCertificate made(const std::string& name) {
    EXPECT_TRUE(ensure_self_signed(folder_.file(name + ".pem"), folder_.file(name + ".key"), name));
    std::FILE* file = std::fopen(folder_.file(name + ".pem").c_str(), "r");
    ReadCertificate read(file != nullptr ? PEM_read_X509(file, nullptr, nullptr, nullptr)
                                         : nullptr);
    if (file != nullptr) std::fclose(file);
    EXPECT_TRUE(read);
    return read;
  }
  static PeerCertificate judged(const ClientCertificateCheck::Settings& settings,
                                const ReadCertificate& certificate) {
    const auto check = ClientCertificateCheck::load(settings);
    EXPECT_TRUE(check);
    return check ? (*check)->of(certificate.get(), nullptr) : PeerCertificate{};
  }
  static std::string hex(const unsigned char* octets, unsigned size) {
    std::string out;
    char two[4];
    for (unsigned i = 0; i < size; ++i) {
      std::snprintf(two, sizeof two, "%02X", octets[i]);
      out += (out.empty() ? "" : ":") + std::string(two);
    }
    return out;
  }

  const tests::TemporaryFolder folder_;
};

TEST_F(ClientCertificate, is_known_by_its_name_and_two_fingerprints) {
  const ReadCertificate certificate = made("client.example.com");
  const PeerCertificate peer = judged({}, certificate);
  EXPECT_EQ(peer.common_name, "client.example.com");
  unsigned char octets[EVP_MAX_MD_SIZE];
  unsigned size = 0;
  ASSERT_EQ(X509_digest(certificate.get(), EVP_sha256(), octets, &size), 1);
  EXPECT_EQ(peer.fingerprint, hex(octets, size));
  unsigned char* key = nullptr;
  const int length = i2d_PUBKEY(X509_get0_pubkey(certificate.get()), &key);
  ASSERT_GT(length, 0);
  ASSERT_EQ(EVP_Digest(key, static_cast<std::size_t>(length), octets, &size, EVP_sha256(), nullptr),
            1);
  OPENSSL_free(key);
  EXPECT_EQ(peer.key_fingerprint, hex(octets, size));
  EXPECT_FALSE(peer.trusted);
  EXPECT_EQ(peer.issuer, "client.example.com");  // signed by itself
}

TEST_F(ClientCertificate, is_trusted_by_the_authorities_of_the_file_alone) {
  const ReadCertificate one = made("one.example.com");
  const ReadCertificate other = made("other.example.com");
  const ClientCertificateCheck::Settings settings{.authorities_file =
                                                      folder_.file("one.example.com.pem")};
  EXPECT_TRUE(judged(settings, one).trusted);
  EXPECT_FALSE(judged(settings, other).trusted);
}

TEST_F(ClientCertificate, has_fingerprints_of_the_digest_that_is_set) {
  const ReadCertificate certificate = made("client.example.com");
  EXPECT_EQ(judged({.digest = "md5"}, certificate).fingerprint.size(), 16 * 3 - 1u);
  EXPECT_EQ(judged({.digest = "sha512"}, certificate).fingerprint.size(), 64 * 3 - 1u);
}

TEST_F(ClientCertificate, authorities_of_the_system_are_public) {
  EXPECT_TRUE(are_public_authorities(X509_get_default_cert_dir()));
  EXPECT_TRUE(are_public_authorities("/etc/ssl/../ssl/certs/ca-certificates.crt"));
  EXPECT_FALSE(are_public_authorities("/etc/ssl/certs/our-ca.pem"));
  EXPECT_FALSE(are_public_authorities(folder_.path()));
  EXPECT_FALSE(are_public_authorities(""));
}

TEST_F(ClientCertificate, cannot_be_judged_with_wrong_settings) {
  const auto digest = ClientCertificateCheck::load({.digest = "nosuch"});
  ASSERT_FALSE(digest);
  EXPECT_NE(digest.error().message.find("nosuch"), std::string::npos);
  EXPECT_FALSE(is_digest("shake256"));
  const std::string missing = folder_.file("missing.pem");
  const auto file = ClientCertificateCheck::load({.authorities_file = missing});
  ASSERT_FALSE(file);
  EXPECT_NE(file.error().message.find(missing), std::string::npos);
}

}  // namespace
}  // namespace postern::net
