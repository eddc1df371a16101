// What a listener shows its clients: a certificate from files, from a policy's key sources, or one
// of our own making.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "app/config.h"
#include "base/error.h"
#include "dialect/kumo/listener.h"
#include "net/tls.h"

namespace postern::app {

/// A listener that a policy starts, as one of the configuration.
ListenerConfig started_by(const dialect::kumo::Listener& started);

/// The certificate and key of a listener that names at least one of them by something else than a
/// file; nullopt: both are files, or there are none.
std::optional<net::TlsContext::Pem> pem_of(const dialect::kumo::Listener& listener);

/// Null for a listener without TLS. Without a certificate of its own one is made in `data_dir`:
/// Fault::denied when that cannot be written. Fault::permanent with a sentence for what is no
/// certificate, and for a key of another.
Result<std::shared_ptr<const net::TlsContext>> certificate_of(const ListenerConfig& listener,
                                                              const Config& config,
                                                              const std::string& data_dir);

}  // namespace postern::app
