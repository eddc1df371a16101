// Statistics of a header section, computed while the message streams through.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

namespace postern::mail {

/// Counts what the limits and the loop detection need. Takes the message in pieces of any size;
/// lines end in CRLF. Uses constant memory; after the blank line, a piece costs nothing. For one
/// thread at a time.
class HeaderScanner {
 public:
  /// The next octets of the message.
  void feed(std::string_view piece) {
    if (state_ != State::body) scan(piece);
  }
  /// Ends the message: a header section may end without a blank line.
  void finish();

  /// Whether the blank line was seen; octets after the pieces fed so far belong to the body.
  bool in_body() const { return state_ == State::body; }
  /// Fields with a name and a colon.
  std::uint64_t fields() const { return fields_; }
  /// Received fields (RFC 5321 §6.3 loop detection).
  std::uint64_t received_fields() const { return received_; }
  /// From fields.
  std::uint64_t from_fields() const { return from_; }
  /// Lines that are neither a field nor a continuation: `From ` of an mbox file, a blank before the
  /// colon, a first line that begins with a blank.
  std::uint64_t odd_lines() const { return odd_; }
  /// Octets of the header section, including the blank line.
  std::uint64_t size() const { return size_; }
  /// The first Message-ID, unfolded, without surrounding blanks; empty: there is none, or it is
  /// longer than 998 octets.
  const std::string& message_id() const { return message_id_; }

 private:
  enum class State : std::uint8_t { line_start, blank_line, name, value, body };
  enum class Collect : std::uint8_t { not_yet, now, done };

  void scan(std::string_view piece);
  std::size_t scan_name(std::string_view piece);
  std::size_t scan_value(std::string_view piece);
  void begin_line(char first);
  void take_field();
  void end_collecting();

  std::uint64_t fields_ = 0;
  std::uint64_t received_ = 0;
  std::uint64_t from_ = 0;
  std::uint64_t odd_ = 0;
  std::uint64_t size_ = 0;
  std::string message_id_;
  std::array<char, 12> name_{};  ///< lower-case start of the field name
  std::size_t name_length_ = 0;
  State state_ = State::line_start;
  Collect collect_ = Collect::not_yet;
};

}  // namespace postern::mail
