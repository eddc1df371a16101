// What is wrong with a text the user wrote: a stable code, where it stands, and what to do.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace postern::app {

enum class Severity : std::uint8_t { error, warning, note };
std::string_view to_string(Severity severity);

/// Lines and columns count from 1; a column is a character (code point). 0: the place is the whole
/// file. The quoted line is kept so that a diagnostic can be shown without its file.
struct Diagnostic {
  Severity severity = Severity::error;
  std::string
      code;  ///< "C012": C config, P policy, L Lua, V vsl, R restriction list, T TLS, D store
  std::string file;
  std::uint32_t line = 0;
  std::uint32_t column = 0;
  std::uint32_t end_column = 0;  ///< one past the last character
  std::string source_line;
  std::string message;  ///< one sentence; quotes the wrong value in backticks, never a secret
  std::string label;    ///< stands behind the carets: "did you mean `x`?"
  std::string hint;     ///< what to do, as a command if there is one
};

/// The block of lines a person reads. Without a place it is the first and last line only.
std::string render(const Diagnostic& diagnostic, bool color = false);
/// "postern.toml:3:1: unknown key `x`", for a log.
std::string on_one_line(const Diagnostic& diagnostic);
/// {"code","severity","file","line","col","endCol","message","hint"} on one line.
std::string to_json(const Diagnostic& diagnostic);

/// Columns of a terminal that `text` takes: tabs 4, wide characters 2, combining ones 0.
std::size_t display_width(std::string_view text);
/// The line `number` (from 1) of `text` without its line end.
std::string_view line_of(std::string_view text, std::uint32_t number);

/// The diagnostics of one load, in the order they were found.
class Diagnostics {
 public:
  /// More than this many of one code are counted, not shown: many of a kind hide no other.
  static constexpr std::size_t cap = 40;

  void add(Diagnostic diagnostic);
  std::size_t errors() const { return errors_; }
  std::size_t warnings() const { return warnings_; }
  bool empty() const { return list_.empty(); }
  const std::vector<Diagnostic>& list() const { return list_; }
  std::size_t left_out() const { return list_.size() - first_of_each().size(); }
  /// The first error on one line. Empty: none.
  std::string first_error() const;
  /// By place in the file; those without a place come last.
  void sort();

  /// All of them and, when some were left out, their count.
  std::string render(bool color = false) const;
  /// One JSON object a line.
  std::string json_lines() const;

 private:
  /// Those that are shown.
  std::vector<const Diagnostic*> first_of_each() const;

  std::vector<Diagnostic> list_;
  std::size_t errors_ = 0;
  std::size_t warnings_ = 0;
};

}  // namespace postern::app
