// The data of a log line, and its three formats.
#pragma once

#include <array>
#include <chrono>
#include <string>
#include <string_view>
#include <vector>

#include "telemetry/log.h"

namespace postern::telemetry {

/// One field of a line.
struct LogField {
  std::uint8_t name = 0;  ///< index in field_names
  bool is_bare = false;   ///< a number or literal: not quoted in JSON
  /// Escaped and cut.
  std::string value;
};

/// One log line.
struct LogRecord {
  /// When the event occurred.
  std::chrono::system_clock::time_point time;
  /// The severity.
  Level level = Level::info;
  std::string_view event;  ///< a literal: "decision.refused"
  /// The message for people; empty: none.
  std::string msg;
  /// In the order in which they were added.
  std::vector<LogField> fields;

  /// The value of a field; empty: there is no such field.
  std::string_view find(std::string_view name) const;
};

/// How addresses are shown. The key of the hash is random for each Logger.
struct Discretion {
  /// The style.
  AddressStyle style = AddressStyle::full;
  /// Used by AddressStyle::hash.
  std::array<unsigned char, 32> key{};
};

/// The longest value in octets; longer ones are cut and marked.
inline constexpr std::size_t max_value = 1024;

/// The value as UTF-8 without control characters: these and ill-formed octets become \xNN;
/// characters that are invisible or change the writing direction are escaped too.
std::string clean(std::string_view value);
/// Replaces every mail address in `text` according to `discretion`.
std::string discreet(std::string text, const Discretion& discretion);

/// A line of JSON and LF: {"time":...,"level":...,"event":...,...}.
std::string as_json(const LogRecord& record);
/// A line for a terminal: decisions as a feed, other events in words. Empty: not shown on
/// terminals.
std::string as_text(const LogRecord& record, bool color);
/// A datagram in the journal's native protocol.
std::string as_journal(const LogRecord& record);
/// The journal's MESSAGE_ID of an event: 32 hexadecimal digits, the same in every release.
std::string message_id_of(std::string_view event);

}  // namespace postern::telemetry
