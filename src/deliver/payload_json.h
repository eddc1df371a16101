// A JSON object written straight into a spool::Body, so that long strings never stand in memory as
// a whole. Small values come as boost::json values.
#pragma once

#include <string>
#include <string_view>

#include <boost/json/fwd.hpp>

#include "base/error.h"
#include "base/json_text.h"
#include "spool/body.h"

namespace postern::deliver {

/// Writes one JSON document from front to back. After an I/O error it writes nothing more and
/// finish() returns the error.
class JsonWriter {
 public:
  explicit JsonWriter(spool::Body& body) : body_(body) {}

  void begin_object() { json_.begin_object(); }
  void begin_array() { json_.begin_array(); }
  void end_object() { json_.end_object(), flush_if_full(); }
  void end_array() { json_.end_array(), flush_if_full(); }
  void key(std::string_view name) { json_.key(name); }
  void string(std::string_view text);  ///< valid UTF-8
  void value(const boost::json::value& value);

  /// A string in pieces; they may cut anywhere, even inside a character.
  void begin_string() { json_.begin_string(); }
  void string_piece(std::string_view text);
  /// Octets as base64, between begin_string() and end_string(); any sizes.
  void base64_piece(std::string_view octets);
  void end_string();

  bool failed() const { return !result_; }
  Result<void> finish();

 private:
  void flush_if_full();

  spool::Body& body_;
  JsonText json_;        ///< what is not in the body yet
  std::string carried_;  ///< octets that do not fill a base64 group yet
  Result<void> result_;
};

}  // namespace postern::deliver
