// Command lines out of a stream: RFC 5321 §2.3.8 line ends, and a bound on everything.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "smtp/limits.h"

namespace postern::smtp {

class LineReader {
 public:
  enum class Status {
    need_input,
    line,
    too_long,       ///< the line was dropped to its end: 500 5.5.2
    auth_too_long,  ///< the same of an AUTH command: 500 5.5.6
    bare,           ///< bare LF, bare CR or NUL: 500 5.5.2, then the end
    foreign,  ///< control octets where the client's first words should be: 554 5.7.0, then the end
    endless,  ///< no CRLF in sight: 421
  };
  struct LineView {
    Status status;
    std::string_view text;  ///< without CRLF; valid until the next call or the next feed
  };

  /// Takes octets from the front of `input`, a line at most. `sasl`: the limit for AUTH holds.
  LineView take(std::string_view& input, const Limits& limits, bool sasl);
  /// The next take() gives the last line once more, from a copy: the input may be gone by then.
  void again();
  /// Forgets everything (RFC 3207 §4.2), wiping it: it may be an AUTH line.
  void clear();
  void shrink();
  /// Octets of memory kept of a line.
  std::size_t held() const { return held_.capacity(); }

 private:
  void clear_held();
  LineView complete(std::string_view part, const Limits& limits, bool sasl);

  std::string held_;
  std::string_view last_;
  std::size_t seen_ = 0;  ///< octets of the line so far, kept or dropped
  char before_ = 0;       ///< the octet before the next one
  bool first_ = true;     ///< the client has not said a line yet
  bool dropping_ = false;
  bool dropped_auth_ = false;  ///< what is dropped began with AUTH
  bool taken_ = false;
  bool again_ = false;
};

}  // namespace postern::smtp
