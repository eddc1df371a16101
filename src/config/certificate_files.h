#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "base/secret.h"
#include "base/time_text.h"

struct x509_st;

namespace postern::app {

/// An error of a certificate or its key on disk, without secrets.
struct FileComplaint {
  std::string_view key;  ///< the configuration key to change: "certificate" or "key"
  std::string code;  ///< T001 unreadable, T002 no match, T003 not PEM, T004 dates, T005 other name,
                     ///< T006 no handshake
  std::string message;  ///< one sentence
  std::string hint;     ///< what to do
  bool fatal = true;    ///< false: a warning
};

/// Reads both files as the server does. The certificate must be for `host` and valid for at least
/// 21 days. Each error names its file and what to do. Blocks on the disk.
std::vector<FileComplaint> check_certificate_files(const std::string& certificate,
                                                   const std::string& key, const std::string& host);
/// Checks dates and names of the first certificate in a text of a policy, PEM. `called`: its name
/// in errors. All are warnings; a text without a certificate has none.
std::vector<FileComplaint> check_certificate_text(const std::string& pem, const std::string& called,
                                                  const std::string& host);

/// A certificate with its chain, and its key, as texts.
struct CertificatePair {
  std::string certificate;  ///< PEM; the certificates of issuers follow the server's
  Secret key;               ///< PEM, without a passphrase
  std::string called;       ///< the certificate's name in warnings
};

/// A pair that TLS can use.
struct CheckedPair {
  Secret pem;  ///< the key, then the certificates, in one text; nothing else of what was given
  std::vector<FileComplaint> warnings;  ///< dates, names, issuers
  bool names_host = false;              ///< one of its names matches the host
};

/// Checks a pair that replaces the one in use. Fault::malformed with a sentence, which has nothing
/// of the key: a text that is no certificate or key, a key of another certificate, an end in the
/// past. Other complaints are warnings.
Result<CheckedPair> check_certificate_pair(const CertificatePair& pair, const std::string& host);

/// What operators ask about a certificate.
struct CertificateFacts {
  std::vector<std::string> names;  ///< DNS names (RFC 5280 §4.2.1.6), printable; without any, the
                                   ///< subject
  std::string issuer;              ///< a distinguished name (RFC 2253), printable
  Instant not_before;              ///< when it begins
  Instant not_after;               ///< when it ends
  std::string sha256;              ///< of the certificate, 64 hexadecimal digits
  std::string tlsa;                ///< data of its TLSA record: "3 1 1 ..." (RFC 6698 §2.1)
};

/// The facts of a certificate, which is not changed.
CertificateFacts facts_of(const x509_st* certificate);

}  // namespace postern::app
