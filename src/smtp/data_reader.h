// The message on the wire: where it ends, which dots are not its own, which octets it must not
// have.
#pragma once

#include <cstdint>
#include <string_view>

#include "smtp/limits.h"

namespace postern::smtp {

/// Reads the octets behind DATA or BDAT. Only CRLF ends a line and only CRLF.CRLF ends DATA
/// (RFC 5321 §2.3.8, §4.1.1.4). Clean octets are handed out as views into the input.
class DataReader {
 public:
  enum class Framing {
    dots,   ///< DATA: ends at a lone dot, leading dots are doubled (RFC 5321 §4.5.2)
    octets  ///< BDAT: the caller counts (RFC 3030 §2)
  };
  enum class Status { need_input, piece, end };
  struct StepView {
    Status status;
    std::string_view piece;  ///< into the input or static; for Status::piece
  };

  DataReader() = default;
  DataReader(Framing framing, BareNewline bare_newline, const Limits& limits);

  /// Takes octets from the front of `input`.
  StepView read(std::string_view& input);
  /// The last octet was read: a CR that still waits for its LF is a bare one.
  void finish();

  /// A bare CR, bare LF or NUL was seen.
  bool broken() const { return broken_; }
  bool line_too_long() const { return long_line_; }
  bool too_big() const { return size_ > max_size_; }
  /// Nothing more is handed out: the message will be refused.
  bool discarding() const { return broken_ || long_line_ || too_big(); }
  /// Octets of the message so far, stuffed dots not counted.
  std::uint64_t size() const { return size_; }
  /// Octets taken from the wire so far.
  std::uint64_t octets_read() const { return octets_read_; }

 private:
  /// What stands before the next octet.
  enum class State : std::uint8_t { line_start, text, cr, dot, dot_cr };
  struct Scan {
    std::size_t clean;  ///< octets that belong to the message as they are
    bool stopped;       ///< at `clean` stands something to look at
  };

  StepView read_run(std::string_view& input);
  StepView stop_at(std::string_view& input);
  Scan scan(std::string_view input);
  template <bool strict>
  Scan scan_blocks(std::string_view input);
  void take(std::string_view& input, std::size_t octets);
  void count_line(std::size_t octets);

  std::uint64_t size_ = 0;
  std::uint64_t octets_read_ = 0;
  std::uint64_t max_size_ = 0;
  std::size_t line_ = 0;  ///< octets of the line so far
  std::size_t max_line_ = 0;
  Framing framing_ = Framing::dots;
  BareNewline bare_newline_ = BareNewline::reject;
  State state_ = State::line_start;
  bool broken_ = false;
  bool long_line_ = false;
};

}  // namespace postern::smtp
