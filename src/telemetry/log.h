// The log: one structured line an event, in one of three faces (JSON lines, text for a terminal,
// the journal's own protocol). Building a line never waits: a bounded queue and a thread of its own
// stand between the event loops and the disk; what does not fit is dropped and counted.
//
//   log::info("session.end").field("client_ip", ip).field("duration_ms", took).msg("closed");
//
// The line is handed over when the temporary dies. Names are literals and checked by the compiler:
// a field that is not in `field_names` does not compile.
#pragma once

#include <chrono>
#include <concepts>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "base/ip.h"

namespace postern::telemetry {

enum class Level : std::uint8_t { debug, info, warning, error };
std::string_view to_string(Level level);

enum class LogFormat : std::uint8_t { automatic, json, text, journald };
/// What a log shows of mail addresses: all, the domain alone, or a keyed hash that stays the same
/// until the process ends.
enum class AddressStyle : std::uint8_t { full, domain, hash };

struct LogOptions {
  LogFormat format = LogFormat::automatic;  ///< text on a terminal, journald under it, else JSON
  Level level = Level::info;
  AddressStyle addresses = AddressStyle::full;
  bool color = true;  ///< on a terminal, unless NO_COLOR is set
};

/// The fields a line may have besides time, level, event and msg. In the journal they are written
/// in capitals with POSTERN_ before them.
inline constexpr std::string_view field_names[] = {
    "session", "trace",         "message_id", "listener",   "client_ip", "client_port", "helo",
    "tls",     "auth_id",       "mail_from",  "rcpt_to",    "stage",     "layer",       "rule",
    "code",    "enhanced_code", "reply",      "route",      "attempt",   "duration_ms", "bytes",
    "error",   "end",           "messages",   "recipients", "webhook",   "policy",      "status",
    "address", "file",          "method",     "path",       "name",      "version",     "count",
    "remote",  "original",      "place"};

/// The name of an event: lower-case words with dots, "decision.refused".
struct EventName {
  consteval EventName(const char* literal) : value(literal) {
    for (const char c : value) {
      if (c != '.' && c != '_' && (c < 'a' || c > 'z')) throw "an event is lower-case words";
    }
  }
  std::string_view value;
};

struct FieldName {
  consteval FieldName(const char* literal) : index(0) {
    const std::string_view name(literal);
    while (field_names[index] != name) ++index;  // past the end: not a constant expression
  }
  std::uint8_t index;
};

struct LogRecord;
class Logger;

/// A line that is being built; does nothing when its level is off. Values are escaped and cut to
/// 1 KiB; addresses in them follow LogOptions::addresses.
class Line {
 public:
  Line(Line&& other) noexcept;
  Line& operator=(Line&&) = delete;
  ~Line();  ///< hands the line over

  /// The sentence for people.
  Line& msg(std::string_view text);
  Line& field(FieldName name, std::string_view value);
  Line& field(FieldName name, const char* value) { return field(name, std::string_view(value)); }
  Line& field(FieldName name, const IpAddress& value) {
    return logger_ ? field(name, std::string_view(value.to_string())) : *this;
  }
  Line& field(FieldName name, bool value) {
    return logger_ ? word(name, value ? "true" : "false") : *this;
  }
  template <std::integral T>
    requires(!std::same_as<T, bool>)
  Line& field(FieldName name, T value) {
    return logger_ ? word(name, std::to_string(value)) : *this;
  }
  /// Milliseconds with three decimals.
  template <class Rep, class Period>
  Line& field(FieldName name, std::chrono::duration<Rep, Period> value) {
    return logger_ ? microseconds(
                         name, std::chrono::duration_cast<std::chrono::microseconds>(value).count())
                   : *this;
  }
  /// True when the line will be kept: ask before computing something dear.
  explicit operator bool() const { return logger_ != nullptr; }

 private:
  friend class Logger;
  Line(Logger* logger, Level level, std::string_view event);
  Line& word(FieldName name, std::string_view bare);  ///< a JSON number or literal
  Line& microseconds(FieldName name, std::int64_t value);

  Logger* logger_;
  std::unique_ptr<LogRecord> record_;
};

/// Where lines go. Tests and the journal set other values.
struct LogOutput {
  int fd = 2;
  std::string journal_socket = "/run/systemd/journal/socket";
  std::size_t queue = 8192;  ///< lines waiting; more are dropped
};

class Logger {
 public:
  explicit Logger(const LogOptions& options, const LogOutput& output = {});
  ~Logger();  ///< writes what waits, two seconds at most
  Logger(const Logger&) = delete;
  Logger& operator=(const Logger&) = delete;

  bool enabled(Level level) const { return level >= level_; }
  Line line(Level level, EventName event);
  /// A line that goes nowhere.
  static Line nothing() { return Line(nullptr, Level::debug, {}); }
  /// The face that `automatic` became.
  LogFormat format() const;
  std::uint64_t dropped() const;
  /// Waits until everything handed over before is written, or the time is over.
  void flush(std::chrono::milliseconds limit = std::chrono::seconds(2));

 private:
  friend class Line;
  void submit(std::unique_ptr<LogRecord> record);
  struct State;

  Level level_;
  std::unique_ptr<State> state_;
};

/// The process's own log. Before start() and after stop() lines vanish; both are called while no
/// other thread logs.
namespace log {

void start(const LogOptions& options, const LogOutput& output = {});
void stop();
void flush();
/// The format in use; json before start().
LogFormat format();

Line debug(EventName event);
Line info(EventName event);
Line warning(EventName event);
Line error(EventName event);

}  // namespace log
}  // namespace postern::telemetry
