// Errors in text that the user wrote: a stable code, a place, and what to do.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace postern::app {

/// An error makes the text unusable.
enum class Severity : std::uint8_t { error, warning, note };
/// "error", "warning" or "note".
std::string_view to_string(Severity severity);

/// A line that many diagnostics quote: copies share it. Thread-safe to copy and to read.
class SourceLine {
 public:
  SourceLine() = default;
  SourceLine(std::string text)  // NOLINT(google-explicit-constructor): a string that is shared
      : text_(std::make_shared<const std::string>(std::move(text))) {}
  SourceLine(const char* text) : SourceLine(std::string(text)) {}  // NOLINT: the same

  /// Valid as long as a copy of the object lives.
  std::string_view view() const { return text_ ? std::string_view(*text_) : std::string_view(); }
  friend bool operator==(const SourceLine& one, std::string_view other) {
    return one.view() == other;
  }

 private:
  std::shared_ptr<const std::string> text_;
};

/// Lines and columns count from 1; a column is a code point. 0: the whole file. The source line is
/// included, so that a diagnostic can be shown without its file.
struct Diagnostic {
  /// How bad it is.
  Severity severity = Severity::error;
  /// "C012": C config, G guardrail, P policy, L Lua, V vsl, R restriction list, T TLS, D store
  std::string code;
  std::string file;              ///< as the user named it; empty: none
  std::uint32_t line = 0;        ///< from 1
  std::uint32_t column = 0;      ///< from 1
  std::uint32_t end_column = 0;  ///< one past the last character
  SourceLine source_line;        ///< empty: none
  std::string message;  ///< one sentence; quotes the wrong value in backticks, but no secrets
  std::string label;    ///< after the carets: "did you mean `x`?"; may be empty
  std::string hint;     ///< what to do, as a command if possible; may be empty
};

/// The lines for a terminal: with a place, the source line and carets between message and hint.
std::string render(const Diagnostic& diagnostic, bool color = false);
/// "postern.toml:3:1: unknown key `x`", for a log.
std::string on_one_line(const Diagnostic& diagnostic);
/// {"code","severity","file","line","col","endCol","message","hint"} on one line.
std::string to_json(const Diagnostic& diagnostic);

/// Terminal columns of `text`: tabs 4, wide characters 2, combining characters 0.
std::size_t display_width(std::string_view text);
/// The line `number` (from 1) of `text` without its line end.
std::string_view line_of(std::string_view text, std::uint32_t number);

/// The diagnostics of one load, in the order of add() until sort().
class Diagnostics {
 public:
  /// Diagnostics of one code that are shown; more are only counted, so that one code does not hide
  /// others.
  static constexpr std::size_t cap = 40;

  /// Adds one, in any number.
  void add(Diagnostic diagnostic);
  /// Number of errors.
  std::size_t errors() const { return errors_; }
  /// Number of warnings.
  std::size_t warnings() const { return warnings_; }
  /// Whether there are none, notes included.
  bool empty() const { return list_.empty(); }
  /// All of them, also those above `cap`.
  const std::vector<Diagnostic>& list() const { return list_; }
  /// How many render() and json_lines() leave out.
  std::size_t left_out() const { return list_.size() - first_of_each().size(); }
  /// The first error on one line; empty: none.
  std::string first_error() const;
  /// Sorts by place in the file; diagnostics without a place come last.
  void sort();

  /// All shown diagnostics, and the number of those left out.
  std::string render(bool color = false) const;
  /// One JSON object per line.
  std::string json_lines() const;

 private:
  /// The diagnostics that are shown.
  std::vector<const Diagnostic*> first_of_each() const;

  std::vector<Diagnostic> list_;
  std::size_t errors_ = 0;
  std::size_t warnings_ = 0;
};

}  // namespace postern::app
