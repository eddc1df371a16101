// A line between the event that made it and the thread that writes it, and its three faces.
#pragma once

#include <array>
#include <chrono>
#include <string>
#include <string_view>
#include <vector>

#include "telemetry/log.h"

namespace postern::telemetry {

struct LogField {
  std::uint8_t name = 0;  ///< index of field_names
  bool is_bare = false;   ///< a number or literal, unquoted in JSON
  std::string value;
};

struct LogRecord {
  std::chrono::system_clock::time_point time;
  Level level = Level::info;
  std::string_view event;  ///< a literal
  std::string msg;
  std::vector<LogField> fields;

  /// Empty when there is no such field.
  std::string_view find(std::string_view name) const;
};

/// How addresses are shown; the key of the hash is made at random for each Logger.
struct Discretion {
  AddressStyle style = AddressStyle::full;
  std::array<unsigned char, 32> key{};
};

/// Octets of a value at most; what is cut off is marked.
inline constexpr std::size_t max_value = 1024;

/// The value as UTF-8 without control characters: those and ill-formed octets become \xNN, as
/// do characters that hide or turn text.
std::string clean(std::string_view value);
/// Every mail address in `text`, shown as `discretion` says.
std::string discreet(std::string text, const Discretion& discretion);

/// {"time":...,"level":...,"event":...,...} and LF.
std::string as_json(const LogRecord& record);
/// One line for a terminal: decisions as a feed, everything else as words. Empty: not for people.
std::string as_text(const LogRecord& record, bool color);
/// A datagram of the journal's native protocol.
std::string as_journal(const LogRecord& record);
/// The journal's MESSAGE_ID of an event: the same 32 hexadecimal digits in every release.
std::string message_id_of(std::string_view event);

}  // namespace postern::telemetry
