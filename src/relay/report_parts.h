// The parts of a report (RFC 6522, RFC 3464, RFC 6533), once it is settled what they hold.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "relay/report.h"

namespace postern::relay {

/// A boundary has 70 characters at most (RFC 2046 §5.1.1), and the digest takes 33.
inline constexpr std::size_t max_unique = 32;

struct ReportForm {
  const ReportOccasion& occasion;
  const std::vector<const ReportedRecipient*>& recipients;  ///< those to be spoken of
  const Original& original;
  const ReportSettings& settings;
  std::chrono::system_clock::time_point now;
  std::string_view unique;
  std::string boundary;
  bool global = false;                 ///< the types of RFC 6533
  bool utf8 = false;                   ///< and goes by SMTPUTF8: octets above 127 stand as they are
  bool whole = false;                  ///< the original is returned with its body
  std::string_view encoding = "7bit";  ///< of the returned part
};

std::string report_header(const ReportForm& form);
/// Each begins with its boundary line.
std::string text_part(const ReportForm& form);
std::string status_part(const ReportForm& form);
/// To the blank line behind which the original begins.
std::string returned_part_header(const ReportForm& form);

/// RFC 6533 §3 utf-8-addr-xtext: `j\x{F6}@example.org`. What is no UTF-8 becomes \xNN.
std::string utf8_addr_xtext(std::string_view address);
/// Foreign words on one line: printable ASCII, line ends become blanks, other octets \xNN; some
/// 1024 octets at most.
std::string one_line(std::string_view foreign);

}  // namespace postern::relay
