// Splits a stream into command lines: RFC 5321 §2.3.8 line ends, with bounds.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "smtp/limits.h"

namespace postern::smtp {

/// Reads lines that end in CRLF. For one thread at a time.
class LineReader {
 public:
  /// The result of take(), with the reply that the session gives.
  enum class Status {
    need_input,
    line,
    too_long,       ///< the line was discarded: 500 5.5.2
    auth_too_long,  ///< an AUTH line was discarded: 500 5.5.6
    bare_lf,        ///< 500 5.5.2, then close; so are the next two
    bare_cr,
    nul,
    foreign,  ///< control octets in the client's first line: 554 5.7.0, then close
    endless,  ///< no CRLF within Limits::endless_line: 421
  };
  /// One step of take().
  struct LineView {
    /// What `text` means.
    Status status;
    std::string_view text;  ///< without CRLF; valid until the next take() or feed
  };

  /// Consumes octets from the front of `input`, at most one line. `sasl`: the limit of AUTH lines
  /// applies.
  LineView take(std::string_view& input, const Limits& limits, bool sasl);
  /// The next take() returns the last line again, from a copy: the input need not exist any more.
  void again();
  /// Discards and wipes everything (RFC 3207 §4.2); it may contain an AUTH line.
  void clear();
  /// Releases the buffer if it is empty.
  void shrink();
  /// Octets of memory in use for an incomplete line.
  std::size_t held() const { return held_.capacity(); }

 private:
  void clear_held();
  LineView complete(std::string_view part, const Limits& limits, bool sasl);

  std::string held_;
  std::string_view last_;
  std::size_t seen_ = 0;  ///< octets of the line so far, kept or discarded
  char before_ = 0;       ///< the octet before the next one
  bool first_ = true;     ///< no line has been read yet
  bool dropping_ = false;
  bool dropped_auth_ = false;  ///< the discarded line began with AUTH
  bool taken_ = false;
  bool again_ = false;
};

}  // namespace postern::smtp
