// The message that a report is about: what has to be known of its octets, in one pass and constant
// memory, and how they are put into the report in a second one.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/sha256.h"
#include "mail/header_scanner.h"

namespace postern::relay {

/// One section of a message: whether it can stand in another message as it is.
struct SectionForm {
  bool eight_bit = false;  ///< an octet above 127
  /// CRLF line ends only, no line over 998 octets (RFC 5322 §2.1.1), no NUL.
  bool plain = true;
};

struct Original {
  std::uint64_t size = 0;
  std::uint64_t header_size = 0;  ///< octets without the blank line
  SectionForm header;
  SectionForm body;
  std::string message_id;  ///< with its brackets; empty: none, or malformed
  /// Auto-Submitted other than `no` (RFC 3834 §5), Precedence of bulk mail, or a List-Id.
  bool automatic = false;
  std::string digest;  ///< 32 hexadecimal digits that depend on every octet
};

/// Is fed the stored message in pieces, then finished once.
class OriginalScan {
 public:
  void feed(std::string_view piece);
  Original finish();

 private:
  void take(char c);
  void end_line();
  void end_field();

  Original original_;
  Sha256 sum_;
  mail::HeaderScanner scanner_;
  std::string field_;     ///< the header field being read, its first octets
  std::size_t line_ = 0;  ///< octets of the line so far, line end left out
  bool in_header_ = true;
  bool after_cr_ = false;
};

/// The octets of the original that a report holds: its first `size`, as they are or in base64.
struct ReturnedPart {
  std::uint64_t size = 0;
  bool base64 = false;
};

/// Writes them; is fed the original from its beginning.
class ReturnedWriter {
 public:
  explicit ReturnedWriter(const ReturnedPart& part) : part_(part) {}
  /// Appends to `out` what `piece` brings.
  void feed(std::string_view piece, std::string& out);
  /// Nothing more is wanted.
  bool done() const { return part_.size == 0; }
  /// The rest, when all has been fed.
  void finish(std::string& out);

 private:
  ReturnedPart part_;
  std::string held_;  ///< octets of an unfinished line of base64
};

/// Lines of base64 for `octets`, each with CRLF (RFC 2045 §6.8).
std::string base64_lines(std::string_view octets);

}  // namespace postern::relay
