// Writes a JSON object directly into a spool::Body, so that long strings are never in memory as a
// whole. Small values are boost::json values.
#pragma once

#include <string>
#include <string_view>

#include <boost/json/fwd.hpp>

#include "base/error.h"
#include "base/json_text.h"
#include "spool/body.h"

namespace postern::deliver {

/// Writes one JSON document from start to end. After an I/O error it writes nothing more, and
/// finish() returns the error. One thread at a time.
class JsonWriter {
 public:
  /// `body` is borrowed.
  explicit JsonWriter(spool::Body& body) : body_(body) {}

  /// "{"
  void begin_object() { json_.begin_object(); }
  /// "["
  void begin_array() { json_.begin_array(); }
  /// "}"
  void end_object() { json_.end_object(), flush_if_full(); }
  /// "]"
  void end_array() { json_.end_array(), flush_if_full(); }
  /// The name of the next member.
  void key(std::string_view name) { json_.key(name); }
  void string(std::string_view text);  ///< a string; must be valid UTF-8
  /// A small value, serialised at once.
  void value(const boost::json::value& value);

  /// Begins a string. Its pieces may be cut anywhere, even inside a character.
  void begin_string() { json_.begin_string(); }
  /// The next octets of the string.
  void string_piece(std::string_view text);
  /// Octets to encode as base64, between begin_string() and end_string(); of any size.
  void base64_piece(std::string_view octets);
  /// Ends a string.
  void end_string();

  /// Whether an I/O error has occurred.
  bool failed() const { return !result_; }
  /// Writes the rest to the body. Call it once, after the last value.
  Result<void> finish();

 private:
  void flush_if_full();

  spool::Body& body_;
  JsonText json_;        ///< not yet in the body
  std::string carried_;  ///< octets of an incomplete base64 group
  Result<void> result_;
};

}  // namespace postern::deliver
