// What is wrong with a gateway itself: its configuration, its certificate, and what it says when it
// is asked. Facts in, findings out.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "backup/integrity.h"
#include "base/time_text.h"
#include "config/certificate_files.h"
#include "config/diagnostic.h"
#include "config/renewal.h"
#include "doctor/finding.h"

namespace postern::doctor {

/// Each error fails and each warning warns. `file`: the configuration, as diagnostics name it; what
/// they say in it about dates and names of certificates (T004, T005) is left to
/// check_certificates(), which looks at the same files. Texts of a policy are at places of its own.
Findings check_configuration(const app::Diagnostics& diagnostics, const std::string& file);

/// The first certificate of a file, and its chain.
struct CertificateFile {
  std::string file;             ///< for messages
  std::string trouble;          ///< why it cannot be used; empty: it was read
  app::CertificateFacts facts;  ///< of the certificate
  std::string host;             ///< the name that clients expect in it
  app::CertificateOrigin origin = app::CertificateOrigin::files;  ///< says how it is renewed
  /// Shown to clients that ask for `host` alone (RFC 6066 §3).
  bool of_virtual_domain = false;
  bool matches = false;       ///< one of its names is `host` (RFC 6125 §6.4)
  bool self_signed = false;   ///< issuer and subject are the same
  std::string chain_trouble;  ///< why the system's authorities do not vouch; empty: they do
  bool told = false;          ///< the gateway said the dates: this process has no such file
};
/// Reads a certificate and those after it in the file. Blocks on the disk.
CertificateFile look_at_certificate(const std::string& file, const std::string& host,
                                    app::CertificateOrigin origin);
/// Dates, name and chain. Fewer than 21 days left warn, fewer than 7 fail. `refused`: for each
/// listener that keeps an older pair, why the gateway does not take the files.
Findings check_certificates(const std::vector<CertificateFile>& certificates,
                            const std::vector<std::string>& refused, Instant now);

/// The certificate that certbot keeps for a host; nullopt: none, or it cannot be read.
std::optional<CertificateFile> look_at_renewed(const std::string& host);
/// Warns if it ends later than one that the gateway shows for that host: the hook of the renewal
/// did not run. Empty if there is nothing to say.
Findings check_renewed(const std::vector<CertificateFile>& certificates,
                       const std::optional<CertificateFile>& renewed);

/// `dialogue`: how unknown clients send mail to foreign destinations; nullopt: no way was found.
Findings check_relay(const std::optional<std::string>& dialogue, bool judged);

/// What the running gateway says of itself.
struct ServerFacts {
  bool answers = false;               ///< it was asked, and answered
  std::string trouble;                ///< why it was not asked, or gave no answer
  std::string to_do;                  ///< what can be done about `trouble`
  bool denied = false;                ///< this user may not ask it; whether one runs is not known
  std::vector<std::string> problems;  ///< why it accepts no mail, as in /readyz
  std::string version;                ///< number and revision
  std::string sandbox;                ///< "landlock 7, seccomp"; empty: unknown
  std::uint64_t descriptors = 0;      ///< its limit; 0: unknown
  std::optional<std::uint32_t> user;  ///< its user id
  /// That of the owner of its data directory, as it sees it.
  std::optional<std::uint32_t> data_owner;
  std::vector<std::string> listeners;  ///< addresses with ports, the API's included
};
/// The gateway answers, and accepts mail.
Findings check_server(const ServerFacts& facts);
/// The program that runs is the one that is installed; `installed` as ServerFacts::version. Says
/// how long a version gets security fixes.
Findings check_version(const ServerFacts& facts, const std::string& installed);
/// What the configuration says about the sandbox.
struct AskedSandbox {
  bool off = false;       ///< `server.sandbox = "off"`
  bool programs = false;  ///< `vsl.allow_commands` has some, so files are not restricted
};
/// Both layers of the sandbox are in force, as far as the configuration lets them be.
Findings check_sandbox(const ServerFacts& facts, const AskedSandbox& asked);

/// Mail that waits.
struct QueueFacts {
  std::string trouble;                      ///< why it was not asked; empty: it was
  std::uint64_t queued = 0;                 ///< recipients that wait for an attempt
  std::uint64_t dead = 0;                   ///< recipients whose delivery was given up
  std::optional<std::chrono::seconds> age;  ///< of the oldest; nullopt: none waits
};
/// Warns when the oldest message waits longer than `notice` (queue.delay_notice; 0: 4 hours).
Findings check_queue(const QueueFacts& facts, std::chrono::seconds notice);

/// What reading all data has shown.
struct IntegrityFacts {
  std::vector<backup::DatabaseState> databases;  ///< of the data directory
  std::string trouble;         ///< why the messages of the queue were not read; empty: they were
  std::uint64_t messages = 0;  ///< that were read
  std::vector<std::string> wrong;  ///< about messages
};
/// Each fault fails; what could not be read is a note.
Findings check_integrity(const IntegrityFacts& facts);

/// `kind`: whether and how DNSSEC works, as `postern check` says it; `proves`: answers can be
/// secure. nullopt for `kind`: not asked.
Findings check_dnssec(const std::optional<std::string>& kind, bool proves);

/// `age` of the newest good backup; nullopt: none was recorded.
Findings check_backup(std::optional<std::chrono::seconds> age);

}  // namespace postern::doctor
