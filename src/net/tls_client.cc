#include "net/tls_client.h"

#include <fmt/format.h>
#include <openssl/err.h>
#include <openssl/ssl.h>

namespace postern::net {

Result<std::shared_ptr<const TlsClientContext>> TlsClientContext::make(const std::string& ca_file) {
  const std::shared_ptr<SSL_CTX> context(SSL_CTX_new(TLS_client_method()), SSL_CTX_free);
  if (!context) return fail(Fault::bug, "no TLS context");
  SSL_CTX_set_min_proto_version(context.get(), TLS1_2_VERSION);
  SSL_CTX_set_options(context.get(), SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION);
  SSL_CTX_set_session_cache_mode(context.get(), SSL_SESS_CACHE_OFF);
  SSL_CTX_set_mode(context.get(), SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE |
                                      SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
  // For connections whose peer has TLSA records.
  if (SSL_CTX_dane_enable(context.get()) != 1) return fail(Fault::bug, "no DANE");
  const bool loaded = ca_file.empty()
                          ? SSL_CTX_set_default_verify_paths(context.get()) == 1
                          : SSL_CTX_load_verify_file(context.get(), ca_file.c_str()) == 1;
  ERR_clear_error();
  if (!loaded) {
    return fail(Fault::permanent,
                fmt::format("cannot load roots from {}", ca_file.empty() ? "the system" : ca_file));
  }
  auto result = std::shared_ptr<TlsClientContext>(new TlsClientContext());
  result->context_ = context;
  return std::shared_ptr<const TlsClientContext>(result);
}

}  // namespace postern::net
