#include "net/channel_binding.h"

#include <gtest/gtest.h>
#include <memory>

#include <openssl/evp.h>
#include <openssl/rsa.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>

namespace postern::net {
namespace {

struct Free {
  void operator()(EVP_PKEY* key) const { EVP_PKEY_free(key); }
  void operator()(X509* certificate) const { X509_free(certificate); }
  void operator()(SSL_CTX* context) const { SSL_CTX_free(context); }
  void operator()(SSL* ssl) const { SSL_free(ssl); }
  void operator()(SSL_SESSION* session) const { SSL_SESSION_free(session); }
  void operator()(EVP_MD_CTX* context) const { EVP_MD_CTX_free(context); }
};
using Key = std::unique_ptr<EVP_PKEY, Free>;
using OwnCertificate = std::unique_ptr<X509, Free>;
using Context = std::unique_ptr<SSL_CTX, Free>;
using Ssl = std::unique_ptr<SSL, Free>;

Key rsa() { return Key(EVP_RSA_gen(2048)); }
Key ed25519() { return Key(EVP_PKEY_Q_keygen(nullptr, nullptr, "ED25519")); }

enum class Padding { pkcs1, pss };

OwnCertificate certificate(EVP_PKEY* key, const EVP_MD* digest, Padding padding = Padding::pkcs1) {
  OwnCertificate made(X509_new());
  X509_set_version(made.get(), 2);
  ASN1_INTEGER_set(X509_get_serialNumber(made.get()), 1);
  X509_gmtime_adj(X509_getm_notBefore(made.get()), 0);
  X509_gmtime_adj(X509_getm_notAfter(made.get()), 3600);
  X509_set_pubkey(made.get(), key);
  const std::unique_ptr<EVP_MD_CTX, Free> signing(EVP_MD_CTX_new());
  EVP_PKEY_CTX* options = nullptr;
  EXPECT_EQ(EVP_DigestSignInit(signing.get(), &options, digest, nullptr, key), 1);
  if (padding == Padding::pss) {
    EXPECT_EQ(EVP_PKEY_CTX_set_rsa_padding(options, RSA_PKCS1_PSS_PADDING), 1);
  }
  EXPECT_GT(X509_sign_ctx(made.get(), signing.get()), 0);
  return made;
}

std::string hash(X509* made, const EVP_MD* digest) {
  unsigned char out[EVP_MAX_MD_SIZE];
  unsigned size = 0;
  X509_digest(made, digest, out, &size);
  return {reinterpret_cast<char*>(out), size};
}

// RFC 5929 §4.1.
TEST(ServerEndPoint, hashes_by_the_function_of_the_signature) {
  const Key key = rsa();
  const struct {
    const EVP_MD* signed_by;
    Padding padding;
    const EVP_MD* wanted;
  } cases[] = {
      {EVP_md5(), Padding::pkcs1, EVP_sha256()},    {EVP_sha1(), Padding::pkcs1, EVP_sha256()},
      {EVP_sha224(), Padding::pkcs1, EVP_sha224()}, {EVP_sha256(), Padding::pkcs1, EVP_sha256()},
      {EVP_sha384(), Padding::pkcs1, EVP_sha384()}, {EVP_sha512(), Padding::pkcs1, EVP_sha512()},
      {EVP_sha384(), Padding::pss, EVP_sha384()},   {EVP_sha256(), Padding::pss, EVP_sha256()},
  };
  for (const auto& one : cases) {
    const OwnCertificate made = certificate(key.get(), one.signed_by, one.padding);
    EXPECT_EQ(server_end_point(made.get()), hash(made.get(), one.wanted))
        << EVP_MD_get0_name(one.signed_by);
  }
  const Key edwards = ed25519();
  const OwnCertificate undefined = certificate(edwards.get(), nullptr);
  EXPECT_EQ(server_end_point(undefined.get()), "") << "there is no single hash function";
}

/// A client and a server connected in memory.
class TlsPair {
 public:
  explicit TlsPair(std::uint64_t client_options = 0, int most = TLS1_3_VERSION)
      : key_(rsa()),
        certificate_(certificate(key_.get(), EVP_sha256())),
        serving_(SSL_CTX_new(TLS_server_method())),
        asking_(SSL_CTX_new(TLS_client_method())) {
    SSL_CTX_use_certificate(serving_.get(), certificate_.get());
    SSL_CTX_use_PrivateKey(serving_.get(), key_.get());
    SSL_CTX_set_session_id_context(serving_.get(), reinterpret_cast<const unsigned char*>("x"), 1);
    SSL_CTX_set_options(asking_.get(), client_options);
    SSL_CTX_set_max_proto_version(asking_.get(), most);
  }

  void shake_hands() {
    std::unique_ptr<SSL_SESSION, Free> known(client ? SSL_get1_session(client.get()) : nullptr);
    // Dropping a connection invalidates its session.
    if (client) SSL_set_shutdown(client.get(), SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
    if (server) SSL_set_shutdown(server.get(), SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
    client.reset(SSL_new(asking_.get()));
    server.reset(SSL_new(serving_.get()));
    if (known) SSL_set_session(client.get(), known.get());
    BIO* near = nullptr;
    BIO* far = nullptr;
    BIO_new_bio_pair(&near, 0, &far, 0);
    SSL_set_bio(client.get(), near, near);
    SSL_set_bio(server.get(), far, far);
    SSL_set_connect_state(client.get());
    SSL_set_accept_state(server.get());
    for (int i = 0; i < 10; ++i) {
      SSL_do_handshake(client.get());
      SSL_do_handshake(server.get());
    }
    EXPECT_EQ(SSL_is_init_finished(client.get()) + SSL_is_init_finished(server.get()), 2);
  }
  std::string exported() {
    std::string out(32, '\0');
    SSL_export_keying_material(client.get(), reinterpret_cast<unsigned char*>(out.data()), 32,
                               "EXPORTER-Channel-Binding", 24,
                               reinterpret_cast<const unsigned char*>(""), 0, 1);
    return out;
  }
  /// The Finished message of the side that sent it first.
  std::string finished() {
    char out[EVP_MAX_MD_SIZE];
    const std::size_t size = SSL_session_reused(client.get()) == 1
                                 ? SSL_get_peer_finished(client.get(), out, sizeof out)
                                 : SSL_get_finished(client.get(), out, sizeof out);
    return {out, size};
  }
  std::string end_point() { return hash(certificate_.get(), EVP_sha256()); }

  Ssl client, server;

 private:
  Key key_;
  OwnCertificate certificate_;
  Context serving_, asking_;
};

TEST(ChannelBinding, is_what_the_client_has) {
  TlsPair pair;
  pair.shake_hands();
  const ChannelBinding binding = channel_binding(pair.server.get());
  EXPECT_EQ(binding.exporter, pair.exported());
  EXPECT_EQ(binding.server_end_point, pair.end_point());
  EXPECT_EQ(binding.unique, "") << "RFC 9266 §1: TLS 1.3 has none";
}

TEST(ChannelBinding, tls_1_2_has_it_with_the_extended_master_secret) {
  TlsPair pair(0, TLS1_2_VERSION);
  std::string before;
  for (const int reused : {0, 1}) {
    pair.shake_hands();
    ASSERT_EQ(SSL_session_reused(pair.server.get()), reused);
    const ChannelBinding binding = channel_binding(pair.server.get());
    EXPECT_EQ(binding.exporter, pair.exported());
    EXPECT_EQ(binding.server_end_point, pair.end_point());
    EXPECT_EQ(binding.unique, pair.finished());
    EXPECT_EQ(binding.unique.size(), 12u);
    EXPECT_NE(binding.unique, before);
    before = binding.unique;
  }
}

TEST(ChannelBinding, nothing_is_bound_without_it) {
  TlsPair pair(SSL_OP_NO_EXTENDED_MASTER_SECRET, TLS1_2_VERSION);
  pair.shake_hands();
  const ChannelBinding binding = channel_binding(pair.server.get());
  EXPECT_EQ(binding.exporter + binding.server_end_point + binding.unique, "");
}

}  // namespace
}  // namespace postern::net
