// When a certificate ends too soon, and what the operator does then.
#pragma once

#include <string>
#include <string_view>

namespace postern::app {

/// Fewer days left are a warning: of `postern check`, `postern doctor`, and of the alert
/// PosternCertificateEnds (examples/prometheus).
constexpr int renewal_days_of_warning = 21;
/// Fewer days left fail in `postern doctor`.
constexpr int renewal_days_of_failure = 7;

/// Where the certificate of a listener comes from.
enum class CertificateOrigin {
  none,       ///< no TLS
  files,      ///< `certificate` and `key` of the configuration, or files that a policy names
  policy,     ///< texts of a policy's key sources
  installed,  ///< `postern tls install`
  self_made,  ///< made at the first start, until another is installed
};

/// How new sessions get a renewed certificate: a sentence without a capital and without its dot.
std::string_view how_to_renew(CertificateOrigin origin);
/// The same for files that systemd gives the service (LoadCredential=).
std::string_view how_to_renew_credentials();

/// The deploy hook of ACME clients that was installed with this program; empty: none was.
std::string renewal_hook();

}  // namespace postern::app
