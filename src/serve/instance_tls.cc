// The certificates of a running Instance: read again when their files change, installed by a
// command, and shown.
#include <algorithm>

#include <fmt/format.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <sys/stat.h>
#include <boost/json.hpp>

#include "base/text.h"
#include "base/time_text.h"
#include "config/certificate_files.h"
#include "config/listener_certificate.h"
#include "serve/instance.h"
#include "telemetry/log.h"
#include "telemetry/log_record.h"
#include "telemetry/metrics.h"

namespace postern::app {

namespace json = boost::json;
using gateway::ListenerSettings;

namespace {

using Context = std::shared_ptr<const net::TlsContext>;

/// The certificates of a listener and of its variants.
struct Loaded {
  Context certificate;
  std::vector<Loaded> variants;
};

Result<Loaded> load(const ListenerConfig& listener, const Config& config,
                    const std::string& data_dir) {
  auto certificate = certificate_of(listener, config, data_dir);
  if (!certificate) return tl::unexpected(certificate.error());
  Loaded loaded{.certificate = std::move(*certificate), .variants = {}};
  if (!listener.started) return loaded;
  for (const auto& variant : listener.started->variants) {
    auto its_own = load(started_by(*variant.as), config, data_dir);
    if (!its_own) return its_own;
    loaded.variants.push_back(std::move(*its_own));
  }
  return loaded;
}

/// The settings with these certificates; the rest is as before.
std::shared_ptr<const ListenerSettings> with(const ListenerSettings& before, const Loaded& loaded) {
  auto next = std::make_shared<ListenerSettings>(before);
  next->certificate = loaded.certificate;
  for (std::size_t i = 0; i < std::min(next->variants.size(), loaded.variants.size()); ++i) {
    next->variants[i].settings = with(*next->variants[i].settings, loaded.variants[i]);
  }
  return next;
}

const X509* own_of(const Context& context) {
  return context ? SSL_CTX_get0_certificate(context->handle()) : nullptr;
}

/// Changes when a file is written, replaced or removed, or a link to it is changed.
std::string stamp_of(const std::vector<std::string>& files) {
  std::string stamp;
  for (const std::string& file : files) {
    struct stat status{};
    const bool there = ::stat(file.c_str(), &status) == 0;
    stamp += fmt::format("{} {} {} {} {}.{}\n", file, there, there ? status.st_ino : 0,
                         there ? status.st_size : 0, there ? status.st_mtim.tv_sec : 0,
                         there ? status.st_mtim.tv_nsec : 0);
  }
  return stamp;
}

std::string_view word_of(CertificateOrigin origin) {
  switch (origin) {
    case CertificateOrigin::none:
      return "none";
    case CertificateOrigin::files:
      return "files";
    case CertificateOrigin::policy:
      return "policy";
    case CertificateOrigin::installed:
      return "installed";
    case CertificateOrigin::self_made:
      return "self-made";
  }
  return "none";
}

/// Whole days; negative after the end.
std::int64_t days_until(Instant end) {
  return std::chrono::floor<std::chrono::days>(end - std::chrono::system_clock::now()).count();
}

json::object json_of(const CertificateFacts& facts) {
  return {{"names", json::value_from(facts.names)},
          {"issuer", facts.issuer},
          {"not_before", to_rfc3339(facts.not_before, 0)},
          {"not_after", to_rfc3339(facts.not_after, 0)},
          {"days_left", days_until(facts.not_after)},
          {"sha256", facts.sha256},
          {"tlsa", facts.tlsa}};
}

/// A text member; nullopt: there is none.
std::optional<std::string> text_of(const json::object& given, std::string_view name) {
  const json::value* value = given.if_contains(name);
  return value && value->is_string() ? std::optional(std::string(value->get_string()))
                                     : std::nullopt;
}

}  // namespace

void Instance::note_certificate(const ListenerSettings* before, const ListenerSettings& now) {
  const X509* const used = own_of(now.certificate);
  if (used == nullptr) return;
  telemetry::metrics()
      .tls_certificate_not_after.gauge({now.name})
      .set(std::chrono::floor<std::chrono::seconds>(now.certificate->first_not_after())
               .time_since_epoch()
               .count());
  const X509* const old = before ? own_of(before->certificate) : nullptr;
  if (old == nullptr || X509_cmp(old, used) == 0) return;
  telemetry::log::info("tls.renewed")
      .msg("new sessions get another certificate, valid until " +
           to_rfc3339(now.certificate->not_after(), 0))
      .field("listener", now.name);
}

std::string Instance::certificate_stamp_of(const Config& config) const {
  return stamp_of(certificate_files(config, data_dir_));
}

void Instance::renew_certificates() {
  const auto config = [this] {
    const std::lock_guard lock(deciding_mutex_);
    return deciding_;
  }();
  certificate_stamp_ = certificate_stamp_of(config);
  certificate_troubles_.clear();
  for (std::size_t i = 0; i < config.listeners.size(); ++i) {
    const auto loaded = load(config.listeners[i], config, data_dir_);
    if (!loaded) {
      certificate_troubles_[config.listeners[i].name] = loaded.error().message;
      telemetry::log::error("tls.renewal_failed")
          .msg("the old certificate remains in use: " + loaded.error().message)
          .field("listener", config.listeners[i].name);
      continue;
    }
    const std::lock_guard lock(deciding_mutex_);
    const auto before = listeners_[i];
    listeners_[i] = with(*before, *loaded);
    server_->replace_settings(i, listeners_[i]);
    note_certificate(before.get(), *listeners_[i]);
  }
}

bool Instance::renew_changed_certificates() {
  const std::lock_guard one_at_a_time(certificates_mutex_);
  const auto files = [this] {
    const std::lock_guard lock(deciding_mutex_);
    return certificate_files(deciding_, data_dir_);
  }();
  if (stamp_of(files) == certificate_stamp_) return false;
  renew_certificates();
  return true;
}

Result<json::object> Instance::install(const json::object& given) {
  const auto certificate = text_of(given, "certificate");
  auto key = text_of(given, "key");
  const json::value* const flag = given.if_contains("if_named");
  if (!certificate || !key) return fail(Fault::malformed, "certificate and key are texts");
  const CertificatePair pair{.certificate = *certificate,
                             .key = Secret(std::move(*key)),
                             .called = text_of(given, "called").value_or("given")};
  const auto checked = check_certificate_pair(pair, config_.server.hostname);
  if (!checked) return tl::unexpected(checked.error());
  json::array warnings;
  for (const FileComplaint& one : checked->warnings) {
    warnings.push_back(json::object{{"message", one.message}, {"hint", one.hint}});
  }
  json::object answer{{"installed", false}, {"warnings", std::move(warnings)}};
  if (flag && flag->is_bool() && flag->get_bool() && !checked->names_host) return answer;

  const std::lock_guard one_at_a_time(certificates_mutex_);
  const auto users = [this] {
    const std::lock_guard lock(deciding_mutex_);
    std::vector<std::string> names;
    for (const ListenerConfig& one : deciding_.listeners) {
      const CertificateOrigin origin = source_of(one, data_dir_).origin;
      if (origin == CertificateOrigin::installed || origin == CertificateOrigin::self_made) {
        names.push_back(one.name);
      }
    }
    return names;
  }();
  if (users.empty()) {
    return fail(Fault::denied,
                "no listener would use it: each has `certificate` and `key`, or no TLS");
  }
  if (Result<void> written = install_certificate(data_dir_, checked->pem); !written) {
    return tl::unexpected(written.error());
  }
  renew_certificates();
  for (const std::string& name : users) {
    const auto trouble = certificate_troubles_.find(name);
    if (trouble == certificate_troubles_.end()) continue;
    const std::string why = trouble->second;
    // A gateway with a pair that it cannot use would not start again.
    settle_installed(data_dir_, false);
    renew_certificates();
    return fail(Fault::malformed, fmt::format("listener `{}` cannot use it: {}", name, why));
  }
  settle_installed(data_dir_, true);
  answer["installed"] = true;
  answer["listeners"] = json::value_from(users);
  const std::lock_guard lock(deciding_mutex_);
  for (std::size_t i = 0; i < listeners_.size(); ++i) {
    if (listeners_[i]->name != users.front()) continue;
    answer["certificate"] = json_of(facts_of(own_of(listeners_[i]->certificate)));
  }
  return answer;
}

json::object Instance::certificates_in_use() {
  const std::lock_guard one_at_a_time(certificates_mutex_);
  const std::lock_guard lock(deciding_mutex_);
  json::array all;
  for (std::size_t i = 0; i < listeners_.size(); ++i) {
    const X509* const own = own_of(listeners_[i]->certificate);
    const CertificateSource source = source_of(deciding_.listeners[i], data_dir_);
    json::object one = own ? json_of(facts_of(own)) : json::object();
    one["listener"] = listeners_[i]->name;
    one["address"] = config_.listeners[i].address.to_string();
    one["source"] = word_of(own ? source.origin : CertificateOrigin::none);
    one["file"] = source.certificate;
    const auto trouble = certificate_troubles_.find(listeners_[i]->name);
    one["error"] = trouble == certificate_troubles_.end() ? "" : trouble->second;
    all.push_back(std::move(one));
  }
  return {{"hostname", config_.server.hostname}, {"listeners", std::move(all)}};
}

Result<json::object> Instance::answer_about_tls(const std::string& question,
                                                const json::object& given) {
  if (question == "tls-install") return install(given);
  return certificates_in_use();
}

}  // namespace postern::app
