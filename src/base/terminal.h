// The standard streams of a command: all text that is written to them is shown (base/shown.h), so
// that no output can forget it. What may move the cursor is the program's own and goes by marks.
#pragma once

#include <cstdint>
#include <mutex>
#include <streambuf>
#include <string>
#include <string_view>

namespace postern {

enum class Ink : std::uint8_t {
  plain,
  bold,
  red,
  green,
  blue,
  bold_red,
  bold_yellow,
  bold_cyan,
  rewrite
};

/// A mark in a text for a standard stream: from here on it is in this colour, or, of `rewrite`, the
/// line is written anew. Nobody outside the process can know it.
std::string_view ink(Ink ink);

/// The text with the marks made escape sequences of ECMA-48 and everything else shown; line ends
/// and tabs stay. Octets that are no UTF-8 are U+FFFD, so that JSON stays JSON.
std::string inked(std::string_view text);

/// Puts itself in the place of a stream's buffer as long as it lives.
class TerminalBuffer final : public std::streambuf {
 public:
  /// `is_terminal`: octets of messages are shown too (write_octets). Borrows the stream.
  TerminalBuffer(std::ostream& stream, bool is_terminal);
  ~TerminalBuffer() override;
  TerminalBuffer(const TerminalBuffer&) = delete;
  TerminalBuffer& operator=(const TerminalBuffer&) = delete;

 protected:
  int_type overflow(int_type c) override;
  std::streamsize xsputn(const char* text, std::streamsize size) override;
  int sync() override;

 private:
  friend bool write_octets(std::ostream& out, std::string_view octets);
  bool write(std::string_view text, bool all);
  bool write_raw(std::string_view octets);

  std::ostream& stream_;
  std::streambuf* target_;
  const bool is_terminal_;
  std::mutex mutex_;     ///< threads may write to one stream, as without it
  std::string pending_;  ///< the beginning of a character or of a mark
};

/// A message's octets as they are, where no person watches; false: they could not be written.
bool write_octets(std::ostream& out, std::string_view octets);

}  // namespace postern
