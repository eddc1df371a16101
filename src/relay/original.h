// The original message of a report: one pass in constant memory gathers what the report needs; a
// second pass copies its octets.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/sha256.h"
#include "mail/header_scanner.h"

namespace postern::relay {

/// Whether one section of a message can be part of another message without encoding.
struct SectionForm {
  bool eight_bit = false;  ///< it has an octet above 127
  /// Only CRLF line ends, no line above 998 octets (RFC 5322 §2.1.1), no NUL.
  bool plain = true;
};

/// What a report needs to know about the original message.
struct Original {
  std::uint64_t size = 0;         ///< octets
  std::uint64_t header_size = 0;  ///< octets of the header, without the blank line
  SectionForm header;             ///< the header section
  SectionForm body;               ///< the body
  std::string message_id;         ///< with angle brackets; empty: none, or malformed
  /// It has Auto-Submitted other than `no` (RFC 3834 §5), Precedence of bulk mail, or a List-Id.
  bool automatic = false;
  std::string digest;  ///< 32 hexadecimal digits of the SHA-256 of all octets
};

/// Scans the stored message, which is fed in pieces.
class OriginalScan {
 public:
  /// The next octets.
  void feed(std::string_view piece);
  /// Ends the message and returns the result. Call it once.
  Original finish();

 private:
  void take(char c);
  void end_line();
  void end_field();

  Original original_;
  Sha256 sum_;
  mail::HeaderScanner scanner_;
  std::string field_;     ///< the beginning of the current header field
  std::size_t line_ = 0;  ///< octets of the current line, without its line end
  bool in_header_ = true;
  bool after_cr_ = false;
};

/// The part of the original that a report returns: its first `size` octets, unchanged or in base64.
struct ReturnedPart {
  std::uint64_t size = 0;  ///< octets of the original
  bool base64 = false;     ///< whether to encode them
};

/// Writes the returned part while the original is fed from its beginning.
class ReturnedWriter {
 public:
  /// `part`: what to return.
  explicit ReturnedWriter(const ReturnedPart& part) : part_(part) {}
  /// Appends to `out` the text for the next octets.
  void feed(std::string_view piece, std::string& out);
  /// Whether it needs no more octets.
  bool done() const { return part_.size == 0; }
  /// Appends the rest. Call it once, when all octets were fed.
  void finish(std::string& out);

 private:
  ReturnedPart part_;
  std::string held_;  ///< octets of an unfinished line of base64
};

/// `octets` as lines of base64, each with CRLF (RFC 2045 §6.8).
std::string base64_lines(std::string_view octets);

}  // namespace postern::relay
