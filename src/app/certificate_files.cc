#include "app/certificate_files.h"

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
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#include "base/text.h"

namespace postern::app {

namespace {

template <auto Free>
struct Freed {
  template <class T>
  void operator()(T* pointer) const {
    Free(pointer);
  }
};
using Bio = std::unique_ptr<BIO, Freed<BIO_free>>;
using Certificate = std::unique_ptr<X509, Freed<X509_free>>;
using PrivateKey = std::unique_ptr<EVP_PKEY, Freed<EVP_PKEY_free>>;

std::string user_name(uid_t uid) {
  const passwd* entry = getpwuid(uid);
  return entry ? fmt::format("{} ({})", entry->pw_name, uid) : std::to_string(uid);
}

std::string group_name(gid_t gid) {
  const group* entry = getgrgid(gid);
  return entry ? fmt::format("{} ({})", entry->gr_name, gid) : std::to_string(gid);
}

/// Who owns a file we may not read, its mode, who we are, and the line that mends it.
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

/// A key with a passphrase would make OpenSSL ask on the terminal.
int no_passphrase(char*, int, int, void*) { return 0; }

std::string subject_of(X509* certificate) {
  char buffer[256] = {};
  X509_NAME_oneline(X509_get_subject_name(certificate), buffer, sizeof buffer);
  return printable(buffer);
}

std::string date_of(const ASN1_TIME* time) {
  std::tm parts{};
  if (ASN1_TIME_to_tm(time, &parts) != 1) return "an unreadable date";
  return fmt::format("{:04}-{:02}-{:02}", parts.tm_year + 1900, parts.tm_mon + 1, parts.tm_mday);
}

void check_dates(X509* certificate, const std::string& file, std::vector<FileComplaint>& found) {
  if (X509_cmp_current_time(X509_get0_notAfter(certificate)) < 0) {
    found.push_back({"certificate", "T004",
                     fmt::format("the certificate `{}` ended on {}", printable(file),
                                 date_of(X509_get0_notAfter(certificate))),
                     "renew it, then restart", false});
  }
  if (X509_cmp_current_time(X509_get0_notBefore(certificate)) > 0) {
    found.push_back({"certificate", "T004",
                     fmt::format("the certificate `{}` is not valid before {}", printable(file),
                                 date_of(X509_get0_notBefore(certificate))),
                     "check the clock of this machine", false});
  }
}

}  // namespace

std::vector<FileComplaint> check_certificate_files(const std::string& certificate_file,
                                                   const std::string& key_file) {
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
  check_dates(certificate.get(), certificate_file, found);
  return found;
}

}  // namespace postern::app
