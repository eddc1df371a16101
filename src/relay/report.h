// Delivery status notifications (RFC 3464): whether the sender is told what became of a message,
// and in which words. Values only: clock, queue and the message's octets come from outside.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "relay/original.h"
#include "smtp/outbound.h"

namespace postern::relay {

/// What a report is about; a report is about one of these only.
enum class ReportKind : std::uint8_t {
  failed,     ///< given up: refused for good, or its time is over
  delayed,    ///< not delivered yet
  relayed,    ///< handed to a host that does not report itself (RFC 3461 §5.2.2)
  delivered,  ///< taken by a webhook
};

/// One recipient with its latest result. Foreign text is made harmless here, not by the caller.
struct ReportedRecipient {
  std::string address;  ///< of the envelope, without brackets
  std::string notify;   ///< RFC 3461 §4.1, as given; empty: not given
  std::string orcpt;    ///< RFC 3461 §4.2, as given
  smtp::ResultClass klass = smtp::ResultClass::none;
  smtp::EnhancedCode enhanced;
  std::string reply;    ///< the host's, with its code, lines parted by LF; empty: none
  std::string finding;  ///< our own words, where there is no reply
  std::string remote;   ///< name of the host that answered; empty: none did
  std::chrono::system_clock::time_point last_attempt;
  bool expired = false;            ///< its time is over: failed, whatever `klass` says
  bool next_hop_dsn = false;       ///< the host that took it offers DSN
  bool content_verdict = false;    ///< refused for its content after it was accepted
  bool delay_notice_sent = false;  ///< there is never a second one
};

/// What the client was when the message came.
enum class ClientStanding : std::uint8_t { stranger, trusted, authenticated };

/// A message with recipients that something happened to. Those in the same state of the same
/// attempt belong together (one report), which is for the caller to see to; recipients that `kind`
/// is not about may be among them and are not spoken of.
struct ReportOccasion {
  ReportKind kind = ReportKind::failed;
  std::vector<ReportedRecipient> recipients;
  // The envelope.
  std::string reverse_path;  ///< without brackets; empty: the null reverse-path
  std::chrono::system_clock::time_point arrival;
  std::string ret;    ///< RFC 3461 §4.3, as given; empty: not given
  std::string envid;  ///< RFC 3461 §4.4, as given
  bool smtputf8 = false;
  bool requiretls = false;
  std::string log_id;  ///< the message's id here
  // Evidence at receipt.
  ClientStanding client = ClientStanding::stranger;
  bool spf_pass = false;  ///< of the MAIL FROM identity, not of HELO
  /// `d=` of the valid signatures, lower case.
  std::vector<std::string> dkim_domains;
  std::string helo;            ///< as the client wrote it
  std::string client_address;  ///< as text
  // What is known now.
  /// The reverse-path's domain has a null MX (RFC 7505) or does not exist.
  bool sender_takes_no_mail = false;
  /// Reports of the last hour (ReportRates).
  std::size_t sent_to_address = 0;
  std::size_t sent_to_domain = 0;
  /// Delayed: when it is given up.
  std::chrono::system_clock::time_point retry_until;
};

/// Why no report is sent. In this order: the first that holds is the answer.
enum class Suppression : std::uint8_t {
  null_sender,
  own_bounce_address,
  notify,  ///< NOTIFY is against it, or nobody is in the state that the report is about
  automatic,
  already_sent,
  next_hop_reports,
  sender_domain,
  backscatter,  ///< a stranger's message, and nothing says that the reverse-path is not forged
  content_verdict,
  rate,
};

/// `null-sender`, `own-bounce-address`, ...: for logs, traces and metrics.
std::string_view word_of(Suppression why);
std::string_view word_of(ReportKind kind);

struct ReportSettings {
  std::string hostname;               ///< of this host; the reports' own domain
  std::string author = "postmaster";  ///< local part of From; mail from this address gets no report
  /// Where reports go next takes SMTPUTF8; without it, they are written in ASCII (RFC 6533 §3)
  /// unless the reverse-path itself cannot be.
  bool hop_smtputf8 = false;
};

/// Reports to one address and to one domain within an hour; `own` for those of trusted and
/// authenticated clients.
inline constexpr std::size_t max_reports_to_address = 20;
inline constexpr std::size_t max_reports_to_domain = 100;
inline constexpr std::size_t max_reports_to_domain_own = 1000;

/// Octets up to which a failed message is returned whole when RET was not given.
inline constexpr std::uint64_t max_returned_unasked = 64 * 1024;

/// Whether a report may be sent; nullopt: yes, for the recipients that it is about.
std::optional<Suppression> suppressed(const ReportOccasion& occasion, const Original& original,
                                      const ReportSettings& settings);

/// A report, ready but for the octets of the original. It goes out with the null reverse-path, to
/// one recipient with NOTIFY=NEVER, without RET and ENVID; if it fails it is dropped, and no report
/// is made of that (RFC 3461 §6.1).
struct Report {
  static constexpr std::string_view notify = "NEVER";

  std::string recipient;    ///< the reverse-path of the original, as received
  bool requiretls = false;  ///< RFC 8689 §5
  bool smtputf8 = false;
  bool eight_bit = false;  ///< BODY=8BITMIME
  std::string head;        ///< what precedes the original
  ReturnedPart returned;   ///< which of the original's octets follow, and how
  std::string tail;        ///< what is behind them
};

/// Only where suppressed() has nothing to say. `unique` (letters and digits, such as a ULID) goes
/// into the Message-ID and the boundary. Lines end in CRLF and have 998 octets at most.
Report make_report(const ReportOccasion& occasion, const Original& original,
                   const ReportSettings& settings, std::chrono::system_clock::time_point now,
                   std::string_view unique);

/// Head, original and tail in one piece: for tests, and for messages known to be small.
std::string report_text(const Report& report, std::string_view original);

}  // namespace postern::relay
