#include "config/certificate_files.h"

#include <array>
#include <cerrno>
#include <cstring>
#include <ctime>
#include <memory>
#include <optional>

#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include "base/owned.h"
#include "base/text.h"
#include "config/renewal.h"
#include "net/tls.h"

namespace postern::app {

namespace {

using Bio = Owned<BIO, BIO_free>;
using Certificate = Owned<X509, X509_free>;
using PrivateKey = Owned<EVP_PKEY, EVP_PKEY_free>;

std::string user_name(uid_t uid) {
  const passwd* entry = getpwuid(uid);
  return entry ? fmt::format("{} ({})", entry->pw_name, uid) : std::to_string(uid);
}

std::string group_name(gid_t gid) {
  const group* entry = getgrgid(gid);
  return entry ? fmt::format("{} ({})", entry->gr_name, gid) : std::to_string(gid);
}

/// The owner and mode of a file that cannot be read, this process's user, and the command that
/// fixes it.
FileComplaint unreadable(std::string_view key, const std::string& file, int error) {
  struct stat status{};
  if (stat(file.c_str(), &status) != 0) {
    return {key, "T001", fmt::format("cannot read `{}`: {}", printable(file), std::strerror(error)),
            error == ENOENT
                ? fmt::format("put the file there, or remove certificate and key: Postern then "
                              "makes a self-signed certificate")
                : fmt::format("let uid {} enter its directory, or use LoadCredential= of the unit",
                              geteuid())};
  }
  return {key, "T001",
          fmt::format("cannot read `{}`: {}; owner {}, group {}, mode {:04o}, and we are uid {}",
                      printable(file), std::strerror(error), user_name(status.st_uid),
                      group_name(status.st_gid), status.st_mode & 07777, geteuid()),
          fmt::format("`chown {} {}`, or `LoadCredential={}.pem:{}` in the unit and `{} = "
                      "\"credential:{}.pem\"`",
                      geteuid(), printable(file), key, printable(file), key, key)};
}

std::optional<FileComplaint> check_readable(std::string_view key, const std::string& file) {
  const int fd = open(file.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (fd < 0) return unreadable(key, file, errno);
  struct stat status{};
  fstat(fd, &status);
  close(fd);
  if (!S_ISREG(status.st_mode)) {
    return FileComplaint{key, "T001", fmt::format("`{}` is not a file", printable(file)),
                         "name the PEM file itself"};
  }
  return std::nullopt;
}

/// Refuses a key with a passphrase: OpenSSL would prompt on the terminal.
int no_passphrase(char*, int, int, void*) { return 0; }

std::string subject_of(const X509* certificate) {
  char buffer[256] = {};
  X509_NAME_oneline(X509_get_subject_name(certificate), buffer, sizeof buffer);
  return printable(buffer);
}

std::string date_of(const ASN1_TIME* time) {
  std::tm parts{};
  if (ASN1_TIME_to_tm(time, &parts) != 1) return "an unreadable date";
  return fmt::format("{:04}-{:02}-{:02}", parts.tm_year + 1900, parts.tm_mon + 1, parts.tm_mday);
}

void check_dates(X509* certificate, const std::string& file, CertificateOrigin origin,
                 std::vector<FileComplaint>& found) {
  const ASN1_TIME* end = X509_get0_notAfter(certificate);
  int days = 0;
  int seconds = 0;
  const bool known = ASN1_TIME_diff(&days, &seconds, nullptr, end) == 1;
  if (X509_cmp_current_time(end) < 0) {
    found.push_back({"certificate", "T004",
                     fmt::format("the certificate `{}` ended on {}", printable(file), date_of(end)),
                     std::string(how_to_renew(origin)), false});
  } else if (known && days < renewal_days_of_warning) {
    found.push_back({"certificate", "T004",
                     fmt::format("the certificate `{}` ends on {}, in less than {} day{}",
                                 printable(file), date_of(end), days + 1, days == 0 ? "" : "s"),
                     std::string(how_to_renew(origin)), false});
  }
  if (X509_cmp_current_time(X509_get0_notBefore(certificate)) > 0) {
    found.push_back({"certificate", "T004",
                     fmt::format("the certificate `{}` is not valid before {}", printable(file),
                                 date_of(X509_get0_notBefore(certificate))),
                     "check the clock of this machine", false});
  }
}

/// The DNS names of the certificate; if there are none, its subject.
std::vector<std::string> list_of_names(const X509* certificate) {
  std::vector<std::string> names;
  const Owned<GENERAL_NAMES, GENERAL_NAMES_free> all(static_cast<GENERAL_NAMES*>(
      X509_get_ext_d2i(certificate, NID_subject_alt_name, nullptr, nullptr)));
  for (int i = 0; all && i < sk_GENERAL_NAME_num(all.get()); ++i) {
    const GENERAL_NAME* one = sk_GENERAL_NAME_value(all.get(), i);
    if (one->type != GEN_DNS) continue;
    const ASN1_IA5STRING* text = one->d.dNSName;
    const std::string_view octets(reinterpret_cast<const char*>(ASN1_STRING_get0_data(text)),
                                  static_cast<std::size_t>(ASN1_STRING_length(text)));
    names.push_back(printable(octets, 255));
  }
  if (names.empty()) names.push_back(subject_of(certificate));
  return names;
}

std::string names_of(const X509* certificate) {
  return printable(fmt::format("{}", fmt::join(list_of_names(certificate), ", ")), 300);
}

/// Whether one of its names matches the host; a `*` matches the whole left-most label (RFC 6125
/// §6.4).
bool is_for(X509* certificate, const std::string& host) {
  const bool matches = X509_check_host(certificate, host.data(), host.size(),
                                       X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS, nullptr) == 1;
  ERR_clear_error();
  return matches;
}

void check_name(X509* certificate, const std::string& file, const std::string& host,
                std::vector<FileComplaint>& found) {
  if (is_for(certificate, host)) return;
  found.push_back({"certificate", "T005",
                   fmt::format("the certificate `{}` is for {}, not for {}", printable(file),
                               names_of(certificate), host),
                   fmt::format("get one for {}, or correct the host name", host), false});
}

tl::unexpected<Error> unusable(std::string sentence) {
  ERR_clear_error();
  return fail(Fault::malformed, std::move(sentence));
}

/// All certificates of a PEM text, the server's first. Other PEM blocks are passed over.
Result<std::vector<Certificate>> certificates_in(const std::string& pem) {
  std::vector<Certificate> chain;
  const Bio text(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())));
  while (X509* next = PEM_read_bio_X509(text.get(), nullptr, no_passphrase, nullptr)) {
    chain.emplace_back(next);
  }
  const bool at_its_end = ERR_GET_REASON(ERR_peek_last_error()) == PEM_R_NO_START_LINE;
  ERR_clear_error();
  if (at_its_end && !chain.empty()) return chain;
  if (chain.empty()) return unusable("the certificate file holds no PEM certificate");
  return unusable(fmt::format("certificate {} of the file cannot be read", chain.size() + 1));
}

/// Whether each certificate was issued by the one that follows (RFC 8446 §4.4.2).
void check_chain(const std::vector<Certificate>& chain, std::vector<FileComplaint>& found) {
  X509* const own = chain.front().get();
  const bool self_signed = X509_check_issued(own, own) == X509_V_OK;
  if (chain.size() == 1 && !self_signed) {
    found.push_back({"certificate", "T003", "no certificate of an issuer follows the server's",
                     "use the file with the whole chain, which ACME clients call fullchain.pem",
                     false});
  }
  for (std::size_t i = 0; i + 1 < chain.size(); ++i) {
    if (X509_check_issued(chain[i + 1].get(), chain[i].get()) == X509_V_OK) continue;
    found.push_back({"certificate", "T003",
                     fmt::format("certificate {} was not issued by the one that follows", i + 1),
                     "put the server's certificate first, then that of its issuer", false});
    break;
  }
  ERR_clear_error();
}

/// The key and the certificates as one text; empty: out of memory.
Secret text_of(EVP_PKEY* key, const std::vector<Certificate>& chain) {
  const Bio out(BIO_new(BIO_s_secmem()));
  bool written =
      out && PEM_write_bio_PrivateKey(out.get(), key, nullptr, nullptr, 0, nullptr, nullptr) == 1;
  for (const Certificate& one : chain) {
    written = written && PEM_write_bio_X509(out.get(), one.get()) == 1;
  }
  char* data = nullptr;
  const long size = written ? BIO_get_mem_data(out.get(), &data) : 0;
  return Secret(std::string(data == nullptr ? "" : data, static_cast<std::size_t>(size)));
}

Instant instant_of(const ASN1_TIME* time) {
  std::tm parts{};
  if (ASN1_TIME_to_tm(time, &parts) != 1) return last_instant;
  return instant_at(::timegm(&parts)).value_or(last_instant);
}

std::string issuer_of(const X509* certificate) {
  const Bio out(BIO_new(BIO_s_mem()));
  char* data = nullptr;
  if (!out ||
      X509_NAME_print_ex(out.get(), X509_get_issuer_name(certificate), 0, XN_FLAG_RFC2253) < 0) {
    return {};
  }
  const long size = BIO_get_mem_data(out.get(), &data);
  return printable(std::string_view(data, static_cast<std::size_t>(size)), 300);
}

std::string sha256_of(std::string_view octets) {
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
  unsigned size = 0;
  EVP_Digest(octets.data(), octets.size(), digest.data(), &size, EVP_sha256(), nullptr);
  return fmt::format("{:02x}", fmt::join(digest.begin(), digest.begin() + size, ""));
}

/// The SHA-256 of what OpenSSL writes in DER.
template <class Object, class Write>
std::string sha256_of_der(const Object* object, Write write) {
  unsigned char* der = nullptr;
  const int size = write(object, &der);
  if (size < 0) return {};
  const std::string octets(reinterpret_cast<const char*>(der), static_cast<std::size_t>(size));
  OPENSSL_free(der);
  return sha256_of(octets);
}

}  // namespace

std::vector<FileComplaint> check_certificate_files(const std::string& certificate_file,
                                                   const std::string& key_file,
                                                   const std::string& host) {
  std::vector<FileComplaint> found;
  if (auto complaint = check_readable("certificate", certificate_file)) found.push_back(*complaint);
  if (auto complaint = check_readable("key", key_file)) found.push_back(*complaint);
  if (!found.empty()) return found;

  const Bio certificate_bio(BIO_new_file(certificate_file.c_str(), "r"));
  const Bio key_bio(BIO_new_file(key_file.c_str(), "r"));
  Certificate certificate;
  PrivateKey key;
  if (certificate_bio) {
    certificate.reset(PEM_read_bio_X509(certificate_bio.get(), nullptr, no_passphrase, nullptr));
  }
  if (key_bio) {
    key.reset(PEM_read_bio_PrivateKey(key_bio.get(), nullptr, no_passphrase, nullptr));
  }
  ERR_clear_error();
  if (!certificate) {
    found.push_back({"certificate", "T003",
                     fmt::format("`{}` holds no PEM certificate", printable(certificate_file)),
                     "its first certificate must be the server's: -----BEGIN CERTIFICATE-----"});
  }
  if (!key) {
    found.push_back(
        {"key", "T003",
         fmt::format("`{}` holds no PEM private key without a passphrase", printable(key_file)),
         fmt::format("check it: `openssl pkey -in {} -noout`", printable(key_file))});
  }
  if (!certificate || !key) return found;
  if (X509_check_private_key(certificate.get(), key.get()) != 1) {
    ERR_clear_error();
    found.push_back(
        {"key", "T002",
         fmt::format("key `{}` does not belong to certificate `{}` of {}", printable(key_file),
                     printable(certificate_file), subject_of(certificate.get())),
         "name the key the certificate was made with"});
  }
  if (found.empty()) {
    // What parses and fits may still be refused in a handshake: a key that is too short.
    const auto usable = net::TlsContext::load(certificate_file, key_file);
    if (!usable) {
      found.push_back({"certificate", "T006", printable(usable.error().message, 500),
                       "get a certificate for a key of P-256, Ed25519 or RSA with 2048 bits"});
    }
  }
  check_dates(certificate.get(), certificate_file, CertificateOrigin::files, found);
  check_name(certificate.get(), certificate_file, host, found);
  return found;
}

std::vector<FileComplaint> check_certificate_text(const std::string& pem, const std::string& called,
                                                  const std::string& host) {
  std::vector<FileComplaint> found;
  const Bio text(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())));
  const Certificate certificate(
      text ? PEM_read_bio_X509(text.get(), nullptr, no_passphrase, nullptr) : nullptr);
  ERR_clear_error();
  if (!certificate) return found;
  check_dates(certificate.get(), called, CertificateOrigin::policy, found);
  check_name(certificate.get(), called, host, found);
  return found;
}

Result<CheckedPair> check_certificate_pair(const CertificatePair& pair, const std::string& host) {
  const auto chain = certificates_in(pair.certificate);
  if (!chain) return tl::unexpected(chain.error());
  const std::string& given = pair.key.reveal();
  const Bio text(BIO_new_mem_buf(given.data(), static_cast<int>(given.size())));
  const PrivateKey key(PEM_read_bio_PrivateKey(text.get(), nullptr, no_passphrase, nullptr));
  if (!key) return unusable("the key file holds no PEM private key without a passphrase");
  X509* const own = chain->front().get();
  if (X509_check_private_key(own, key.get()) != 1) {
    return unusable(fmt::format("the key does not belong to the certificate of {}", names_of(own)));
  }
  if (X509_cmp_current_time(X509_get0_notAfter(own)) < 0) {
    return unusable(fmt::format("the certificate of {} ended on {}", names_of(own),
                                date_of(X509_get0_notAfter(own))));
  }
  CheckedPair checked{
      .pem = text_of(key.get(), *chain), .warnings = {}, .names_host = is_for(own, host)};
  if (checked.pem.empty()) return fail(Fault::bug, "the pair cannot be written as PEM");
  // What is refused in a handshake, such as a key that is too short.
  const auto usable =
      net::TlsContext::load(net::TlsContext::Pem{.certificate = checked.pem.reveal(),
                                                 .key = checked.pem,
                                                 .certificate_name = "the certificate",
                                                 .key_name = "the key"});
  if (!usable) return unusable(usable.error().message);
  check_dates(own, pair.called, CertificateOrigin::installed, checked.warnings);
  check_name(own, pair.called, host, checked.warnings);
  check_chain(*chain, checked.warnings);
  return checked;
}

CertificateFacts facts_of(const x509_st* certificate) {
  return {.names = list_of_names(certificate),
          .issuer = issuer_of(certificate),
          .not_before = instant_of(X509_get0_notBefore(certificate)),
          .not_after = instant_of(X509_get0_notAfter(certificate)),
          .sha256 = sha256_of_der(certificate, i2d_X509),
          .tlsa = "3 1 1 " + sha256_of_der(X509_get_X509_PUBKEY(certificate), i2d_X509_PUBKEY)};
}

}  // namespace postern::app
