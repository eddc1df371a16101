#include "doctor/gateway_checks.h"

#include <algorithm>

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>
#include <filesystem>

#include "base/owned.h"
#include "base/text.h"

namespace postern::doctor {

namespace {

using Bio = Owned<BIO, BIO_free>;
using Certificate = Owned<X509, X509_free>;

constexpr std::int64_t day = 86400;
constexpr std::int64_t days_between_backups = 7;

/// The certificates of the list have owners of their own.
void release_list(STACK_OF(X509) * list) { sk_X509_free(list); }

/// A certificate is never encrypted; without this OpenSSL would ask on the terminal.
int no_passphrase(char*, int, int, void*) { return 0; }

/// Why the system's authorities do not vouch for the certificate with `others` as its chain, apart
/// from its dates.
std::string chain_trouble(X509* certificate, STACK_OF(X509) * others) {
  const Owned<X509_STORE, X509_STORE_free> store(X509_STORE_new());
  const Owned<X509_STORE_CTX, X509_STORE_CTX_free> context(X509_STORE_CTX_new());
  if (!store || !context || X509_STORE_set_default_paths(store.get()) != 1 ||
      X509_STORE_CTX_init(context.get(), store.get(), certificate, others) != 1) {
    return "the system's authorities cannot be read";
  }
  X509_VERIFY_PARAM_set_flags(X509_STORE_CTX_get0_param(context.get()), X509_V_FLAG_NO_CHECK_TIME);
  if (X509_verify_cert(context.get()) == 1) return {};
  return X509_verify_cert_error_string(X509_STORE_CTX_get_error(context.get()));
}

/// The day, without the time.
std::string date_text(Instant time) { return to_rfc3339(time, 0).substr(0, 10); }

/// Which finding the days until the end are.
void judge_dates(const CertificateFile& certificate, Instant now, Findings& found) {
  constexpr std::string_view check = "certificate";
  const std::string_view renew = app::how_to_renew(certificate.origin);
  const app::CertificateFacts& facts = certificate.facts;
  if (facts.not_before > now) {
    found.push_back(finding(
        Level::fail, check,
        fmt::format("{} is not valid before {}", certificate.file, date_text(facts.not_before)),
        "postern doctor --check clock"));
  }
  const auto left = std::chrono::floor<std::chrono::days>(facts.not_after - now).count();
  if (facts.not_after < now) {
    found.push_back(
        finding(Level::fail, check,
                fmt::format("{} ended on {}", certificate.file, date_text(facts.not_after)),
                std::string(renew)));
  } else if (left < app::renewal_days_of_warning) {
    found.push_back(finding(left < app::renewal_days_of_failure ? Level::fail : Level::warn, check,
                            fmt::format("{} ends on {}, in {} days", certificate.file,
                                        date_text(facts.not_after), left),
                            std::string(renew)));
  }
}

/// The command that installs the certificate of an ACME client's folder.
std::string renew_by_hook(const std::string& lineage) {
  const std::string hook = app::renewal_hook();
  if (!hook.empty()) return fmt::format("RENEWED_LINEAGE={} {}", lineage, hook);
  return fmt::format("postern tls install {0}/fullchain.pem {0}/privkey.pem", lineage);
}

}  // namespace

Findings check_configuration(const app::Diagnostics& diagnostics, const std::string& file) {
  constexpr std::string_view check = "config";
  Findings found;
  for (const app::Diagnostic& diagnostic : diagnostics.list()) {
    const bool of_file = diagnostic.code == "T004" || diagnostic.code == "T005";
    if (of_file && diagnostic.file == file) continue;
    const Level level = diagnostic.severity == app::Severity::error     ? Level::fail
                        : diagnostic.severity == app::Severity::warning ? Level::warn
                                                                        : Level::note;
    found.push_back(finding(level, check, app::on_one_line(diagnostic), diagnostic.hint));
  }
  if (found.empty()) found.push_back(finding(Level::ok, check, file + " has no mistake"));
  return found;
}

CertificateFile look_at_certificate(const std::string& file, const std::string& host,
                                    app::CertificateOrigin origin) {
  CertificateFile facts;
  facts.file = file;
  facts.host = host;
  facts.origin = origin;
  std::error_code gone;
  if (!std::filesystem::is_regular_file(file, gone)) {  // a pipe would be waited for
    facts.trouble = "cannot be read";
    return facts;
  }
  const Bio source(BIO_new_file(file.c_str(), "r"));
  if (!source) {
    facts.trouble = "cannot be read";
    ERR_clear_error();
    return facts;
  }
  const Certificate certificate(PEM_read_bio_X509(source.get(), nullptr, no_passphrase, nullptr));
  if (!certificate) {
    facts.trouble = "has no PEM certificate";
    ERR_clear_error();
    return facts;
  }
  std::vector<Certificate> owners;
  const Owned<STACK_OF(X509), release_list> others(sk_X509_new_null());
  while (X509* next = PEM_read_bio_X509(source.get(), nullptr, no_passphrase, nullptr)) {
    owners.emplace_back(next);
    sk_X509_push(others.get(), next);
  }
  facts.facts = app::facts_of(certificate.get());
  facts.matches = X509_check_host(certificate.get(), host.data(), host.size(),
                                  X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS, nullptr) == 1;
  facts.self_signed = X509_NAME_cmp(X509_get_subject_name(certificate.get()),
                                    X509_get_issuer_name(certificate.get())) == 0;
  facts.chain_trouble = chain_trouble(certificate.get(), others.get());
  ERR_clear_error();
  return facts;
}

Findings check_certificates(const std::vector<CertificateFile>& certificates,
                            const std::vector<std::string>& refused, Instant now) {
  constexpr std::string_view check = "certificate";
  Findings found;
  if (certificates.empty()) {
    return {finding(Level::note, check, "no listener has TLS: mail comes in clear text",
                    "set tls = \"starttls\" for the listener")};
  }
  for (const std::string& why : refused) {
    found.push_back(finding(Level::fail, check, "an older certificate stays in use: " + why,
                            "postern tls status"));
  }
  for (const CertificateFile& facts : certificates) {
    if (!facts.trouble.empty()) {
      found.push_back(finding(
          Level::note, check, fmt::format("not looked at: {} {}", facts.file, facts.trouble),
          facts.file.starts_with("credential:")
              ? "name what LoadCredential= of the unit names: --credentials "
                "certs:/etc/postern/credentials"
              : "run doctor as the gateway's user or root; see `postern check`"));
      continue;
    }
    const std::size_t before = found.size();
    judge_dates(facts, now, found);
    const std::string names = printable(fmt::format("{}", fmt::join(facts.facts.names, ", ")), 300);
    if (!facts.matches) {
      found.push_back(
          finding(Level::warn, check,
                  fmt::format("{} is for {}, not for {}", facts.file, names, facts.host),
                  fmt::format("get one for {}, or correct {}", facts.host,
                              facts.of_virtual_domain ? "`domain`" : "server.hostname")));
    }
    if (facts.self_signed) {
      found.push_back(
          finding(Level::note, check,
                  fmt::format("{} is self-signed: enough for senders that do not verify, "
                              "and with TLSA for those that use DANE",
                              facts.file),
                  "get one from an authority (docs/tls.md)"));
    } else if (!facts.chain_trouble.empty()) {
      found.push_back(finding(
          Level::warn, check,
          fmt::format("no known authority vouches for {}: {}", facts.file, facts.chain_trouble),
          "put the intermediate certificates after it in the file"));
    }
    const bool silent =
        std::all_of(found.begin() + static_cast<std::ptrdiff_t>(before), found.end(),
                    [](const Finding& finding) { return finding.level == Level::note; });
    if (silent) {
      found.push_back(finding(
          Level::ok, check,
          fmt::format("{} is valid until {}{}", facts.file, date_text(facts.facts.not_after),
                      facts.told ? ", the gateway says" : "")));
    }
  }
  return found;
}

std::optional<CertificateFile> look_at_renewed(const std::string& host) {
  CertificateFile facts =
      look_at_certificate(fmt::format("/etc/letsencrypt/live/{}/fullchain.pem", host), host,
                          app::CertificateOrigin::files);
  if (!facts.trouble.empty() || !facts.matches) return std::nullopt;
  return facts;
}

Findings check_renewed(const std::vector<CertificateFile>& certificates,
                       const std::optional<CertificateFile>& renewed) {
  if (!renewed) return {};
  Findings found;
  for (const CertificateFile& one : certificates) {
    const bool older = one.trouble.empty() && one.facts.not_after < renewed->facts.not_after;
    const bool named = one.self_signed || one.matches;
    if (one.of_virtual_domain || !named || (!older && !one.self_signed)) continue;
    if (one.facts.sha256 == renewed->facts.sha256) continue;
    const std::string lineage = std::filesystem::path(renewed->file).parent_path().string();
    found.push_back(finding(
        Level::warn, "certificate",
        fmt::format("{} is valid until {}, and the gateway uses {} until {}: the hook of the "
                    "renewal did not run",
                    renewed->file, date_text(renewed->facts.not_after), one.file,
                    date_text(one.facts.not_after)),
        one.origin == app::CertificateOrigin::files
            ? fmt::format("copy it to {}, at each renewal too (docs/tls.md)", one.file)
            : renew_by_hook(lineage)));
  }
  return found;
}

Findings check_relay(const std::optional<std::string>& dialogue, bool judged) {
  constexpr std::string_view check = "relay";
  if (!judged) {
    return {finding(Level::note, check, "not looked at: the configuration has mistakes",
                    "postern check")};
  }
  if (!dialogue) return {finding(Level::ok, check, "unknown clients cannot send to foreign hosts")};
  return {
      finding(Level::fail, check, "an open relay: " + *dialogue, "postern check names the rule")};
}

Findings check_server(const ServerFacts& facts) {
  if (!facts.answers) {
    return {finding(Level::fail, server_check, facts.trouble, facts.to_do)};
  }
  Findings found;
  for (const std::string& problem : facts.problems) {
    found.push_back(finding(Level::fail, server_check, "the gateway defers mail: " + problem,
                            "journalctl -u postern"));
  }
  if (found.empty()) found.push_back(finding(Level::ok, server_check, "the gateway accepts mail"));
  return found;
}

Findings check_version(const ServerFacts& facts, const std::string& installed) {
  constexpr std::string_view check = "version";
  if (!facts.answers || facts.version.empty()) {
    return {
        finding(Level::note, check, fmt::format("{} is installed; no gateway runs", installed))};
  }
  if (facts.version == installed) {
    return {finding(Level::ok, check,
                    installed + " runs; a version gets security fixes until the second minor "
                                "version after it is released")};
  }
  return {
      finding(Level::warn, check,
              fmt::format("{} runs, and {} is installed", printable(facts.version, 100), installed),
              "systemctl restart postern")};
}

Findings check_integrity(const IntegrityFacts& facts) {
  constexpr std::string_view check = "integrity";
  constexpr std::string_view restore =
      "copy the data directory away, then `postern restore` a backup";
  Findings found;
  std::size_t sound = 0;
  for (const backup::DatabaseState& one : facts.databases) {
    if (!one.trouble.empty()) {
      found.push_back(
          finding(Level::note, check,
                  fmt::format("not looked at: {}: {}", one.name, printable(one.trouble, 200)),
                  "run doctor as the gateway's user or root"));
    }
    for (const std::string& fault : one.wrong) {
      found.push_back(finding(Level::fail, check,
                              fmt::format("{}: {}", one.name, printable(fault, 200)),
                              std::string(restore)));
    }
    if (one.trouble.empty() && one.wrong.empty()) sound += 1;
  }
  for (const std::string& fault : facts.wrong) {
    found.push_back(finding(Level::fail, check, printable(fault, 200), "postern queue verify"));
  }
  if (!facts.trouble.empty()) {
    found.push_back(
        finding(Level::note, check,
                "the messages of the queue were not read: " + printable(facts.trouble, 200)));
  }
  if (sound > 0 || facts.trouble.empty()) {
    found.push_back(
        finding(Level::ok, check,
                fmt::format("{} {} sound{}", sound, sound == 1 ? "database is" : "databases are",
                            facts.trouble.empty()
                                ? fmt::format("; {} {} read", facts.messages,
                                              facts.messages == 1 ? "message was" : "messages were")
                                : "")));
  }
  return found;
}

Findings check_sandbox(const ServerFacts& facts, const AskedSandbox& asked) {
  constexpr std::string_view check = "sandbox";
  if (!facts.answers || facts.sandbox.empty()) {
    return {finding(Level::note, check, "not looked at: no gateway says what is in force")};
  }
  const bool whole = facts.sandbox.find("landlock") != std::string::npos &&
                     facts.sandbox.find("seccomp") != std::string::npos;
  if (whole) return {finding(Level::ok, check, printable(facts.sandbox, 200) + " are in force")};
  if (asked.off) {
    return {finding(Level::warn, check, "the configuration switches it off",
                    "remove server.sandbox = \"off\"")};
  }
  if (asked.programs && facts.sandbox.find("seccomp") != std::string::npos) {
    return {finding(Level::note, check,
                    fmt::format("in force: {}; no restriction of files, because "
                                "vsl.allow_commands has programs, which would be under it too",
                                printable(facts.sandbox, 200)))};
  }
  return {
      finding(Level::warn, check,
              fmt::format("in force: {}; the kernel lacks the rest", printable(facts.sandbox, 200)),
              "see docs/sandbox.md")};
}

Findings check_queue(const QueueFacts& facts, std::chrono::seconds notice) {
  constexpr std::string_view check = "queue";
  if (!facts.trouble.empty())
    return {finding(Level::note, check, "not looked at: " + facts.trouble)};
  if (notice <= std::chrono::seconds(0)) notice = std::chrono::hours(4);
  Findings found;
  if (facts.age && *facts.age > notice) {
    found.push_back(
        finding(Level::warn, check,
                fmt::format("{} recipients wait, the oldest for {} min", facts.queued,
                            std::chrono::duration_cast<std::chrono::minutes>(*facts.age).count()),
                "postern queue destinations"));
  }
  if (facts.dead > 0) {
    found.push_back(finding(Level::note, check,
                            fmt::format("{} deliveries were given up", facts.dead),
                            "postern queue list --state dead"));
  }
  if (found.empty()) {
    found.push_back(finding(Level::ok, check, fmt::format("{} recipients wait", facts.queued)));
  }
  return found;
}

Findings check_dnssec(const std::optional<std::string>& kind, bool proves) {
  constexpr std::string_view check = "dnssec";
  if (!kind) return {finding(Level::note, check, "not looked at: answers come from a file")};
  if (proves) return {finding(Level::ok, check, "DNSSEC: " + printable(*kind, 300))};
  return {finding(
      Level::warn, check, "DNSSEC: " + printable(*kind, 300),
      "apt install dns-root-data for the trust anchor, and a name server that passes DNSSEC "
      "records (docs/relay.md, DNSSEC)")};
}

Findings check_backup(std::optional<std::chrono::seconds> age) {
  constexpr std::string_view check = "backup";
  if (!age) {
    return {finding(Level::note, check, "no backup is recorded",
                    "postern backup DIR (docs/backup.md)")};
  }
  if (*age < std::chrono::seconds(0)) {
    return {finding(Level::warn, check,
                    "the last one is recorded in the future: the clock was wrong",
                    "postern backup DIR (docs/backup.md)")};
  }
  const std::int64_t days = age->count() / day;
  const std::string what = fmt::format("the last one is {} days old", days);
  if (days < days_between_backups) return {finding(Level::ok, check, what)};
  return {finding(Level::warn, check, what, "postern backup DIR (docs/backup.md)")};
}

}  // namespace postern::doctor
