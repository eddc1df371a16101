// The certificate of a listener: from files, from a policy's key sources, or self-signed.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/error.h"
#include "config/config.h"
#include "config/renewal.h"
#include "dialect/kumo/listener.h"
#include "net/tls.h"

namespace postern::app {

/// The listener that a policy starts, in the form of the configuration.
ListenerConfig started_by(const dialect::kumo::Listener& started);

/// The certificate and key of a listener, if at least one does not come from a file; nullopt: both
/// are files, or there are none.
std::optional<net::TlsContext::Pem> pem_of(const dialect::kumo::Listener& listener);

/// A listener's certificate and key as files.
struct CertificateSource {
  CertificateOrigin origin = CertificateOrigin::none;
  std::string certificate;  ///< PEM file; empty without files
  std::string key;          ///< PEM file; may be the same one
};

/// The file of `postern tls install` in a data directory: the key, then the certificates, so that
/// one rename replaces both.
std::string installed_certificate(const std::string& data_dir);

/// Where a listener's certificate comes from now: the files that are named, else the installed
/// pair if there is one, else the self-made one. Looks at the disk.
CertificateSource source_of(const ListenerConfig& listener, const std::string& data_dir);

/// Writes the pair of check_certificate_pair() as the installed one, atomically, mode 0600.
/// Fault::denied or Fault::permanent: the old one stays. The old one is kept beside it until
/// settle_installed(). Blocks.
Result<void> install_certificate(const std::string& data_dir, const Secret& pem);
/// After install_certificate(): keeps the new pair, or brings back the one before, or none.
void settle_installed(const std::string& data_dir, bool keep);

/// The files that certificate_of() reads for these listeners, those of variants included; sorted.
std::vector<std::string> certificate_files(const Config& config, const std::string& data_dir);

/// Null for a listener without TLS. Without a certificate, uses the installed one, or creates a
/// self-signed one in `data_dir`: Fault::denied if that is not writable. Fault::permanent with a
/// sentence: an invalid certificate, or a key that does not match. Blocks.
Result<std::shared_ptr<const net::TlsContext>> certificate_of(const ListenerConfig& listener,
                                                              const Config& config,
                                                              const std::string& data_dir);

/// Asks clients for certificates, as the listener says; null: they are not asked. Fault::permanent:
/// a file cannot be used, or there is no such digest.
Result<std::shared_ptr<const net::ClientCertificateCheck>> client_check_of(
    const ListenerConfig& listener);

}  // namespace postern::app
