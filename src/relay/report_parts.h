// The parts of a report (RFC 6522 §3, RFC 3464 §2, RFC 6533 §4), when their contents are decided.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "relay/report.h"

namespace postern::relay {

/// Octets of ReportForm::unique. A boundary has at most 70 characters (RFC 2046 §5.1.1), of which
/// the digest takes 33.
inline constexpr std::size_t max_unique = 32;

/// The contents of a report. The references must outlive the form.
struct ReportForm {
  const ReportOccasion& occasion;                           ///< the event
  const std::vector<const ReportedRecipient*>& recipients;  ///< those that the report covers
  const Original& original;                                 ///< the message
  const ReportSettings& settings;                           ///< how to write it
  std::chrono::system_clock::time_point now;                ///< for Date
  std::string_view unique;             ///< for the Message-ID; at most max_unique octets
  std::string boundary;                ///< between the parts
  bool global = false;                 ///< use the media types of RFC 6533 §4
  bool utf8 = false;                   ///< sent with SMTPUTF8: octets above 127 are not encoded
  bool whole = false;                  ///< the original is returned with its body
  std::string_view encoding = "7bit";  ///< of the returned part
};

/// The header of the report.
std::string report_header(const ReportForm& form);
/// The text for people, with its boundary line.
std::string text_part(const ReportForm& form);
/// The delivery status, with its boundary line.
std::string status_part(const ReportForm& form);
/// The beginning of the returned part, up to the blank line before the original.
std::string returned_part_header(const ReportForm& form);

/// An address as utf-8-addr-xtext (RFC 6533 §3): `j\x{F6}@example.org`. Octets that are not UTF-8
/// become \xNN.
std::string utf8_addr_xtext(std::string_view address);
/// Foreign text on one line of printable ASCII: line ends become blanks, other octets \xNN. At most
/// about 1024 octets.
std::string one_line(std::string_view foreign);

}  // namespace postern::relay
