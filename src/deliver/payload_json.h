// A JSON object written straight into a spool::Body, so that long strings never stand in memory as
// a whole. Small values come as boost::json values.
#pragma once

#include <string>
#include <string_view>

#include <boost/json/fwd.hpp>

#include "base/error.h"
#include "spool/body.h"

namespace postern::deliver {

/// Appends `text` (valid UTF-8) to `out` as the inside of a JSON string (RFC 8259 §7).
void json_escape(std::string_view text, std::string& out);

/// Writes one JSON document from front to back. After an I/O error it writes nothing more and
/// finish() returns the error.
class JsonWriter {
 public:
  explicit JsonWriter(spool::Body& body) : body_(body) {}

  void begin_object() { open('{'); }
  void begin_array() { open('['); }
  void end_object() { close('}'); }
  void end_array() { close(']'); }
  void key(std::string_view name);
  void string(std::string_view text);  ///< valid UTF-8
  void value(const boost::json::value& value);

  /// A string in pieces; they may cut anywhere, even inside a character.
  void begin_string();
  void string_piece(std::string_view text);
  /// Octets as base64, between begin_string() and end_string(); any sizes.
  void base64_piece(std::string_view octets);
  void end_string();

  bool failed() const { return !result_; }
  Result<void> finish();

 private:
  void open(char bracket);
  void close(char bracket);
  void separate();
  void flush_if_full();

  spool::Body& body_;
  std::string buffer_;
  std::string carried_;  ///< octets that do not fill a base64 group yet
  bool comma_ = false;   ///< the next element needs one
  Result<void> result_;
};

}  // namespace postern::deliver
