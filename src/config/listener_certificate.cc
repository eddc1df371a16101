#include "config/listener_certificate.h"

#include <fstream>

#include "base/text.h"

namespace postern::app {

namespace {

std::string text_of_file(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

Result<net::TlsContext::ByName> certificates_by_name(const Config& config) {
  net::TlsContext::ByName by_name;
  for (const VslVirtual& domain : config.vsl.virtual_domains) {
    if (domain.domain.empty() || domain.certificate.empty()) continue;
    auto its_own = net::TlsContext::load(domain.certificate, domain.key);
    if (!its_own) return tl::unexpected(its_own.error());
    by_name[lower(domain.domain)] = std::move(*its_own);
  }
  return by_name;
}

}  // namespace

ListenerConfig started_by(const dialect::kumo::Listener& started) {
  ListenerConfig listener;
  listener.name = started.name;
  listener.address = {started.address, started.port};
  // Texts are used directly; files are checked and read like those of the configuration.
  if (!pem_of(started)) {
    listener.certificate = started.certificate.file;
    listener.key = started.private_key.file;
  }
  listener.started = std::make_shared<const dialect::kumo::Listener>(started);
  return listener;
}

std::optional<net::TlsContext::Pem> pem_of(const dialect::kumo::Listener& listener) {
  const auto& certificate = listener.certificate;
  const auto& key = listener.private_key;
  if (certificate.text.empty() && key.text.empty()) return std::nullopt;
  return net::TlsContext::Pem{
      .certificate =
          certificate.file.empty() ? certificate.text.reveal() : text_of_file(certificate.file),
      .key = key.file.empty() ? key.text : Secret(text_of_file(key.file)),
      .certificate_name = certificate.file.empty() ? "tls_certificate" : certificate.file,
      .key_name = key.file.empty() ? "tls_private_key" : key.file};
}

Result<std::shared_ptr<const net::TlsContext>> certificate_of(const ListenerConfig& listener,
                                                              const Config& config,
                                                              const std::string& data_dir) {
  if (listener.tls == gateway::ListenerTls::none) return nullptr;
  auto by_name = certificates_by_name(config);
  if (!by_name) return tl::unexpected(by_name.error());
  if (listener.started) {
    if (const auto pem = pem_of(*listener.started)) {
      auto loaded = net::TlsContext::load(*pem, std::move(*by_name));
      if (loaded) return loaded;
      return fail(Fault::permanent, listener.started->place + ": " + loaded.error().message);
    }
  }
  std::string certificate = listener.certificate;
  std::string key = listener.key;
  if (certificate.empty()) {
    certificate = data_dir + "/tls.crt";
    key = data_dir + "/tls.key";
    if (auto made = net::ensure_self_signed(certificate, key, config.server.hostname); !made) {
      return fail(Fault::denied, made.error().message);
    }
  }
  return net::TlsContext::load(certificate, key, std::move(*by_name));
}

Result<std::shared_ptr<const net::ClientCertificateCheck>> client_check_of(
    const ListenerConfig& listener) {
  const bool asks = listener.client_certificate != gateway::ClientCertificates::no;
  if (!asks || listener.tls == gateway::ListenerTls::none) return nullptr;
  return net::ClientCertificateCheck::load({.authorities_file = listener.client_ca,
                                            .authorities_directory = listener.client_ca_directory,
                                            .digest = listener.client_fingerprint_digest});
}

}  // namespace postern::app
