#include "config/listener_certificate.h"

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <system_error>

#include <unistd.h>

#include "base/file_io.h"
#include "base/text.h"
#include "config/key_file.h"

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

std::string installed_certificate(const std::string& data_dir) {
  return data_dir + "/tls-installed.pem";
}

CertificateSource source_of(const ListenerConfig& listener, const std::string& data_dir) {
  using Origin = CertificateOrigin;
  if (listener.tls == gateway::ListenerTls::none) return {};
  if (!listener.certificate.empty()) return {Origin::files, listener.certificate, listener.key};
  if (listener.started && pem_of(*listener.started)) return {Origin::policy, {}, {}};
  std::error_code error;
  const std::string installed = installed_certificate(data_dir);
  if (std::filesystem::exists(installed, error)) {
    return {Origin::installed, installed, installed};
  }
  return {Origin::self_made, data_dir + "/tls.crt", data_dir + "/tls.key"};
}

Result<void> install_certificate(const std::string& data_dir, const Secret& pem) {
  const std::string file = installed_certificate(data_dir);
  const std::string before = file + ".before";
  ::unlink(before.c_str());
  (void)!::link(file.c_str(), before.c_str());  // there may be none
  if (Result<void> replaced = replace_key(file, pem); !replaced) {
    ::unlink(before.c_str());
    return replaced;
  }
  (void)flush_directory(data_dir);
  return {};
}

void settle_installed(const std::string& data_dir, bool keep) {
  const std::string file = installed_certificate(data_dir);
  const std::string before = file + ".before";
  if (keep) {
    ::unlink(before.c_str());
  } else if (std::rename(before.c_str(), file.c_str()) != 0) {
    ::unlink(file.c_str());  // there was none before
  }
}

std::vector<std::string> certificate_files(const Config& config, const std::string& data_dir) {
  std::vector<std::string> files;
  const auto add = [&files](const std::string& file) {
    if (!file.empty()) files.push_back(file);
  };
  const auto add_listener = [&](const ListenerConfig& listener, const auto& self) -> void {
    const CertificateSource source = source_of(listener, data_dir);
    add(source.certificate);
    add(source.key);
    if (!listener.started) return;
    add(listener.started->certificate.file);
    add(listener.started->private_key.file);
    for (const auto& variant : listener.started->variants) self(started_by(*variant.as), self);
  };
  for (const ListenerConfig& listener : config.listeners) add_listener(listener, add_listener);
  for (const VslVirtual& domain : config.vsl.virtual_domains) {
    add(domain.certificate);
    add(domain.key);
  }
  std::ranges::sort(files);
  files.erase(std::ranges::unique(files).begin(), files.end());
  return files;
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
  const CertificateSource source = source_of(listener, data_dir);
  if (source.origin == CertificateOrigin::self_made) {
    const std::string& host = config.server.hostname;
    if (auto made = net::ensure_self_signed(source.certificate, source.key, host); !made) {
      return fail(Fault::denied, made.error().message);
    }
  }
  return net::TlsContext::load(source.certificate, source.key, std::move(*by_name));
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
