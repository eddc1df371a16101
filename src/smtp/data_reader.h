// Finds the end of a message on the wire, removes stuffed dots and detects forbidden octets.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "smtp/limits.h"
#include "smtp/protocol_error.h"

namespace postern::smtp {

/// Reads the octets after DATA or BDAT. Only CRLF ends a line, and only CRLF.CRLF ends DATA (RFC
/// 5321 §2.3.8, §4.1.1.4). Octets that need no change are returned as views into the input. For one
/// thread at a time.
class DataReader {
 public:
  /// How the end of the octets is found.
  enum class Framing {
    dots,   ///< DATA: a lone dot ends it, leading dots are doubled (RFC 5321 §4.5.2)
    octets  ///< BDAT: the caller counts the octets (RFC 3030 §2)
  };
  /// The result of read().
  enum class Status { need_input, piece, end };
  /// One step of read().
  struct StepView {
    /// What `piece` means.
    Status status;
    std::string_view piece;  ///< for Status::piece: a view into the input or static
  };

  DataReader() = default;
  /// Applies the message size and the text line limit of `limits`.
  DataReader(Framing framing, BareNewline bare_newline, const Limits& limits);

  /// Consumes octets from the front of `input`; call it until need_input or end.
  StepView read(std::string_view& input);
  /// No more octets follow: a pending CR without LF is a bare one.
  void finish();

  /// Whether a bare CR, a bare LF or a NUL was seen; the first one.
  std::optional<ProtocolError> broken() const { return broken_; }
  /// A line exceeded Limits::text_line.
  bool line_too_long() const { return long_line_; }
  /// The message exceeded Limits::message_size.
  bool too_big() const { return size_ > max_size_; }
  /// The message will be rejected; no more pieces are returned.
  bool discarding() const { return broken_.has_value() || long_line_ || too_big(); }
  /// Octets of the message so far, without stuffed dots.
  std::uint64_t size() const { return size_; }
  /// Octets consumed from the wire so far.
  std::uint64_t octets_read() const { return octets_read_; }

 private:
  /// The octets before the next one.
  enum class State : std::uint8_t { line_start, text, cr, dot, dot_cr };
  struct Scan {
    std::size_t clean;  ///< octets that belong to the message unchanged
    bool stopped;       ///< the octet at `clean` needs a decision
  };

  StepView read_run(std::string_view& input);
  StepView stop_at(std::string_view& input);
  Scan scan(std::string_view input);
  template <bool strict>
  Scan scan_blocks(std::string_view input);
  void take(std::string_view& input, std::size_t octets);
  void count_line(std::size_t octets);
  void spoil(ProtocolError by) { broken_ = broken_.value_or(by); }

  std::uint64_t size_ = 0;
  std::uint64_t octets_read_ = 0;
  std::uint64_t max_size_ = 0;
  std::size_t line_ = 0;  ///< octets of the current line so far
  std::size_t max_line_ = 0;
  Framing framing_ = Framing::dots;
  BareNewline bare_newline_ = BareNewline::reject;
  State state_ = State::line_start;
  std::optional<ProtocolError> broken_;
  bool long_line_ = false;
};

}  // namespace postern::smtp
