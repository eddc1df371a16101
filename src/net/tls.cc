#include "net/tls.h"

#include <algorithm>
#include <cstdio>

#include <fcntl.h>
#include <fmt/core.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/owned.h"
#include "base/text.h"

namespace postern::net {
namespace {

std::string openssl_reason() {
  char text[256] = "unknown reason";
  const unsigned long code = ERR_peek_last_error();
  if (code != 0) ERR_error_string_n(code, text, sizeof text);
  ERR_clear_error();
  return text;
}

Result<Owned<X509, X509_free>> make_certificate(EVP_PKEY* key, const std::string& hostname) {
  Owned<X509, X509_free> certificate(X509_new());
  constexpr long ten_years = 3650L * 24 * 3600;
  std::uint64_t serial = 1;
  std::FILE* random = std::fopen("/dev/urandom", "rb");
  if (random != nullptr) {
    if (std::fread(&serial, sizeof serial, 1, random) != 1) serial = 1;
    std::fclose(random);
  }
  X509_set_version(certificate.get(), X509_VERSION_3);
  ASN1_INTEGER_set_uint64(X509_get_serialNumber(certificate.get()), serial >> 1);
  X509_gmtime_adj(X509_getm_notBefore(certificate.get()), -3600);
  X509_gmtime_adj(X509_getm_notAfter(certificate.get()), ten_years);
  X509_NAME* name = X509_get_subject_name(certificate.get());
  X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_UTF8,
                             reinterpret_cast<const unsigned char*>(hostname.c_str()), -1, -1, 0);
  X509_set_issuer_name(certificate.get(), name);
  X509_set_pubkey(certificate.get(), key);
  const std::string names = "DNS:" + hostname;
  Owned<X509_EXTENSION, X509_EXTENSION_free> alternative(
      X509V3_EXT_conf_nid(nullptr, nullptr, NID_subject_alt_name, names.c_str()));
  if (alternative) X509_add_ext(certificate.get(), alternative.get(), -1);
  if (X509_sign(certificate.get(), key, EVP_sha256()) == 0) {
    return fail(Fault::bug, "signing the certificate: " + openssl_reason());
  }
  return certificate;
}

/// Writes a file of mode 0600 under a temporary name and renames it: a partial file is never
/// visible.
template <class Write>
Result<void> write_pem(const std::string& path, Write write) {
  const std::string temporary = path + ".new";
  const int fd = ::open(temporary.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  std::FILE* file = fd < 0 ? nullptr : ::fdopen(fd, "w");
  if (file == nullptr) return fail(Fault::permanent, "cannot create " + path);
  const bool written = write(file) == 1;
  const bool closed = std::fclose(file) == 0;
  if (!written || !closed || ::rename(temporary.c_str(), path.c_str()) != 0) {
    return fail(Fault::permanent, "cannot write " + path);
  }
  return {};
}

}  // namespace

/// RFC 6066 §3: selects the certificate for the requested name; the default is the listener's.
int TlsContext::choose(ssl_st* ssl, int*, void* by_name) {
  const char* name = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name);
  if (name == nullptr) return SSL_TLSEXT_ERR_NOACK;
  const ByName& names = *static_cast<const ByName*>(by_name);
  const auto found = names.find(lower(name));
  if (found == names.end()) return SSL_TLSEXT_ERR_NOACK;
  SSL_set_SSL_CTX(ssl, found->second->handle());
  return SSL_TLSEXT_ERR_OK;
}

namespace {

/// A context without certificate; null: out of memory.
std::shared_ptr<SSL_CTX> new_context() {
  const std::shared_ptr<SSL_CTX> context(SSL_CTX_new(TLS_server_method()), SSL_CTX_free);
  if (!context) return context;
  SSL_CTX_set_min_proto_version(context.get(), TLS1_2_VERSION);
  SSL_CTX_set_options(context.get(), SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION |
                                         SSL_OP_NO_TICKET | SSL_OP_CIPHER_SERVER_PREFERENCE |
                                         SSL_OP_IGNORE_UNEXPECTED_EOF);
  SSL_CTX_set_num_tickets(context.get(), 0);
  SSL_CTX_set_session_cache_mode(context.get(), SSL_SESS_CACHE_OFF);
  SSL_CTX_set_mode(context.get(), SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE |
                                      SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
  SSL_CTX_set1_groups_list(context.get(), "X25519:P-256:P-384");
  return context;
}

using Bio = Owned<BIO, BIO_free_all>;
Bio reader_of(std::string_view text) {
  return Bio(BIO_new_mem_buf(text.data(), static_cast<int>(text.size())));
}

/// What is read, and how it is called in messages.
struct Source {
  Bio text;  ///< null: it cannot be opened, which is in OpenSSL's list of errors
  const std::string& name;
};

/// An encrypted key is rejected instead of asking for a passphrase.
int no_passphrase(char*, int, int, void*) { return 0; }

/// The first certificate is the server's, the others are its chain.
bool use_certificates(SSL_CTX* context, BIO* text) {
  using Certificate = Owned<X509, X509_free>;
  const Certificate own(PEM_read_bio_X509_AUX(text, nullptr, no_passphrase, nullptr));
  if (!own || SSL_CTX_use_certificate(context, own.get()) != 1) return false;
  for (;;) {
    Certificate next(PEM_read_bio_X509(text, nullptr, no_passphrase, nullptr));
    if (!next) break;
    if (SSL_CTX_add0_chain_cert(context, next.get()) != 1) return false;
    static_cast<void>(next.release());
  }
  ERR_clear_error();  // set by the end of the text
  return true;
}

bool use_key(SSL_CTX* context, BIO* text) {
  const Owned<EVP_PKEY, EVP_PKEY_free> key(
      PEM_read_bio_PrivateKey(text, nullptr, no_passphrase, nullptr));
  return key && SSL_CTX_use_PrivateKey(context, key.get()) == 1 &&
         SSL_CTX_check_private_key(context) == 1;
}

/// Why a client that verifies nothing cannot shake hands; empty: it can. Both ends are here.
std::string handshake_trouble(SSL_CTX* context) {
  constexpr int most_turns = 100;
  const Owned<SSL_CTX, SSL_CTX_free> of_client(SSL_CTX_new(TLS_client_method()));
  const Owned<SSL, SSL_free> client(of_client ? SSL_new(of_client.get()) : nullptr);
  const Owned<SSL, SSL_free> server(SSL_new(context));
  BIO* one = nullptr;
  BIO* other = nullptr;
  if (!client || !server || BIO_new_bio_pair(&one, 0, &other, 0) != 1) return openssl_reason();
  SSL_set_bio(client.get(), one, one);
  SSL_set_bio(server.get(), other, other);
  SSL_set_verify(client.get(), SSL_VERIFY_NONE, nullptr);
  SSL_set_connect_state(client.get());
  SSL_set_accept_state(server.get());
  ERR_clear_error();  // SSL_get_error(3) would take what a decoder left for its own
  const auto fails = [](const SSL* end, int result) {
    const int error = SSL_get_error(end, result);
    return result != 1 && error != SSL_ERROR_WANT_READ && error != SSL_ERROR_WANT_WRITE;
  };
  for (int turn = 0; turn < most_turns; ++turn) {
    const int asked = SSL_do_handshake(client.get());
    if (fails(client.get(), asked)) return openssl_reason();
    const int served = SSL_do_handshake(server.get());
    if (fails(server.get(), served)) return openssl_reason();
    if (asked == 1 && served == 1) return {};
  }
  return "it does not end";
}

/// A context that has shaken hands once.
Result<std::shared_ptr<SSL_CTX>> loaded_context(Source certificate, Source key) {
  std::shared_ptr<SSL_CTX> context = new_context();
  if (!context) return fail(Fault::bug, "no TLS context: " + openssl_reason());
  if (!certificate.text || !use_certificates(context.get(), certificate.text.get())) {
    return fail(Fault::permanent,
                fmt::format("cannot use certificate {}: {}", certificate.name, openssl_reason()));
  }
  if (!key.text || !use_key(context.get(), key.text.get())) {
    return fail(Fault::permanent, fmt::format("cannot use key {} with certificate {}: {}", key.name,
                                              certificate.name, openssl_reason()));
  }
  if (const std::string trouble = handshake_trouble(context.get()); !trouble.empty()) {
    return fail(Fault::permanent, fmt::format("no client can shake hands with certificate {}: {}",
                                              certificate.name, trouble));
  }
  return context;
}

}  // namespace

std::shared_ptr<const TlsContext> TlsContext::shared(std::shared_ptr<ssl_ctx_st> context,
                                                     ByName by_name) {
  auto result = std::shared_ptr<TlsContext>(new TlsContext());
  result->context_ = std::move(context);
  result->by_name_ = std::move(by_name);
  if (!result->by_name_.empty()) {
    SSL_CTX_set_tlsext_servername_callback(result->context_.get(), &TlsContext::choose);
    SSL_CTX_set_tlsext_servername_arg(result->context_.get(), &result->by_name_);
  }
  std::tm when{};
  if (const X509* certificate = SSL_CTX_get0_certificate(result->context_.get());
      certificate != nullptr && ASN1_TIME_to_tm(X509_get0_notAfter(certificate), &when) == 1) {
    result->not_after_ = instant_at(::timegm(&when)).value_or(last_instant);
  }
  return result;
}

Instant TlsContext::first_not_after() const {
  Instant first = not_after_;
  for (const auto& [name, context] : by_name_) first = std::min(first, context->not_after());
  return first;
}

Result<std::shared_ptr<const TlsContext>> TlsContext::load(const std::string& certificate_pem_file,
                                                           const std::string& key_pem_file,
                                                           ByName by_name) {
  auto context = loaded_context(
      {.text = Bio(BIO_new_file(certificate_pem_file.c_str(), "r")), .name = certificate_pem_file},
      {.text = Bio(BIO_new_file(key_pem_file.c_str(), "r")), .name = key_pem_file});
  if (!context) return tl::unexpected(context.error());
  return shared(std::move(*context), std::move(by_name));
}

Result<std::shared_ptr<const TlsContext>> TlsContext::load(const Pem& pem, ByName by_name) {
  auto context = loaded_context({.text = reader_of(pem.certificate), .name = pem.certificate_name},
                                {.text = reader_of(pem.key.reveal()), .name = pem.key_name});
  if (!context) return tl::unexpected(context.error());
  return shared(std::move(*context), std::move(by_name));
}

Result<void> ensure_self_signed(const std::string& certificate, const std::string& key,
                                const std::string& hostname) {
  if (::access(certificate.c_str(), R_OK) == 0 && ::access(key.c_str(), R_OK) == 0) return {};
  const Owned<EVP_PKEY, EVP_PKEY_free> pair(EVP_EC_gen("P-256"));
  if (!pair) return fail(Fault::bug, "making a key: " + openssl_reason());
  const auto made = make_certificate(pair.get(), hostname);
  if (!made) return tl::unexpected(made.error());
  if (auto written = write_pem(key,
                               [&](std::FILE* file) {
                                 return PEM_write_PrivateKey(file, pair.get(), nullptr, nullptr, 0,
                                                             nullptr, nullptr);
                               });
      !written) {
    return written;
  }
  return write_pem(certificate, [&](std::FILE* file) { return PEM_write_X509(file, made->get()); });
}

}  // namespace postern::net
