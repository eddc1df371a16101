// The certificate of a listener: from files, from a policy's key sources, or self-signed.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "base/error.h"
#include "config/config.h"
#include "dialect/kumo/listener.h"
#include "net/tls.h"

namespace postern::app {

/// The listener that a policy starts, in the form of the configuration.
ListenerConfig started_by(const dialect::kumo::Listener& started);

/// The certificate and key of a listener, if at least one does not come from a file; nullopt: both
/// are files, or there are none.
std::optional<net::TlsContext::Pem> pem_of(const dialect::kumo::Listener& listener);

/// Null for a listener without TLS. Without a certificate, creates a self-signed one in `data_dir`:
/// Fault::denied if that is not writable. Fault::permanent with a sentence: an invalid certificate,
/// or a key that does not match. Blocks.
Result<std::shared_ptr<const net::TlsContext>> certificate_of(const ListenerConfig& listener,
                                                              const Config& config,
                                                              const std::string& data_dir);

/// Asks clients for certificates, as the listener says; null: they are not asked. Fault::permanent:
/// a file cannot be used, or there is no such digest.
Result<std::shared_ptr<const net::ClientCertificateCheck>> client_check_of(
    const ListenerConfig& listener);

}  // namespace postern::app
