// Delivery status notifications (RFC 3464 §2): whether to send one, and its text. Pure: the caller
// supplies the clock, the queue's state and the octets of the message.
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

/// The event that a report covers; a report covers only one.
enum class ReportKind : std::uint8_t {
  failed,     ///< given up: rejected permanently, or expired
  delayed,    ///< not delivered yet
  relayed,    ///< relayed to a host that does not report itself (RFC 3461 §5.2.2)
  delivered,  ///< accepted by a webhook
};

/// A recipient with its latest result. make_report() sanitizes foreign text.
struct ReportedRecipient {
  std::string address;  ///< as in the envelope, without brackets
  std::string notify;   ///< NOTIFY as given (RFC 3461 §4.1); empty: not given
  std::string orcpt;    ///< ORCPT as given (RFC 3461 §4.2); empty: not given
  smtp::ResultClass klass = smtp::ResultClass::none;  ///< of the latest attempt
  smtp::EnhancedCode enhanced;                        ///< of the latest attempt
  std::string reply;    ///< the host's reply with its code, lines separated by LF; empty: none
  std::string finding;  ///< our own explanation when there is no reply
  std::string remote;   ///< name of the host that replied; empty: none
  std::chrono::system_clock::time_point last_attempt;  ///< when it was tried last
  bool expired = false;            ///< it has expired: failed, regardless of `klass`
  bool next_hop_dsn = false;       ///< the next hop offers DSN
  bool content_verdict = false;    ///< rejected for its content after acceptance
  bool delay_notice_sent = false;  ///< a delay notice was sent; there is never a second one
};

/// How the client was authenticated when it sent the message.
enum class ClientStanding : std::uint8_t { stranger, trusted, authenticated };

/// An event for recipients of one message. The caller groups recipients with the same state in the
/// same attempt into one report. Recipients to which `kind` does not apply are left out of the
/// report.
struct ReportOccasion {
  ReportKind kind = ReportKind::failed;       ///< the event
  std::vector<ReportedRecipient> recipients;  ///< of the message, or some of them
  // From the envelope.
  std::string reverse_path;  ///< without brackets; empty: the null reverse-path
  std::chrono::system_clock::time_point arrival;  ///< when the message was accepted
  std::string ret;          ///< RET as given (RFC 3461 §4.3); empty: not given
  std::string envid;        ///< ENVID as given (RFC 3461 §4.4); empty: not given
  bool smtputf8 = false;    ///< the message was sent with SMTPUTF8
  bool requiretls = false;  ///< the message was sent with REQUIRETLS
  std::string log_id;       ///< the id of the message on this host
  // Evidence from the reception.
  ClientStanding client = ClientStanding::stranger;  ///< of the client that sent the message
  bool spf_pass = false;                             ///< for the MAIL FROM identity, not for HELO
  /// `d=` of the valid signatures, in lower case.
  std::vector<std::string> dkim_domains;
  std::string helo;            ///< as the client sent it
  std::string client_address;  ///< in text form; may be empty
  // Known when the report is made.
  /// The domain of the reverse-path has a null MX (RFC 7505 §3) or does not exist.
  bool sender_takes_no_mail = false;
  /// Reports in the last hour (ReportRates) to this address.
  std::size_t sent_to_address = 0;
  /// Reports in the last hour to its domain.
  std::size_t sent_to_domain = 0;
  /// For `delayed`: when the message expires.
  std::chrono::system_clock::time_point retry_until;
};

/// Why no report is sent. In this order: the first reason that applies is returned.
enum class Suppression : std::uint8_t {
  null_sender,
  own_bounce_address,
  notify,  ///< NOTIFY excludes it, or no recipient is in the state that the report covers
  automatic,
  already_sent,
  next_hop_reports,
  sender_domain,
  backscatter,  ///< unknown client, and no evidence that the reverse-path is genuine
  content_verdict,
  rate,
};

/// `null-sender`, `own-bounce-address`, ...: for logs, traces and metrics.
std::string_view word_of(Suppression why);
/// `failed`, `delayed`, ...: for logs, traces and metrics.
std::string_view word_of(ReportKind kind);

/// How to write reports.
struct ReportSettings {
  std::string hostname;               ///< of this host; the domain in the reports' addresses
  std::string author = "postmaster";  ///< local part in From; mail from it gets no report
  /// Whether the next hop of reports takes SMTPUTF8. Without it, reports are written in ASCII
  /// (RFC 6533 §3), unless the reverse-path itself is not ASCII.
  bool hop_smtputf8 = false;
};

/// Reports to one address within an hour.
inline constexpr std::size_t max_reports_to_address = 20;
/// Reports to one domain within an hour, for messages of unknown clients.
inline constexpr std::size_t max_reports_to_domain = 100;
/// Reports to one domain within an hour, for messages of trusted and authenticated clients.
inline constexpr std::size_t max_reports_to_domain_own = 1000;

/// A failed message of at most this many octets is returned whole when RET was not given.
inline constexpr std::uint64_t max_returned_unasked = 64 * 1024;

/// Why no report may be sent; nullopt: a report may be sent, for the recipients that it covers.
std::optional<Suppression> suppressed(const ReportOccasion& occasion, const Original& original,
                                      const ReportSettings& settings);

/// A report without the octets of the original. Send it with the null reverse-path to one recipient
/// with NOTIFY=NEVER, without RET and ENVID (RFC 3461 §6.1). If its delivery fails it is dropped
/// without a report.
struct Report {
  static constexpr std::string_view notify = "NEVER";  ///< NOTIFY of its recipient

  std::string recipient;    ///< the reverse-path of the original, as received
  bool requiretls = false;  ///< send it with REQUIRETLS (RFC 8689 §5)
  bool smtputf8 = false;    ///< send it with SMTPUTF8
  bool eight_bit = false;   ///< send it with BODY=8BITMIME
  std::string head;         ///< the text before the returned part of the original
  ReturnedPart returned;    ///< which octets of the original follow
  std::string tail;         ///< the text after them
};

/// Makes a report. Call it only when suppressed() returned nullopt. `unique` consists of letters
/// and digits, such as a ULID; it goes into the Message-ID and the boundary. Lines end in CRLF and
/// have at most 998 octets.
Report make_report(const ReportOccasion& occasion, const Original& original,
                   const ReportSettings& settings, std::chrono::system_clock::time_point now,
                   std::string_view unique);

/// The whole report as one text: for tests, and for small messages.
std::string report_text(const Report& report, std::string_view original);

}  // namespace postern::relay
