#include "net/channel_binding.h"

#include <string_view>

#include <openssl/ssl.h>
#include <openssl/x509.h>

namespace postern::net {
namespace {

std::string exporter(ssl_st* ssl) {
  constexpr std::string_view label = "EXPORTER-Channel-Binding";
  std::string out(32, '\0');
  // RFC 9266 §2: the context is present and empty.
  const int done = SSL_export_keying_material(ssl, reinterpret_cast<unsigned char*>(out.data()),
                                              out.size(), label.data(), label.size(),
                                              reinterpret_cast<const unsigned char*>(""), 0, 1);
  return done == 1 ? out : std::string();
}

/// The first Finished message: the client's, or the server's for a resumed session (RFC 5929 §3.1).
std::string unique(const ssl_st* ssl) {
  std::string out(EVP_MAX_MD_SIZE, '\0');
  const std::size_t size = SSL_session_reused(ssl) == 1
                               ? SSL_get_finished(ssl, out.data(), out.size())
                               : SSL_get_peer_finished(ssl, out.data(), out.size());
  out.resize(size <= out.size() ? size : 0);
  return out;
}

}  // namespace

ChannelBinding channel_binding(ssl_st* ssl) {
  const bool tls13 = SSL_version(ssl) >= TLS1_3_VERSION;
  if (!tls13 && SSL_get_extms_support(ssl) != 1) return {};
  X509* const certificate = SSL_get_certificate(ssl);
  return {.exporter = exporter(ssl),
          .server_end_point = certificate != nullptr ? server_end_point(certificate) : "",
          .unique = tls13 ? "" : unique(ssl)};
}

std::string server_end_point(x509_st* certificate) {
  int digest = NID_undef;
  if (X509_get_signature_info(certificate, &digest, nullptr, nullptr, nullptr) != 1) return {};
  // RFC 5929 §4.1: SHA-256 replaces broken hash functions.
  if (digest == NID_md5 || digest == NID_sha1) digest = NID_sha256;
  const EVP_MD* const hash = digest == NID_undef ? nullptr : EVP_get_digestbynid(digest);
  std::string out(EVP_MAX_MD_SIZE, '\0');
  unsigned size = 0;
  if (hash == nullptr ||
      X509_digest(certificate, hash, reinterpret_cast<unsigned char*>(out.data()), &size) != 1)
    return {};
  out.resize(size);
  return out;
}

}  // namespace postern::net
