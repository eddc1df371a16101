// The log: one structured line per event, in one of three formats (JSON lines, text for a terminal,
// the journal's protocol). Logging never blocks the caller: lines go to a bounded queue with its
// own writing thread. Lines that do not fit are dropped and counted.
//
//   log::info("session.end").field("client_ip", ip).field("duration_ms", took).msg("closed");
//
// The line is queued when the temporary is destroyed. Names are literals checked at compile time: a
// field that is not in `field_names` does not compile.
#pragma once

#include <chrono>
#include <concepts>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "base/ip.h"

namespace postern::telemetry {

/// By severity, the least severe first.
enum class Level : std::uint8_t { debug, info, warning, error };
/// "debug", "info", "warning" or "error".
std::string_view to_string(Level level);

/// How lines are written.
enum class LogFormat : std::uint8_t { automatic, json, text, journald };
/// How mail addresses appear in the log: in full, the domain only, or a keyed hash that is stable
/// while the process runs.
enum class AddressStyle : std::uint8_t { full, domain, hash };

/// Options of the log.
struct LogOptions {
  /// automatic: text on a terminal, journald as a service of systemd, otherwise JSON.
  LogFormat format = LogFormat::automatic;
  /// Less severe lines are discarded.
  Level level = Level::info;
  /// Applies to all values and messages.
  AddressStyle addresses = AddressStyle::full;
  bool color = true;  ///< on a terminal, unless NO_COLOR is set
};

/// The fields of a line besides time, level, event and msg. The journal has them in capitals,
/// prefixed with POSTERN_.
inline constexpr std::string_view field_names[] = {
    "session", "trace",         "message_id", "listener",   "client_ip", "client_port", "helo",
    "tls",     "auth_id",       "mail_from",  "rcpt_to",    "stage",     "layer",       "rule",
    "code",    "enhanced_code", "reply",      "route",      "attempt",   "duration_ms", "bytes",
    "error",   "end",           "messages",   "recipients", "webhook",   "policy",      "status",
    "address", "file",          "method",     "path",       "name",      "version",     "count",
    "remote",  "original",      "place"};

/// The name of an event: lower-case words with dots, "decision.refused".
struct EventName {
  /// Does not compile with other characters.
  consteval EventName(const char* literal) : value(literal) {
    for (const char c : value) {
      if (c != '.' && c != '_' && (c < 'a' || c > 'z')) throw "an event is lower-case words";
    }
  }
  /// The literal.
  std::string_view value;
};

/// The name of a field.
struct FieldName {
  /// Does not compile with a name that is not in field_names.
  consteval FieldName(const char* literal) : index(0) {
    const std::string_view name(literal);
    while (field_names[index] != name) ++index;  // past the end: not a constant expression
  }
  /// In field_names.
  std::uint8_t index;
};

struct LogRecord;
class Logger;

/// A line being built; does nothing if its level is disabled. Values are escaped and cut to 1 KiB;
/// addresses in them follow LogOptions::addresses. For one thread.
class Line {
 public:
  Line(Line&& other) noexcept;
  Line& operator=(Line&&) = delete;
  ~Line();  ///< queues the line

  /// The message for people.
  Line& msg(std::string_view text);
  /// A string.
  Line& field(FieldName name, std::string_view value);
  /// A NUL-terminated string.
  Line& field(FieldName name, const char* value) { return field(name, std::string_view(value)); }
  /// The text form of the address.
  Line& field(FieldName name, const IpAddress& value) {
    return logger_ ? field(name, std::string_view(value.to_string())) : *this;
  }
  /// `true` or `false`.
  Line& field(FieldName name, bool value) {
    return logger_ ? word(name, value ? "true" : "false") : *this;
  }
  /// A decimal number.
  template <std::integral T>
    requires(!std::same_as<T, bool>)
  Line& field(FieldName name, T value) {
    return logger_ ? word(name, std::to_string(value)) : *this;
  }
  /// In milliseconds with three decimals.
  template <class Rep, class Period>
  Line& field(FieldName name, std::chrono::duration<Rep, Period> value) {
    return logger_ ? microseconds(
                         name, std::chrono::duration_cast<std::chrono::microseconds>(value).count())
                   : *this;
  }
  /// Whether the line will be kept: check it before computing an expensive value.
  explicit operator bool() const { return logger_ != nullptr; }

 private:
  friend class Logger;
  Line(Logger* logger, Level level, std::string_view event);
  Line& word(FieldName name, std::string_view bare);  ///< a JSON number or literal
  Line& microseconds(FieldName name, std::int64_t value);

  Logger* logger_;
  std::unique_ptr<LogRecord> record_;
};

/// The destination of lines. Only tests change the defaults.
struct LogOutput {
  /// Standard error.
  int fd = 2;
  /// Used by LogFormat::journald.
  std::string journal_socket = "/run/systemd/journal/socket";
  std::size_t queue = 8192;  ///< lines that may wait; further ones are dropped
};

/// Writes lines on a thread of its own. Thread-safe.
class Logger {
 public:
  /// Starts the thread.
  explicit Logger(const LogOptions& options, const LogOutput& output = {});
  ~Logger();  ///< writes queued lines, for at most two seconds
  Logger(const Logger&) = delete;
  Logger& operator=(const Logger&) = delete;

  /// Whether lines of this level are kept.
  bool enabled(Level level) const { return level >= level_; }
  /// Begins a line.
  Line line(Level level, EventName event);
  /// A line that is discarded.
  static Line nothing() { return Line(nullptr, Level::debug, {}); }
  /// The format in use; never `automatic`.
  LogFormat format() const;
  /// Lines dropped since the start.
  std::uint64_t dropped() const;
  /// Waits until every line queued before the call is written, for at most `limit`.
  void flush(std::chrono::milliseconds limit = std::chrono::seconds(2));

 private:
  friend class Line;
  void submit(std::unique_ptr<LogRecord> record);
  struct State;

  Level level_;
  std::unique_ptr<State> state_;
};

/// The log of the process. Lines before start() and after stop() are discarded; call both while no
/// other thread logs.
namespace log {

/// Replaces the logger, if there is one.
void start(const LogOptions& options, const LogOutput& output = {});
/// Writes queued lines, for at most two seconds, and discards later ones.
void stop();
/// As Logger::flush().
void flush();
/// The format in use; `json` before start().
LogFormat format();

/// Each begins a line of its level. Thread-safe.
Line debug(EventName event);
Line info(EventName event);
Line warning(EventName event);
Line error(EventName event);

}  // namespace log
}  // namespace postern::telemetry
