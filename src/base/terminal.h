// The standard streams of a command: everything written to them is escaped (base/shown.h), so no
// output can bypass it. The program's own colours and line rewrites are written as marks.
#pragma once

#include <cstdint>
#include <mutex>
#include <streambuf>
#include <string>
#include <string_view>

namespace postern {

/// A colour or style; `rewrite` returns to the start of the line and clears it.
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

/// The mark that switches to this colour, or rewrites the line. It contains a secret of the
/// process, so foreign text cannot forge it. The view is valid until the process ends. Thread-safe.
std::string_view ink(Ink ink);

/// Marks become escape sequences (ECMA-48); everything else is escaped as by shown(), except line
/// ends and tabs. Invalid UTF-8 becomes U+FFFD, so that JSON stays valid. Thread-safe.
std::string inked(std::string_view text);

/// Replaces a stream's buffer during its lifetime. Several threads may write.
class TerminalBuffer final : public std::streambuf {
 public:
  /// `is_terminal`: message content is escaped too (write_octets). Borrows the stream.
  TerminalBuffer(std::ostream& stream, bool is_terminal);
  /// Writes what is pending and restores the stream's buffer.
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
  std::mutex mutex_;     ///< threads may share a stream, as with the standard buffer
  std::string pending_;  ///< an incomplete character or mark
};

/// Writes message content: unchanged if the stream is not a terminal, otherwise escaped. False:
/// writing failed.
bool write_octets(std::ostream& out, std::string_view octets);

}  // namespace postern
