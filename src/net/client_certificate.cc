#include "net/client_certificate.h"

#include <algorithm>
#include <array>
#include <filesystem>

#include <fmt/format.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include "base/owned.h"
#include "base/text.h"

namespace postern::net {

namespace {

using Digest = Owned<EVP_MD, EVP_MD_free>;

Digest digest_named(const std::string& name) {
  Digest found(EVP_MD_fetch(nullptr, name.c_str(), nullptr));
  // A digest of any length (SHAKE) makes no fingerprint.
  if (found && (EVP_MD_get_flags(found.get()) & EVP_MD_FLAG_XOF) != 0) found.reset();
  ERR_clear_error();
  return found;
}

/// The handshake goes on whatever the certificate is: `of()` says what it is worth.
int take_any(int, X509_STORE_CTX*) { return 1; }

std::string colon_hex(const std::array<unsigned char, EVP_MAX_MD_SIZE>& octets, unsigned size) {
  std::string out;
  for (unsigned i = 0; i < size; ++i) {
    out += fmt::format("{}{:02X}", i == 0 ? "" : ":", octets[i]);
  }
  return out;
}

std::string fingerprint_of(X509* certificate, const EVP_MD* digest) {
  std::array<unsigned char, EVP_MAX_MD_SIZE> octets;
  unsigned size = 0;
  if (X509_digest(certificate, digest, octets.data(), &size) != 1) return {};
  return colon_hex(octets, size);
}

std::string key_fingerprint_of(X509* certificate, const EVP_MD* digest) {
  unsigned char* der = nullptr;
  const int length = i2d_X509_PUBKEY(X509_get_X509_PUBKEY(certificate), &der);
  if (length <= 0) return {};
  std::array<unsigned char, EVP_MAX_MD_SIZE> octets;
  unsigned size = 0;
  const int done =
      EVP_Digest(der, static_cast<std::size_t>(length), octets.data(), &size, digest, nullptr);
  OPENSSL_free(der);
  return done == 1 ? colon_hex(octets, size) : std::string();
}

std::string common_name_of(X509_NAME* subject) {
  constexpr std::size_t longest = 255;
  const int at = X509_NAME_get_index_by_NID(subject, NID_commonName, -1);
  if (at < 0) return {};
  unsigned char* text = nullptr;
  const int size =
      ASN1_STRING_to_UTF8(&text, X509_NAME_ENTRY_get_data(X509_NAME_get_entry(subject, at)));
  if (size < 0) return {};
  std::string name(reinterpret_cast<const char*>(text), static_cast<std::size_t>(size));
  OPENSSL_free(text);
  return printable(name, longest);
}

bool is_trusted(X509_STORE* authorities, X509* certificate, STACK_OF(X509) * chain) {
  const Owned<X509_STORE_CTX, X509_STORE_CTX_free> check(X509_STORE_CTX_new());
  return check && X509_STORE_CTX_init(check.get(), authorities, certificate, chain) == 1 &&
         X509_STORE_CTX_set_default(check.get(), "ssl_client") == 1 &&
         X509_verify_cert(check.get()) == 1;
}

}  // namespace

bool are_public_authorities(const std::string& path) {
  if (path.empty()) return false;
  const auto where = [](const std::filesystem::path& one) {
    std::error_code ignored;
    return std::filesystem::weakly_canonical(one, ignored);
  };
  // Debian, Red Hat, Alpine.
  static constexpr const char* usual[] = {"/etc/ssl/certs", "/etc/ssl/certs/ca-certificates.crt",
                                          "/etc/ssl/cert.pem", "/etc/pki/tls/certs",
                                          "/etc/pki/tls/certs/ca-bundle.crt"};
  const auto given = where(path);
  return given == where(X509_get_default_cert_file()) ||
         given == where(X509_get_default_cert_dir()) ||
         std::ranges::any_of(usual, [&](const char* one) { return given == where(one); });
}

bool is_digest(const std::string& name) { return static_cast<bool>(digest_named(name)); }

Result<std::shared_ptr<const ClientCertificateCheck>> ClientCertificateCheck::load(
    const Settings& settings) {
  const auto bad = [](const std::string& what, const std::string& name) {
    ERR_clear_error();
    return fail(Fault::permanent, fmt::format("{} {}", what, printable(name, 300)));
  };
  if (!is_digest(settings.digest)) return bad("no digest is called", settings.digest);
  auto made = std::shared_ptr<ClientCertificateCheck>(new ClientCertificateCheck());
  made->digest_ = settings.digest;
  made->authorities_ = std::shared_ptr<X509_STORE>(X509_STORE_new(), X509_STORE_free);
  if (!made->authorities_) return fail(Fault::bug, "no store of certificates");
  const std::string& file = settings.authorities_file;
  const std::string& directory = settings.authorities_directory;
  if (!file.empty() && X509_STORE_load_file(made->authorities_.get(), file.c_str()) != 1) {
    return bad("cannot read the authorities in", file);
  }
  if (!directory.empty() &&
      X509_STORE_load_path(made->authorities_.get(), directory.c_str()) != 1) {
    return bad("cannot read the authorities in", directory);
  }
  return std::shared_ptr<const ClientCertificateCheck>(std::move(made));
}

void ClientCertificateCheck::ask(ssl_st* ssl) { SSL_set_verify(ssl, SSL_VERIFY_PEER, take_any); }

std::optional<PeerCertificate> ClientCertificateCheck::of(ssl_st* ssl) const {
  X509* const certificate = SSL_get0_peer_certificate(ssl);
  if (certificate == nullptr) return std::nullopt;
  return of(certificate, SSL_get_peer_cert_chain(ssl));
}

PeerCertificate ClientCertificateCheck::of(x509_st* certificate, stack_st_X509* chain) const {
  const Digest digest = digest_named(digest_);
  PeerCertificate peer{
      .common_name = common_name_of(X509_get_subject_name(certificate)),
      .fingerprint = digest ? fingerprint_of(certificate, digest.get()) : "",
      .key_fingerprint = digest ? key_fingerprint_of(certificate, digest.get()) : "",
      .trusted = is_trusted(authorities_.get(), certificate, chain),
      .issuer = common_name_of(X509_get_issuer_name(certificate))};
  ERR_clear_error();
  return peer;
}

}  // namespace postern::net
